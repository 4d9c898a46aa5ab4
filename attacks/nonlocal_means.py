"""Denoising by internal similarity: non-local means where noise has the same strength everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchbench.contracts.attack import Attack, AttackCard, CraftContext

from .siamte import PAPER

Float = NDArray[np.float64]
BLOCK = 8
"""Side in px of the blocks whose noise is told from brightness."""
QUIET = 0.25
"""Share of the blocks of like brightness that are taken for free of texture."""
LOW = 0.637
"""The mean power of the quietest quarter of blocks, over that of all, where there is white noise and nothing else."""
BINS = 8


def noise_levels(picture: Float) -> tuple[float, float]:
    """Return (a, b) of var(noise) = a x + b, at least 0 each, for a picture (H, W, C) in [0, 1].

    The variance of each block is of the Laplacian difference that cancels what is smooth (Immerkaer 1996); of blocks of
    like brightness the quietest quarter is believed (Foi et al. 2008 fit the same model).
    """
    p = picture
    corners = p[:-2, :-2] + p[:-2, 2:] + p[2:, :-2] + p[2:, 2:]
    edges = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    laplacian = (corners - 2 * edges + 4 * p[1:-1, 1:-1]) / 6  # the squares of its 9 weights sum to 36
    rows, columns = (side // BLOCK for side in laplacian.shape[:2])

    def blocks(values: Float) -> Float:
        cut = values[: rows * BLOCK, : columns * BLOCK]
        return np.asarray(cut.reshape(rows, BLOCK, columns, BLOCK, -1).mean(axis=(1, 3)).reshape(-1))

    brightness, power = blocks(p[1:-1, 1:-1]), blocks(laplacian**2)
    order = np.argsort(brightness)
    found = []
    for part in np.array_split(order, min(BINS, len(order))):
        keep = part[np.argsort(power[part])][: max(1, round(QUIET * len(part)))]
        found.append((float(brightness[part].mean()), float(power[keep].mean()) / LOW))
    x, v = np.array(found).T
    slope = float(np.polyfit(x, v, 1)[0]) if len(x) > 1 and np.ptp(x) > 1e-6 else 0.0
    slope = max(0.0, slope)
    return slope, max(0.0, float((v - slope * x).mean()))


@dataclass(frozen=True, kw_only=True)
class NonLocalMeans(Attack):
    """Buades et al.'s filter (scikit-image), between the Anscombe transform of the estimated noise and its inverse.

    Attributes:
        strength: smoothing in standard deviations of the noise; at least 0.
        least: gray levels that are taken for the noise at least, so that quiet photographs are smoothed too; with 4 the
            mean absolute difference is near the 2 gray levels of the paper's method.
    """

    strength: float = 1.0
    least: float = 4.0

    card: ClassVar[AttackCard] = AttackCard(
        name="dn-i",
        title="denoising by internal similarity",
        version=1,
        knowledge="none",
        targeted=False,
        goal="erase",
        paper="Buades, Coll & Morel, A non-local algorithm for image denoising, 2005; compared in " + PAPER,
        note="stands in for DN-I, trilateral weighted sparse coding, for which there is no package",
    )

    def __post_init__(self) -> None:
        if not (0 <= self.strength < float("inf") and 0 < self.least < 256):
            raise ValueError("strength is a finite number of at least 0, least one above 0 and below 256")

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Denoise each photograph by itself."""
        pictures = x.detach().cpu().double().permute(0, 2, 3, 1).numpy()
        made = np.stack([self.denoised(picture) for picture in pictures])
        return torch.from_numpy(made).permute(0, 3, 1, 2).to(x).clamp(0, 1)

    def denoised(self, picture: Float) -> Float:
        """Return a picture (H, W, 3) in [0, 1] without its noise."""
        from skimage.restoration import denoise_nl_means

        a, b = noise_levels(picture)
        b = max(b, (self.least / 255) ** 2)
        # var = a x + b has the standard deviation 1 after this (Anscombe 1948, with Gaussian noise beside).
        even = 2 / a * np.sqrt(a * picture + b) if a > 1e-9 else picture / np.sqrt(b)
        smooth = denoise_nl_means(
            even, patch_size=5, patch_distance=6, h=self.strength, sigma=1.0, fast_mode=True, channel_axis=2
        )
        return np.asarray(((a * smooth / 2) ** 2 - b) / a if a > 1e-9 else smooth * np.sqrt(b))
