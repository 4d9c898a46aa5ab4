"""The two controls that every table needs: what doing nothing, and what noise of the same size, would score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.numbers import Decibel


@dataclass(frozen=True, kw_only=True)
class Identity(Attack):
    """Returns the photograph. It scores exactly what the clean predictions imply."""

    card: ClassVar[AttackCard] = AttackCard(
        name="identity", title="identity", version=1, knowledge="none", targeted=False, control=True
    )

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Return a copy."""
        return x.clone()


@dataclass(frozen=True, kw_only=True)
class Noise(Attack):
    """White Gaussian noise.

    Attributes:
        psnr: dB before clipping to [0, 1]; each image's noise is scaled to it exactly.
    """

    psnr: Decibel = 35.0

    card: ClassVar[AttackCard] = AttackCard(
        name="noise", title="noise", version=1, knowledge="none", targeted=False, control=True
    )

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Add noise of the wanted power."""
        noise = context.normal(x)
        power = noise.square().mean((1, 2, 3), keepdim=True).sqrt()
        return (x + noise / power * 10 ** (-self.psnr / 20)).clamp(0, 1)
