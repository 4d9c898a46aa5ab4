"""DenseNet-BC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.numbers import Steps
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn


class DenseNetShape(Section):
    """DenseNet-BC: growth rate and layers a block; the stem has twice the growth rate's channels."""

    growth: Steps = 12
    blocks: tuple[Steps, Steps, Steps] = (16, 16, 16)


class DenseNet100(Backbone[DenseNetShape]):
    """DenseNet-BC (L=100, k=12): each layer sees the outputs of all before it."""

    shape = DenseNetShape
    cost = 1.45

    def build(self, shape: DenseNetShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`."""
        from timm.models.densenet import DenseNet

        return DenseNet(shape.growth, shape.blocks, in_chans=in_channels, num_classes=classes, drop_rate=dropout)


class DeepDenseNetShape(Section):
    """DenseNet-BC in four blocks: growth rate and layers a block; the stem has twice the growth rate's channels."""

    growth: int = 32
    blocks: tuple[int, int, int, int] = (6, 12, 48, 32)


class DenseNet201(Backbone[DeepDenseNetShape]):
    """DenseNet-201: four dense blocks."""

    shape = DeepDenseNetShape
    cost = 1.45

    def build(self, shape: DeepDenseNetShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`."""
        from timm.models.densenet import DenseNet

        return DenseNet(shape.growth, shape.blocks, in_chans=in_channels, num_classes=classes, drop_rate=dropout)
