"""Wiener residual and Menon demosaicing against their peers, on one photograph of 512 x 512, in one run.

Prints a table of medians and ratios:  python benchmarks/signal_processing.py
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import pywt
import torch
from colour_demosaicing import demosaicing_CFA_Bayer_Menon2007, mosaicing_CFA_Bayer
from scipy.ndimage import uniform_filter
from skimage.data import astronaut
from tabulate import tabulate

from benchbench.forensics import bayer_mosaic, demosaic_menon, wavelet_wiener


def wiener_peer(image: np.ndarray) -> np.ndarray:
    """The filter as a user would write it with PyWavelets and scipy: (H, W, 3) grey levels to its residual."""
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


def attenuation(power: np.ndarray, noise: float) -> np.ndarray:
    """Wiener gain with the smallest local variance over four windows."""
    means = [uniform_filter(power, window, mode="constant") for window in (3, 5, 7, 9)]
    variance = np.min([np.maximum(mean - noise, 0) for mean in means], axis=0)
    return noise / (variance + noise)


def median_ms(work: Callable[[], object], repeats: int = 9) -> float:
    """Median time of a call in ms, after a warm-up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1000


def main() -> None:
    """Measure and print."""
    image = astronaut().astype(np.float64)
    x = torch.from_numpy(image).float().permute(2, 0, 1)[None] / 255
    mosaic = mosaicing_CFA_Bayer(image / 255)
    ours = wavelet_wiener(x)[0].permute(1, 2, 0).numpy() * 255
    difference = np.abs(ours - wiener_peer(image)).max()
    rows = []
    for name, mine, peer in (
        ("Wiener residual", lambda: wavelet_wiener(x), lambda: wiener_peer(image)),
        ("Menon demosaicing", lambda: demosaic_menon(bayer_mosaic(x)), lambda: demosaicing_CFA_Bayer_Menon2007(mosaic)),
    ):
        a, b = median_ms(mine), median_ms(peer)
        rows.append((name, f"{a:.1f}", f"{b:.1f}", f"{b / a:.1f}"))
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads, torch {torch.__version__}")
    print(tabulate(rows, headers=("512 x 512", "ours, ms", "peer, ms", "peer / ours"), tablefmt="github"))
    print(f"largest difference of the residuals: {difference:.1e} grey levels")


if __name__ == "__main__":
    main()
