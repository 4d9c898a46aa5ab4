"""Residuals and demosaicing against their peers on one photograph of 512 x 512.

The limit is the time to copy as many bytes as go in and come out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pywt
import torch
from colour_demosaicing import demosaicing_CFA_Bayer_Menon2007, mosaicing_CFA_Bayer
from numpy.typing import NDArray
from scipy.ndimage import convolve, uniform_filter
from skimage.data import astronaut

from benchbench.forensics import bayer_mosaic, demosaic_menon, finite_differences, high_pass, wavelet_wiener

from .clock import copy_bandwidth, paired_seconds, say
from .report import Options, Report, Row, Table

Image = NDArray[Any]
"""(H, W, C), float64."""

R, S = np.array([-1, 2, -2, 2, -1]), np.array([2, -6, 8, -6, 2])
HIGH_PASS = np.array([R, S, -2 * (R + S), S, R]) / 12


def measure(options: Options) -> Report:
    """Time each filter and its peer in turn."""
    side = 128 if options.quick else 512
    image = astronaut().astype(np.float64)[:side, :side]
    # Gray levels: sums of whole numbers are exact, so that ties between Menon's two directions are ties in any type.
    x = torch.from_numpy(image).float().permute(2, 0, 1)[None].contiguous()
    mosaic = bayer_mosaic(x)
    cfa = mosaicing_CFA_Bayer(image)
    # name, ours, the peer, peer / ours that is wanted, planes in and out
    work: tuple[tuple[str, Callable[[], torch.Tensor], Callable[[], Image], float | None, int], ...] = (
        ("Wiener residual (PyWavelets, scipy)", lambda: wavelet_wiener(x, scale=1.0), lambda: wiener(image), 2.0, 6),
        (
            "Menon demosaicing (colour-demosaicing)",
            lambda: demosaic_menon(mosaic),
            lambda: demosaicing_CFA_Bayer_Menon2007(cfa),
            3.0,
            4,
        ),
        ("finite differences (numpy)", lambda: finite_differences(x), lambda: differences(image), None, 9),
        (
            "high-pass (scipy)",
            lambda: high_pass(x),
            lambda: convolve(image.sum(2), HIGH_PASS, mode="constant")[:, :, None],
            None,
            4,
        ),
    )
    report = Report("signal_processing")
    bandwidth = copy_bandwidth()
    exact = []
    for name, ours, peer, wanted, planes in work:
        say(name)
        a, b = paired_seconds(ours, peer, 1 if options.quick else 15)
        limit = planes * side**2 * 4 / bandwidth
        report.rows.append(Row(work=name, ours=a, peer=b, wanted=wanted, limit=limit))
        apart = np.abs(ours()[0].permute(1, 2, 0).double().numpy() - peer())
        exact.append((name, f"{apart.max():.1e}", f"{np.median(apart):.1e}", f"{(apart > 0.01).mean():.1e}"))
    report.notes.append(
        f"One photograph of {side} x {side}; ours in float32 and {torch.get_num_threads()} threads, the peers in "
        "float64 and one thread."
    )
    report.notes.append(f"Limit: bytes in and out at the {bandwidth / 1e9:.1f} GB/s of a copy.")
    report.tables.append(
        Table(
            title="Difference of ours from the peer's, in gray levels:",
            headers=("work", "largest", "median", "share above 0.01"),
            rows=tuple(exact),
        )
    )
    return report


def wiener(image: Image) -> Image:
    """The filter as a user would write it with PyWavelets and scipy: (H, W, 3) gray levels to its residual."""
    planes = []
    for channel in range(3):
        bands = pywt.wavedec2(image[:, :, channel], "db4", mode="symmetric", level=4)
        bands[0] = np.zeros_like(bands[0])
        for level in range(1, 5):
            bands[level] = tuple(c * attenuation(c**2, 25.0) for c in bands[level])
        residual = pywt.waverec2(bands, "db4", mode="symmetric")[: image.shape[0], : image.shape[1]]
        spectrum = np.fft.fft2(residual)
        magnitude = np.abs(spectrum) / np.sqrt(residual.size)
        shrunk = attenuation(magnitude**2, residual.var(ddof=1))
        planes.append(np.fft.ifft2(spectrum * shrunk).real)
    return np.stack(planes, axis=2)


def attenuation(power: Image, noise: float) -> Image:
    """Wiener gain with the smallest local variance over four windows."""
    means = [uniform_filter(power, window, mode="constant") for window in (3, 5, 7, 9)]
    variance = np.min([np.maximum(mean - noise, 0) for mean in means], axis=0)
    gain: Image = noise / (variance + noise)
    return gain


def differences(image: Image) -> Image:
    """Third-order differences along rows and columns, (H, W, 3) to (H, W, 6), zeros at the front."""
    across = down = image
    for _ in range(3):
        across = np.pad(np.diff(across, axis=1), ((0, 0), (1, 0), (0, 0)))
        down = np.pad(np.diff(down, axis=0), ((1, 0), (0, 0), (0, 0)))
    return np.concatenate([across, down], axis=2)
