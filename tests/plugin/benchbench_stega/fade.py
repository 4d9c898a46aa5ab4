"""A control that halves the contrast, whatever class is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from benchbench.contracts.attack import Attack, AttackCard, CraftContext


@dataclass(frozen=True, kw_only=True)
class Fade(Attack):
    amount: float = 0.5

    card: ClassVar[AttackCard] = AttackCard(
        name="fade", title="Fade", version=1, knowledge="none", targeted=False, control=True
    )

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        return x + self.amount * (0.5 - x)
