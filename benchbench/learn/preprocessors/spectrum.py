"""The log-spectrum of each color, as the detector Spec sees it."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbench.contracts.preprocessor import Preprocessor

FLOOR = 1e-3
"""Added to magnitudes before their logarithm."""
LOW, HIGH = 0.05, 0.95
"""Quantiles that become -1 and 1."""


class Spectrum(Preprocessor):
    """Log-magnitude of each color's Fourier transform, its 5 % and 95 % quantiles at -1 and 1.

    Source: Zhang, Karaman & Chang 2019, and AutoGAN, its release.
    """

    key = "benchbench/spectrum"
    channels = 3
    title = "Log-spectra"

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3, H, W) in [-1, 1], frequency 0 in the first row and column, for photographs in [0, 1]."""
        magnitude = torch.fft.fft2((x * 2 - 1).float()).abs()
        logs = torch.log(magnitude + FLOOR)
        bounds = torch.quantile(logs.flatten(2), logs.new_tensor([LOW, HIGH]), dim=2)[..., None, None]
        return ((logs - bounds[0]) / (bounds[1] - bounds[0]).clamp_min(1e-6) * 2 - 1).clamp(-1, 1)
