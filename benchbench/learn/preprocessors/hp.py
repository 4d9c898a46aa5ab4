"""One fixed high-pass filter."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor
from benchbench.forensics import HighPass


class Hp(Preprocessor):
    """One fixed high-pass filter."""

    key = "hp"
    channels = 1

    def __init__(self) -> None:
        super().__init__()
        self.filter = HighPass()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))
