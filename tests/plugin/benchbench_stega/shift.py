"""An attack that moves the mean color towards the wanted camera model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench_stega.toys import Centers


@dataclass(frozen=True, kw_only=True)
class Shift(Attack):
    strength: float = 0.6
    noise: float = 0.05
    steps: int = 3
    delay: float = 0.0

    card: ClassVar[AttackCard] = AttackCard(
        name="shift", title="Shift", version=1, knowledge="surrogate", needs_fit=True
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {"centers": Centers(role="q", classes=setup.known, steps=self.steps, delay=self.delay, seed=setup.seed)}

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        centers = context.networks["centers"].classify.centers
        step = centers[wanted] - x.mean(dim=(2, 3))
        return (x + self.strength * step[:, :, None, None] + self.noise * context.normal(x)).clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Asked(Shift):
    """The same, which can be asked what its own network says."""

    card: ClassVar[AttackCard] = AttackCard(
        name="asked", title="Asked", version=1, knowledge="surrogate", needs_fit=True
    )

    def surrogate(self, x: torch.Tensor, context: CraftContext) -> torch.Tensor:
        return context.networks["centers"](x)
