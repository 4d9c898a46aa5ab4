"""The layers of Tuama2016, as we rebuilt them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from benchbench.learn.backbones.tiling import mean_over_tiles, tiles

DROPOUT = 0.5


class TuamaNetwork(nn.Module):
    """(N, in_channels, H, W) to logits (N, classes), the mean over tiles of `side` x `side` px."""

    def __init__(
        self, channels: tuple[int, int, int], hidden: tuple[int, int], side: int, in_channels: int, classes: int
    ) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = []
        before = in_channels
        for after, kernel, stride in zip(channels, (3, 5, 5), (2, 1, 1), strict=True):
            pooling = nn.MaxPool2d(3, stride=2, padding=1)
            layers += [nn.Conv2d(before, after, kernel, stride=stride), nn.BatchNorm2d(after), nn.ReLU(), pooling]
            before = after
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            size = self.convolutions.eval()(torch.zeros(1, in_channels, side, side)).shape[1]
        self.convolutions.train()
        self.last = nn.Sequential(
            nn.Linear(size, hidden[0]),
            nn.ReLU(),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden[1], classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Classify."""
        cut, count = tiles(x, self.side)
        return mean_over_tiles(cast(Tensor, self.last(self.convolutions(cut))), count)
