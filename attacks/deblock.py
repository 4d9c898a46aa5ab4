"""Deblocking: the average of JPEG files whose grids of blocks lie elsewhere (Nosratinia 2001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.evaluate.conditions import jpeg

from .siamte import PAPER

BLOCK = 8
STEP = 2
"""Px from one grid to the next: 16 grids."""


@dataclass(frozen=True, kw_only=True)
class Deblock(Attack):
    """What all grids agree on is kept, what one of them leaves at its borders is averaged away.

    Attributes:
        quality: of the JPEG files, 1 to 100; the lower, the more is taken away.
    """

    quality: int = 80

    card: ClassVar[AttackCard] = AttackCard(
        name="deblock",
        title="deblocking",
        version=1,
        knowledge="none",
        targeted=False,
        goal="erase",
        paper="Nosratinia, Enhancement of JPEG-compressed images by re-application of JPEG, 2001; compared in " + PAPER,
        note="stands in for DB, a DnCNN for blind deblocking, whose weights are in no package",
    )

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; 1 to 100 is expected")

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Shift, compress, shift back; average."""
        height, width = x.shape[-2:]
        total = torch.zeros_like(x)
        shifts = [(i, j) for i in range(0, BLOCK, STEP) for j in range(0, BLOCK, STEP)]
        for i, j in shifts:
            below, right = -(height + i) % BLOCK, -(width + j) % BLOCK
            padded = F.pad(x, (j, right, i, below), mode="reflect")
            files = jpeg(padded, [{"quality": self.quality, "subsampling": 0}] * len(x))
            total += files[..., i : i + height, j : j + width]
        return total / len(shifts)
