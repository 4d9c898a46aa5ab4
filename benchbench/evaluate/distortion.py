"""Differences between photographs: errors in gray levels, SSIM, rounding to 8 bits, scaling to a PSNR."""

from __future__ import annotations

import torch
from torch import Tensor

from benchbench.metrics.rates import PEAK, psnr

WINDOW, SIGMA = 11, 1.5
"""SSIM's Gaussian window, px (Wang et al. 2004)."""
BLOCK = 32
"""Rows that are averaged by one matrix product."""
TOLERANCE = 0.001
"""dB by which a rescaled photograph may miss its budget, where rounding allows to hit it at all."""


def levels(x: Tensor, rounded: bool) -> Tensor:
    """Return photographs in gray levels, float64, whole numbers if `rounded`."""
    found = x.to(torch.float64).mul(PEAK)
    return found.round() if rounded else found


def errors(x: Tensor, y: Tensor, rounded: bool) -> Tensor:
    """Return the difference of each pair in gray levels, float64 (N, 3 H W)."""
    return (levels(y, rounded) - levels(x, rounded)).flatten(1)


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
