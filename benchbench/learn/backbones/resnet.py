"""ResNet-18 and ResNet-50."""

from __future__ import annotations

from typing import Any, Literal, cast

from torch import nn

from benchbench.contracts.profile import ResNetShape


def _resnet(
    block: Literal["BasicBlock", "Bottleneck"], layers: tuple[int, ...], shape: ResNetShape, **common: Any
) -> nn.Module:
    from timm.models import resnet

    # timm sets the stem's width in its 'deep' variant only: ask for that, then put the published 7x7 stem in its place.
    common |= {"channels": shape.channels, "stem_type": "deep", "stem_width": shape.stem // 2}
    network: Any = resnet.ResNet(cast(Any, getattr(resnet, block)), layers, **common)
    stem = nn.Conv2d(common["in_chans"], shape.stem, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    return cast(nn.Module, network)
