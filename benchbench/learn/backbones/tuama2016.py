"""A reconstruction of the network of Tuama et al. 2016."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn


class TuamaShape(Section):
    """Widths of the three convolutions and of the two hidden layers; side: of the pictures that it sees, px."""

    channels: tuple[int, int, int] = (64, 48, 48)
    hidden: tuple[int, int] = (256, 256)
    side: int = 256


class Tuama2016(Backbone[TuamaShape]):
    """Tuama2016, reconstructed: three convolutions and three linear layers, meant to stand behind the high-pass HP.

    Source: Tuama et al. 2016, whose layers are not among our sources; kernels, widths, poolings and batch norms are
    ours. Without the latter residuals, which are small, teach it little (docs/spoc2019.md, "Trials").
    """

    shape = TuamaShape
    cost = 0.5
    version = 2

    def build(self, shape: TuamaShape, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`; the dropout before the last layer is 0.5 whatever the profile says."""
        from benchbench.learn.backbones.tuama_network import TuamaNetwork

        return TuamaNetwork(shape.channels, shape.hidden, shape.side, in_channels, classes)
