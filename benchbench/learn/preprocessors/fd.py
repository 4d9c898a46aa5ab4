"""Finite differences, alone and beside the photograph."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor
from benchbench.forensics import FiniteDifferences


class Fd(Preprocessor):
    """Third-order finite differences."""

    key = "fd"
    channels = 6

    def __init__(self) -> None:
        super().__init__()
        self.filter = FiniteDifferences()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 6, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))


class RgbFd(Preprocessor):
    """The photograph and its finite differences, concatenated."""

    key = "rgb+fd"
    channels = 9

    def __init__(self) -> None:
        super().__init__()
        self.filter = FiniteDifferences()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 9, H, W)."""
        scaled = x * 2 - 1
        return torch.cat([scaled, self.filter(scaled)], dim=1)
