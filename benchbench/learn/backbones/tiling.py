"""For networks that end in fully connected layers, so that they see pictures of one size: larger ones are tiled."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def tiles(x: Tensor, side: int) -> tuple[Tensor, int]:
    """Return the tiles of the centre of pictures, and how many there are of each.

    Args:
        x: (N, C, H, W). Smaller pictures than a tile are continued to its size with their last row and column.
        side: of a tile, px.

    Returns:
        (N * tiles, C, side, side), those of a picture one after another; tiles.
    """
    height, width = x.shape[2:]
    if min(height, width) < side:
        x = F.pad(x, (0, max(0, side - width), 0, max(0, side - height)), mode="replicate")
        height, width = x.shape[2:]
    rows, columns = height // side, width // side
    top, left = (height - rows * side) // 2, (width - columns * side) // 2
    x = x[:, :, top : top + rows * side, left : left + columns * side]
    cut = x.reshape(*x.shape[:2], rows, side, columns, side)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(0, 2), rows * columns


def mean_over_tiles(scores: Tensor, count: int) -> Tensor:
    """Return the mean scores of pictures, (N, classes), from those of their tiles, (N * count, classes)."""
    return scores.reshape(-1, count, scores.shape[1]).mean(1)
