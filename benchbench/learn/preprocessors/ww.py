"""Wavelet-domain Wiener residual."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor
from benchbench.forensics import WaveletWiener


class Ww(Preprocessor):
    """Wavelet-domain Wiener residual of the whole photograph, in the [-1, 1] scale."""

    key = "ww"
    whole_image = True
    title = "wiener residuals"

    def __init__(self) -> None:
        super().__init__()
        self.filter = WaveletWiener(scale=255.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return cast(Tensor, self.filter(x)) * 2
