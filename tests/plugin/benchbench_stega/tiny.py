"""A backbone with a shape of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import Backbone, Section

if TYPE_CHECKING:
    from torch import nn


class TinyShape(Section):
    """Channels of both convolutions."""

    channels: int = 6


class Tiny(Backbone[TinyShape]):
    """Two convolutions and a linear layer."""

    shape = TinyShape
    cost = 0.1

    def build(self, shape: TinyShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        from torch import nn

        c = shape.channels
        return nn.Sequential(
            nn.Conv2d(in_channels, c, 3, stride=2),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            nn.Conv2d(c, c, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(c, classes),
        )
