"""VGG-16."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from benchbench.contracts.profile import VggShape


class _Vgg(nn.Module):
    """VGG's convolutions, global average pooling and one linear layer."""

    def __init__(self, shape: VggShape, in_channels: int, classes: int, dropout: float) -> None:
        from timm.layers.classifier import ClassifierHead
        from timm.models.vgg import VGG

        super().__init__()
        c = shape.channels
        config = [c[0]] * 2 + ["M"] + [c[1]] * 2 + ["M"] + [c[2]] * 3 + ["M"] + [c[3]] * 3 + ["M"] + [c[4]] * 3 + ["M"]
        # timm's own head has 4096-wide layers; a tiny ratio keeps the one that is thrown away small.
        whole = VGG(config, in_chans=in_channels, norm_layer=nn.BatchNorm2d, mlp_ratio=1 / 4096)
        self.features = whole.features
        self.head = ClassifierHead(c[4], classes, pool_type="avg", drop_rate=dropout)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.features(x)))
