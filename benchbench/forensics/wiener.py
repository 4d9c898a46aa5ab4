"""The wavelet-domain Wiener residual (WW), as used to extract sensor noise."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .residuals import check_images, weighted_sum

__all__ = ["WAVELET_WIENER_MIN_SIZE", "WaveletWiener", "spectral_wiener", "wavelet_wiener"]

_Dim = Literal[-2, -1]  # rows are stacked along -2, columns along -1

WAVELET_WIENER_MIN_SIZE = 8
"""Smallest H and W of `wavelet_wiener`: the length of the db4 filters. The bands of every level then stay at
least as long as the border extension, so that one reflection suffices."""

# Daubechies' orthonormal wavelet with four vanishing moments, "db4" (I. Daubechies, Ten Lectures on Wavelets,
# 1992, table 6.1).
_ANALYSIS_LOW = (
    -0.010597401785069032,
    0.0328830116668852,
    0.030841381835560764,
    -0.18703481171909309,
    -0.027983769416859854,
    0.6308807679298589,
    0.7148465705529157,
    0.2303778133088965,
)
_SYNTHESIS_LOW = _ANALYSIS_LOW[::-1]
_ANALYSIS_HIGH = tuple(-tap if k % 2 == 0 else tap for k, tap in enumerate(_SYNTHESIS_LOW))
_SYNTHESIS_HIGH = _ANALYSIS_HIGH[::-1]


def _analyze(x: Tensor, dim: _Dim) -> tuple[Tensor, Tensor]:
    """One level of the db4 transform along `dim`: n samples -> twice (n + 7) // 2 coefficients, low and high.

    y[i] = sum_k h[k] x[2 i + 1 - k], with x reflected at its ends (the end sample is repeated).
    """
    taps, size = len(_ANALYSIS_LOW), x.shape[dim]
    length = (size + taps - 1) // 2
    before, after = taps - 2, 2 * length - size
    extended = torch.cat(
        [
            x.narrow(dim, 0, before).flip(dim),
            x,
            x.narrow(dim, size - after, after).flip(dim),
        ],
        dim=dim,
    )
    # Even and odd samples apart: contiguous columns add several times faster than every other column.
    if dim == -1:
        even, odd = extended[..., 0::2].contiguous(), extended[..., 1::2].contiguous()
    else:
        even, odd = extended[..., 0::2, :], extended[..., 1::2, :]
    # With m = 2 (i + j) + parity for the extended samples, k = 7 - m + 2 i.
    shifted = [(even if k % 2 else odd).narrow(dim, (taps - 1 - k) // 2, length) for k in range(taps)]
    low = weighted_sum(list(zip(_ANALYSIS_LOW, shifted, strict=True)))
    high = weighted_sum(list(zip(_ANALYSIS_HIGH, shifted, strict=True)))
    return low, high


def _synthesize(low_band: Tensor, high_band: Tensor, dim: _Dim) -> Tensor:
    """Inverse of `_analyze`: twice n coefficients -> 2 n - 6 samples, at most one more than were analyzed.

    x[m] = sum_i low_band[i] g[m + 6 - 2 i] + high_band[i] q[m + 6 - 2 i], g and q the synthesis filters.
    """
    half = len(_SYNTHESIS_LOW) // 2
    length = low_band.shape[dim] - half + 1
    parity: list[Tensor] = []
    for offset in (2 * half - 2, 2 * half - 1):
        terms = [(_SYNTHESIS_LOW[offset - 2 * j], low_band.narrow(dim, j, length)) for j in range(half)]
        terms += [(_SYNTHESIS_HIGH[offset - 2 * j], high_band.narrow(dim, j, length)) for j in range(half)]
        parity.append(weighted_sum(terms))
    return torch.stack(parity, dim=dim).flatten(dim - 1, dim)


# --- WW: the adaptive Wiener filter ---

_WINDOWS = (3, 5, 7, 9)


def _window_means(power: Tensor) -> Iterator[Tensor]:
    """Moving averages over each of the windows, zeros outside."""
    # Sums over columns grow by one column on each side from window to window; sums over rows start anew. In
    # place where possible: on a CPU, fresh memory costs more than the additions.
    height, width = power.shape[-2:]
    reach = max(_WINDOWS) // 2
    padded = pad(power, (reach, reach, reach, reach))
    columns = padded[..., reach : reach + width].clone()
    for window in _WINDOWS:
        first = reach - window // 2
        last = reach + window // 2
        columns.add_(padded[..., first : first + width]).add_(padded[..., last : last + width])
        mean = columns[..., first : first + height, :] + columns[..., last : last + height, :]
        for row in range(first + 1, last):
            mean.add_(columns[..., row : row + height, :])
        yield mean.mul_(1 / window**2)


def _attenuation(power: Tensor, noise: Tensor | float) -> Tensor:
    """The adaptive Wiener filter's share of noise, noise / (signal + noise), in (0, 1].

    M. K. Mihçak, I. Kozintsev, K. Ramchandran, "Spatially adaptive statistical modeling of wavelet image
    coefficients and its application to denoising", ICASSP 1999: the signal's variance is the smallest of
    max(mean of `power` over a window - noise, 0), over windows of 3, 5, 7 and 9 (zeros outside), as J. Lukáš,
    J. Fridrich, M. Goljan, "Digital camera identification from sensor pattern noise", 2006, appendix A.

    Since max(mean - noise, 0) + noise = max(mean, noise), no difference is taken.

    Args:
        power: squared coefficients, (N, C, H, W).
        noise: the noise's variance, above 0; a tensor has to broadcast against `power`.
    """
    means = _window_means(power)
    smallest = next(means)
    for mean in means:
        if mean.requires_grad:
            smallest = torch.minimum(smallest, mean)
        else:
            torch.minimum(smallest, mean, out=smallest)
    return noise / smallest.clamp_(min=noise)


def _at_negative_frequency(spectrum: Tensor) -> Tensor:
    """s[k1, k2] -> s[-k1, -k2], indices modulo the size."""
    return spectrum.flip(-2, -1).roll((1, 1), (-2, -1))


def spectral_wiener(residual: Tensor) -> Tensor:
    """Attenuate peaks of the spectrum (periodic artifacts: JPEG grid, demosaicing), keeping the phase.

    The adaptive Wiener filter acts on the magnitude of the 2-D DFT divided by sqrt(H W), laid out with
    frequency 0 in the corner and zeros outside; the noise's variance is the residual's own, per channel. The
    real part is kept.
    """
    height, width = residual.shape[-2:]
    half = width // 2 + 1
    spectrum = torch.fft.rfft2(residual, norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    mirrored = power[..., 1 : (width + 1) // 2].flip(-2, -1).roll(1, -2)
    # The variance; torch.var over two dimensions is slow on a CPU.
    centered = residual - residual.mean(dim=(-2, -1), keepdim=True)
    noise = centered.square().sum(dim=(-2, -1), keepdim=True) / (height * width - 1)
    # A residual that is exactly 0 stays so, instead of becoming 0 / 0.
    noise = noise.clamp(min=torch.finfo(noise.dtype).tiny)
    gain = _attenuation(torch.cat([power, mirrored], dim=-1), noise)
    # Zeros outside the corner-based layout make the gain uneven in frequency. The real part of the inverse of
    # gain * spectrum is the inverse of (even part of gain) * spectrum, for which half of the spectrum
    # suffices.
    even = (gain[..., :half] + _at_negative_frequency(gain)[..., :half]) * 0.5
    # One dimension at a time: irfft2 is twice as slow on a CPU.
    columns = torch.fft.ifft(spectrum * even, dim=-2, norm="ortho")
    filtered: Tensor = torch.fft.irfft(columns, n=width, dim=-1, norm="ortho")
    return filtered


_CPU_GROUP_ELEMENTS = 2**20


def _wavelet_wiener(x: Tensor, noise: float, levels: int, spectral: bool) -> Tensor:
    def shrink(detail: Tensor) -> Tensor:
        return detail * _attenuation(detail.square(), noise)

    approximation = x
    details: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(levels):
        low, high = _analyze(approximation, -1)
        approximation, low_high = _analyze(low, -2)
        high_low, high_high = _analyze(high, -2)
        details.append((shrink(low_high), shrink(high_low), shrink(high_high)))

    residual = torch.zeros_like(approximation)
    for low_high, high_low, high_high in reversed(details):
        height, width = low_high.shape[-2:]
        low = _synthesize(residual[..., :height, :width], low_high, -2)
        high = _synthesize(high_low, high_high, -2)
        residual = _synthesize(low, high, -1)
    residual = residual[..., : x.shape[-2], : x.shape[-1]]
    return spectral_wiener(residual) if spectral else residual.contiguous()


def wavelet_wiener(
    x: Tensor, *, sigma: float = 5.0, levels: int = 4, spectral: bool = True, scale: float = 255.0
) -> Tensor:
    """The noise residual of Mihçak's wavelet-domain Wiener filter, as used for sensor fingerprints.

    db4 transform of each channel; each detail coefficient is multiplied by sigma^2 / (v + sigma^2), v its
    local signal variance (see `_attenuation`); the approximation is set to 0; inverse transform; then, if
    `spectral`, the same filter on the magnitude of the DFT. Differentiable almost everywhere. Use it on the
    whole image, not on patches.

    Args:
        x: (N, C, H, W), float32 or float64; H and W at least `WAVELET_WIENER_MIN_SIZE`.
        sigma: standard deviation of the noise, in grey levels (0-255); above 0.
        levels: of the wavelet transform, at least 1. Small images are transformed as `pywt.wavedec2` does.
        spectral: apply the DFT step.
        scale: grey levels per unit of `x`: 255 for images in [0, 1], 127.5 for [-1, 1], 1 for [0, 255].

    Returns:
        (N, C, H, W), in the unit of `x`: multiply by `scale` for grey levels.

    Raises:
        ValueError: for another shape or dtype, an image that is too small or a parameter out of range.
    """
    check_images(x, WAVELET_WIENER_MIN_SIZE)
    if x.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"expected a float32 or float64 tensor, got {x.dtype}")
    for name, value in (("sigma", sigma), ("scale", scale)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")
    if levels < 1:
        raise ValueError(f"levels must be at least 1, got {levels}")
    if not x.numel():
        return x.clone()  # torch 2.14 has no transform of nothing
    # On a CPU, groups whose temporaries stay near the cache are up to 1.6 times as fast as a large batch.
    group = max(1, _CPU_GROUP_ELEMENTS // x.shape[1:].numel()) if x.device.type == "cpu" else len(x)
    noise = (sigma / scale) ** 2
    if len(x) <= group:
        return _wavelet_wiener(x, noise, levels, spectral)
    return torch.cat([_wavelet_wiener(part, noise, levels, spectral) for part in torch.split(x, group)])


class WaveletWiener(nn.Module):
    """Module form of `wavelet_wiener`, which see: (N, C, H, W) -> (N, C, H, W), in the unit of the input."""

    def __init__(self, *, sigma: float = 5.0, levels: int = 4, spectral: bool = True, scale: float = 255.0) -> None:
        super().__init__()
        self.sigma = sigma
        self.levels = levels
        self.spectral = spectral
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Filter: (N, C, H, W) -> (N, C, H, W), in the unit of the input."""
        return wavelet_wiener(x, sigma=self.sigma, levels=self.levels, spectral=self.spectral, scale=self.scale)

    def extra_repr(self) -> str:
        """Parameters, for `repr`."""
        return f"sigma={self.sigma}, levels={self.levels}, spectral={self.spectral}, scale={self.scale}"
