"""A large photograph in tiles: what is made of each is joined so that no seam shows, in memory for one row of tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.evaluate.networks import to_tensor

TILE = 512
MARGIN = 48
"""Px at an inner edge of a tile that are thrown away: more than a generator sees to a side."""
BLEND = 32
"""Px over which two neighbours pass into each other."""
GRID = 16
"""Tiles begin at multiples of it, so that grids of Bayer mosaics, JPEG blocks and strides lie alike in all of them."""

Change = Callable[[torch.Tensor, int], torch.Tensor]
"""A tile, float32 (1, 3, h, w) in [0, 1], and its number, to what becomes of it."""


def in_tiles(
    pixels: NDArray[np.uint8], change: Change, device: torch.device, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.uint8]:
    """Change a photograph of any size, (H, W, 3), tile by tile.

    Args:
        progress: called with (tiles done, tiles in all).
    """
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % GRID), (0, -width % GRID), (0, 0)), mode="symmetric")
    rows, columns = starts(padded.shape[0]), starts(padded.shape[1])
    side = min(TILE, padded.shape[0]), min(TILE, padded.shape[1])
    down, across = weights(padded.shape[0]), weights(padded.shape[1])
    out = np.empty_like(padded)
    pending = np.zeros((side[0], *padded.shape[1:]), np.float32)
    total = len(rows) * len(columns)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            part = padded[top : top + side[0], left : left + side[1]]
            made = change(to_tensor(part[None], device), i * len(columns) + j)
            weight = down[i][:, None, None] * across[j][None, :, None]
            pending[:, left : left + side[1]] += weight * made[0].permute(1, 2, 0).cpu().numpy()
            if progress is not None:
                progress(i * len(columns) + j + 1, total)
        done = (rows[i + 1] if i + 1 < len(rows) else padded.shape[0]) - top
        out[top : top + done] = np.rint(np.clip(pending[:done], 0, 1) * 255)
        pending = np.concatenate([pending[done:], np.zeros((done, *padded.shape[1:]), np.float32)])
    return out[:height, :width]


def starts(length: int) -> list[int]:
    """Where tiles begin along a side whose length is a multiple of `GRID`."""
    step = TILE - 2 * MARGIN - BLEND
    return [0] if length <= TILE else [*range(0, length - TILE, step), length - TILE]


def weights(length: int) -> list[NDArray[np.float32]]:
    """How much each tile counts along a side, at each of its px; at each px of the side they add up to 1."""
    found, size = starts(length), min(TILE, length)
    total = np.zeros(length)
    raw = []
    for start in found:
        ramp = np.ones(size)
        rise = np.concatenate([np.zeros(MARGIN), (np.arange(BLEND) + 0.5) / BLEND])
        if start > 0:
            ramp[: len(rise)] = rise
        if start + size < length:
            ramp[-len(rise) :] = np.minimum(ramp[-len(rise) :], rise[::-1])
        raw.append(ramp)
        total[start : start + size] += ramp
    return [(ramp / total[start : start + size]).astype(np.float32) for start, ramp in zip(found, raw, strict=True)]
