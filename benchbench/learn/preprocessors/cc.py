"""Constrained convolution."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor
from benchbench.forensics import ConstrainedConv


class Cc(Preprocessor):
    """Constrained convolution: learned prediction-error filters."""

    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.filter = ConstrainedConv()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))
