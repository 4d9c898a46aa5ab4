"""The network of Bondi et al. 2017, for tiles of 64 x 64 px."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn


class BondiShape(Section):
    """Widths of the four convolutions and of the hidden layer."""

    channels: tuple[int, int, int, int] = (32, 48, 64, 128)
    hidden: int = 128


class Bondi2017(Backbone[BondiShape]):
    """Bondi2017: four convolutions of tiles of 64 x 64 px, two linear layers, one ReLU; the mean over tiles.

    Source: Bondi et al. 2017, and the layers of its release: no padding, 2 x 2 max-pooling after the first three, a
    mean image off, / 80 gray levels. With n classes it has 338 320 + 129 n weights.
    """

    shape = BondiShape
    cost = 0.3

    def build(self, shape: BondiShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`; it has no dropout."""
        from benchbench.learn.backbones.bondi_network import BondiNetwork

        return BondiNetwork(shape.channels, shape.hidden, in_channels, classes)
