"""Crops of photographs: drawn for each photograph, the same ones for every attack and target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.base.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

SIDE = 224
"""Of a crop, px (Chen et al. 2020)."""
LEAST = 32
"""Of a crop: below it deep networks have nothing left to pool."""


def side_of(size: int) -> int:
    """Return the side of crops in px: 224, or half of photographs that are smaller than two of them."""
    return min(SIDE, max(size // 2, min(LEAST, size)))


def share_of(size: int) -> float:
    """Return how much of a photograph of that side a crop is."""
    return (side_of(size) / size) ** 2


def crops(x: Tensor, images: Sequence[int], purpose: str, repeat: int, count: int) -> Tensor:
    """Return `count` crops of each photograph, (N * count, C, side, side), a photograph's after one another.

    Args:
        x: photographs (N, C, H, W).
        images: which test photographs they are: where they are cropped hangs on that alone, so that neither batches nor
            attacks move it.
        purpose: of the crops; another has other ones.
        repeat: number of the repetition.
    """
    import torch

    height, width = x.shape[-2:]
    side = side_of(min(height, width))
    made = []
    for picture, image in zip(x, images, strict=True):
        rng = stream(0, "crops", purpose, int(image), repeat)
        tops, lefts = (rng.integers(0, length - side + 1, count) for length in (height, width))
        made += [picture[:, i : i + side, j : j + side] for i, j in zip(tops.tolist(), lefts.tolist(), strict=True)]
    return torch.stack(made)
