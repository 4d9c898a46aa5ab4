"""The photograph itself."""

from __future__ import annotations

from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor


class Rgb(Preprocessor):
    """The photograph itself, scaled to [-1, 1]."""

    key = "rgb"

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return x * 2 - 1
