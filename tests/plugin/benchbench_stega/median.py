"""A preprocessor that sees whole photographs."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from benchbench import Preprocessor


class Median(Preprocessor):
    """The brightness minus its 3 x 3 median, of the whole photograph."""

    key = "stega/median"
    channels = 1
    whole_image = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, 1, H, W)."""
        gray = x.mean(dim=1, keepdim=True)
        patches = F.pad(gray, (1, 1, 1, 1), mode="replicate").unfold(2, 3, 1).unfold(3, 3, 1)
        return (gray - patches.flatten(4).median(dim=4).values) * 2
