"""The layers of Bondi2017."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from benchbench.learn.backbones.tiling import mean_over_tiles, tiles

SIDE = 64
GRAY_LEVELS = 127.5
"""Gray levels in a unit of the [-1, 1] scale."""
SCALE = 80.0
"""Gray levels that become 1."""


class MeanImage(nn.Module):
    """Takes off the mean of all pictures that training has shown, place by place.

    Args:
        channels, side: of the pictures.

    Attributes:
        mean: (channels, side, side). seen: pictures so far.
    """

    mean: Tensor
    seen: Tensor

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, side, side))
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Take it off (N, channels, side, side)."""
        if self.training:
            with torch.no_grad():
                self.seen += len(x)
                self.mean += (x.detach().float().mean(0) - self.mean) * float(len(x) / self.seen)
        return x - self.mean.to(x.dtype)


class BondiNetwork(nn.Module):
    """(N, in_channels, H, W) in [-1, 1] to logits (N, classes), the mean over tiles of 64 x 64 px."""

    def __init__(self, channels: tuple[int, int, int, int], hidden: int, in_channels: int, classes: int) -> None:
        super().__init__()
        self.mean = MeanImage(in_channels, SIDE)
        layers: list[nn.Module] = []
        before = in_channels
        for after, kernel in zip(channels, (4, 5, 5, 5), strict=True):
            layers += [nn.Conv2d(before, after, kernel), nn.MaxPool2d(2, ceil_mode=True)]
            before = after
        self.body = nn.Sequential(*layers[:-1], nn.Flatten(), nn.Linear(before, hidden), nn.ReLU())
        self.last = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify."""
        cut, count = tiles(x, SIDE)
        scores = self.last(self.body(self.mean(cut) * (GRAY_LEVELS / SCALE)))
        return mean_over_tiles(cast(Tensor, scores), count)
