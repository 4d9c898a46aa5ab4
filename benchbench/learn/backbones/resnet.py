"""ResNet-18 and ResNet-50."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.numbers import Steps
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn


class ResNetShape(Section):
    """Widths of the four stages (before a bottleneck's expansion) and of the stem."""

    channels: tuple[Steps, Steps, Steps, Steps] = (64, 128, 256, 512)
    stem: Steps = 64


class _ResNet(Backbone[ResNetShape]):
    shape = ResNetShape
    block: ClassVar[str]
    layers: ClassVar[tuple[int, int, int, int]]

    def build(self, shape: ResNetShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`."""
        from timm.models import resnet
        from torch import nn

        # timm sets the stem's width in its 'deep' variant only: ask for that, then put the published 7x7 stem there.
        common: dict[str, Any] = {"in_chans": in_channels, "num_classes": classes, "drop_rate": dropout}
        common |= {"channels": shape.channels, "stem_type": "deep", "stem_width": shape.stem // 2}
        network: Any = resnet.ResNet(getattr(resnet, self.block), self.layers, **common)
        stem = nn.Conv2d(in_channels, shape.stem, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
        network.conv1 = stem
        return cast("nn.Module", network)


class ResNet18(_ResNet):
    """ResNet-18: basic blocks with skip connections, 18 layers."""

    block = "BasicBlock"
    layers = (2, 2, 2, 2)


class ResNet50(_ResNet):
    """ResNet-50: bottlenecks with skip connections, 50 layers."""

    block = "Bottleneck"
    layers = (3, 4, 6, 3)
    cost = 1.35
