"""What an attack did to photographs: PSNR, SSIM and mean absolute difference of each; and scaling to a PSNR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbench.metrics.rates import PEAK, psnr

WINDOW, SIGMA = 11, 1.5
"""SSIM's Gaussian window, px (Wang et al. 2004)."""
BLOCK = 32
"""Rows that are averaged by one matrix product."""
TOLERANCE = 0.001
"""dB by which a rescaled photograph may miss its budget, where rounding allows to hit it at all."""
_CPU_GROUP_ELEMENTS = 2**20
"""Values measured at a time: five photographs of 256 px, one of 512 px."""


@dataclass(frozen=True)
class Distortion:
    """One value a photograph, float64 (N,)."""

    psnr: NDArray[np.float64]
    """dB, infinite where nothing changed."""
    ssim: NDArray[np.float64]
    """Structural similarity, 1 where nothing changed; NaN for photographs smaller than its window."""
    l1: NDArray[np.float64]
    """Mean absolute difference in gray levels."""

    @classmethod
    def joined(cls, parts: list[Distortion]) -> Distortion:
        """Return all parts, one after another."""
        names = ("psnr", "ssim", "l1")
        return cls(*(np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)]) for name in names))


def distortion(x: Tensor, y: Tensor, *, rounded: bool) -> Distortion:
    """Measure what turned `x` into `y`.

    Args:
        x, y: (N, 3, H, W) in [0, 1].
        rounded: both are 8-bit photographs, so that gray levels are whole numbers.
    """
    # On a CPU, a photograph at a time is faster, and a batch of 16 at 512 px would take 1.2 GB for its float64 values
    # and SSIM's five maps. No sum goes over two photographs, so that groups give the same values.
    group = max(1, _CPU_GROUP_ELEMENTS // x.shape[1:].numel()) if x.device.type == "cpu" else max(1, len(x))
    pairs = zip(torch.split(x, group), torch.split(y, group), strict=True)
    return Distortion.joined([_distortion(a, b, rounded) for a, b in pairs])


def _distortion(x: Tensor, y: Tensor, rounded: bool) -> Distortion:
    before, after = (t.to(torch.float64).mul(PEAK) for t in (x, y))
    if rounded:
        before, after = before.round(), after.round()
    error = (after - before).flatten(1)
    squared = error.square().sum(dim=1).cpu()
    return Distortion(
        psnr=np.array([psnr(float(e), error.shape[1]) for e in squared], dtype=np.float64),
        ssim=_similarity(x, y),
        l1=error.abs().mean(dim=1).cpu().numpy(),
    )


def _similarity(x: Tensor, y: Tensor) -> NDArray[np.float64]:
    if min(x.shape[-2:]) < WINDOW:
        return np.full(len(x), np.nan)
    found: NDArray[np.float64] = ssim(x, y).double().cpu().numpy()
    return found


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of each pair, (N,): the mean over colors and over all whole windows.

    Source: Wang et al. 2004, equation 13, with an 11 x 11 Gaussian window, K1 = 0.01, K2 = 0.03.

    Args:
        x, y: (N, 3, H, W) in [0, 1], at least 11 px a side.
    """
    h, w = x.shape[-2:]
    if min(h, w) < WINDOW:
        raise ValueError(f"photographs of {h}x{w} px; SSIM needs at least {WINDOW}x{WINDOW}")
    # Values around 0 keep the differences of squares exact enough in float32.
    x, y = x.float() - 0.5, y.float() - 0.5
    maps = torch.stack([x, y, x * x, y * y, x * y])
    smooth = _smooth(_smooth(maps).mT).mT
    mean_x, mean_y, xx, yy, xy = smooth
    variance = xx - mean_x.square() + yy - mean_y.square()
    covariance = xy - mean_x * mean_y
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    c1, c2 = 0.01**2, 0.03**2
    level = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    similarity: Tensor = level * (2 * covariance + c2) / (variance + c2)
    return similarity.mean((1, 2, 3))


def _smooth(maps: Tensor) -> Tensor:
    """Average (..., H, W) over the Gaussian window along rows: (..., H - 10, W)."""
    size = maps.shape[-2] - WINDOW + 1
    parts = []
    for start in range(0, size, BLOCK):
        rows = min(BLOCK, size - start)
        parts.append(_window(rows, maps.device) @ maps.narrow(-2, start, rows + WINDOW - 1))
    return torch.cat(parts, dim=-2)


def _window(rows: int, device: torch.device) -> Tensor:
    """Return the Gaussian window as a (rows, rows + 10) matrix: ten times faster than convolving.

    One matrix for a whole side would be zeros but for its band, and multiply them all.
    """
    places = torch.arange(WINDOW, device=device, dtype=torch.float32) - WINDOW // 2
    row = torch.exp(-places.square() / (2 * SIGMA**2))
    matrix = torch.zeros(rows, rows + WINDOW - 1, device=device)
    for k, weight in enumerate(row / row.sum()):
        matrix.diagonal(k).fill_(float(weight))
    return matrix


def eight_bits(x: Tensor) -> Tensor:
    """Round to what a file can hold: 256 values in [0, 1]."""
    return x.mul(PEAK).round_().clamp_(0, PEAK).div_(PEAK)


def rescale(x: Tensor, y: Tensor, budget: float, *, rounded: bool) -> Tensor:
    """Scale each perturbation y - x by one factor so that its photograph has a PSNR of `budget` dB.

    The PSNR is that of the photograph clipped to [0, 1] and, with `rounded`, of 8 bits: bisection on the factor. A
    photograph that did not change stays as it is, since it has no direction to scale. Where rounding or clipping keep
    a photograph from its budget, it gets, of all factors that were tried, the one that comes nearest.

    Args:
        x, y: (N, 3, H, W) in [0, 1].
        budget: dB.
        rounded: round to 8 bits, before measuring and in what is returned.
    """
    return torch.cat([_rescaled(a[None], b[None], budget, rounded) for a, b in zip(x, y, strict=True)])


def _rescaled(x: Tensor, y: Tensor, budget: float, rounded: bool) -> Tensor:
    change = (y - x).double()
    size = float(change.square().mean())
    if size == 0:
        return x.clone()
    before = x.double()

    def shown(factor: float) -> Tensor:
        moved = (before + factor * change).clamp_(0, 1)
        return eight_bits(moved) if rounded else moved

    tried: dict[float, float] = {}

    def level(factor: float) -> float:
        tried[factor] = psnr(float((shown(factor) - before).mul(PEAK).square().sum()), x[0].numel())
        return tried[factor]

    start = 10 ** (-budget / 20) / size**0.5  # without clipping and rounding this is the factor
    low, high = start / 2, start * 2
    while level(low) < budget and low > start / 2**10:
        low /= 2
    while level(high) > budget and high < start * 2**10:
        high *= 2
    factor = start
    for _ in range(40):
        value = level(factor)
        if abs(value - budget) <= TOLERANCE:
            return shown(factor).to(x.dtype)
        low, high = (factor, high) if value > budget else (low, factor)
        factor = (low * high) ** 0.5
    # One gray level for all pixels at once may jump over the budget, on either side of which the bisection ends.
    return shown(min(tried, key=lambda factor: abs(tried[factor] - budget))).to(x.dtype)
