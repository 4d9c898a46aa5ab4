"""VGG-16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.numbers import Steps
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn


class VggShape(Section):
    """Channels of the five VGG stages."""

    channels: tuple[Steps, Steps, Steps, Steps, Steps] = (64, 128, 256, 512, 512)


class Vgg16(Backbone[VggShape]):
    """VGG-16: its 13 convolutions, global average pooling and one linear layer."""

    shape = VggShape
    cost = 2.0

    def build(self, shape: VggShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`."""
        from timm.layers.classifier import ClassifierHead
        from timm.models.vgg import VGG
        from torch import nn

        c = shape.channels
        config = [c[0]] * 2 + ["M"] + [c[1]] * 2 + ["M"] + [c[2]] * 3 + ["M"] + [c[3]] * 3 + ["M"] + [c[4]] * 3 + ["M"]
        # timm's own head has 4096-wide layers; a tiny ratio keeps the one that is thrown away small.
        network = VGG(config, in_chans=in_channels, norm_layer=nn.BatchNorm2d, mlp_ratio=1 / 4096)
        network.pre_logits = nn.Identity()  # type: ignore[assignment]
        network.head = ClassifierHead(c[4], classes, pool_type="avg", drop_rate=dropout)
        return network
