"""A network whose input has a smallest size."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F


class Continued(nn.Module):
    """Shows `network` pictures of `smallest` px a side or more: smaller ones go on with their last row and column."""

    def __init__(self, network: nn.Module, smallest: int) -> None:
        super().__init__()
        self.network, self.smallest = network, smallest

    def forward(self, x: Tensor) -> Tensor:
        """Classify (N, C, H, W)."""
        down, right = (max(0, self.smallest - side) for side in x.shape[2:])
        if down or right:
            x = F.pad(x, (0, right, 0, down), mode="replicate")
        return cast(Tensor, self.network(x))
