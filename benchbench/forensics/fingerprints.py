"""Sensor fingerprints: PRNU by maximum likelihood, and the peak-to-correlation energy of a photograph with one.

Source: Chen, Fridrich, Goljan & Lukas 2008 (the estimate); Goljan, Fridrich & Filler 2009 (PCE). Details as in the
public release of the Binghamton group: residuals of sigma 3 for fingerprints and 2 for probes, a neighborhood of
11 x 11, no search over shifts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .residuals import check_images
from .wiener import spectral_wiener, wavelet_wiener

FINGERPRINT_SIGMA = 3.0
PROBE_SIGMA = 2.0
"""Standard deviation of noise, gray levels."""
SATURATED = 250 / 255
"""A brighter value tells nothing of its pixel."""
NEIGHBORHOOD = 11
"""Side in px of what is left out of the energy round the peak."""
_LUMA = (0.299, 0.587, 0.114)


def without_phase_means(x: Tensor) -> Tensor:
    """Return pictures (..., H, W) less the means of rows and columns in each of the four phases of a Bayer mosaic.

    What demosaicing and readout give all cameras of a model alike goes with them.
    """
    made = x.clone()
    for i in (0, 1):
        for j in (0, 1):
            phase = made[..., i::2, j::2]
            phase = phase - phase.mean(dim=-1, keepdim=True)
            made[..., i::2, j::2] = phase - phase.mean(dim=-2, keepdim=True)
    return made


class FingerprintEstimate:
    """The maximum-likelihood PRNU of what took some photographs: K = sum(W I) / (sum(I^2) + 1), W their residuals."""

    def __init__(self) -> None:
        self.numerator: Tensor | None = None
        self.denominator: Tensor | None = None

    def add(self, x: Tensor) -> None:
        """Take photographs, float32 (N, 3, H, W) in [0, 1]; saturated values are left out.

        Raises:
            ValueError: another shape, or another size than before.
        """
        check_images(x)
        residual = wavelet_wiener(x, sigma=FINGERPRINT_SIGMA, spectral=False).double()
        light = torch.where(x >= SATURATED, 0.0, x).double()
        above, below = (residual * light).sum(dim=0), light.square().sum(dim=0)
        if self.numerator is None or self.denominator is None:
            self.numerator, self.denominator = above, below
        elif self.numerator.shape != above.shape:
            raise ValueError(f"photographs of {tuple(above.shape)} after some of {tuple(self.numerator.shape)}")
        else:
            self.numerator, self.denominator = self.numerator + above, self.denominator + below

    def fingerprint(self) -> Tensor:
        """Return the estimate, float32 (H, W): gray, without the means of phases, filtered in the DFT.

        Raises:
            ValueError: no photograph was taken.
        """
        if self.numerator is None or self.denominator is None:
            raise ValueError("a fingerprint is estimated from photographs; there is none")
        estimate = gray(without_phase_means(self.numerator / (self.denominator + 1))[None])
        return spectral_wiener(estimate.float())[0, 0]


def gray(x: Tensor) -> Tensor:
    """Return the brightness of pictures (N, 3, H, W), (N, 1, H, W)."""
    weights = torch.tensor(_LUMA, dtype=x.dtype, device=x.device)
    return torch.einsum("nchw,c->nhw", x, weights)[:, None]


def probe_residual(x: Tensor) -> Tensor:
    """Return what a photograph shows of its sensor, float32 (N, 1, H, W), for photographs (N, 3, H, W) in [0, 1]."""
    residual = wavelet_wiener(gray(x), sigma=PROBE_SIGMA, spectral=False)
    return spectral_wiener(without_phase_means(residual))


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """Return the circular cross-correlation of pictures (..., H, W), means removed, at every shift, by the DFT."""
    spectra = [torch.fft.rfft2((x - x.mean(dim=(-2, -1), keepdim=True)).double()) for x in (one, other)]
    found: Tensor = torch.fft.irfft2(spectra[0] * spectra[1].conj(), s=one.shape[-2:])
    return found


def pce(correlated: Tensor) -> Tensor:
    """Return the peak-to-correlation energy at shift 0 with its sign, (...), of correlations (..., H, W).

    C(0)^2 over the mean of C^2 outside the neighborhood of shift 0; 0 where nothing correlates with anything.
    """
    half = NEIGHBORHOOD // 2
    height, width = correlated.shape[-2:]
    near_rows = torch.arange(-half, half + 1, device=correlated.device) % height
    near_columns = torch.arange(-half, half + 1, device=correlated.device) % width
    outside = torch.ones(height, width, dtype=torch.bool, device=correlated.device)
    outside[near_rows[:, None], near_columns[None, :]] = False
    peak = correlated[..., 0, 0]
    energy = (correlated.square() * outside).sum(dim=(-2, -1)) / outside.sum()
    return torch.where(energy > 0, peak.sign() * peak.square() / energy.clamp_min(1e-300), 0.0)


def pce_with(x: Tensor, fingerprints: Tensor) -> Tensor:
    """Return the PCE of each photograph (N, 3, H, W) in [0, 1] with each fingerprint (D, H, W), float64 (N, D).

    The residual is compared with I K, the photograph's brightness times the fingerprint.

    Raises:
        ValueError: photographs and fingerprints are not of one size.
    """
    if x.shape[-2:] != fingerprints.shape[-2:]:
        raise ValueError(
            f"photographs of {x.shape[-1]} x {x.shape[-2]} px and fingerprints of "
            f"{fingerprints.shape[-1]} x {fingerprints.shape[-2]}"
        )
    light, residual = gray(x), probe_residual(x)
    found = [pce(correlation(residual, light * one)).squeeze(1) for one in fingerprints]
    return torch.stack(found, dim=1)
