"""The perfect forger: a limit, not an attack. It knows the scene, which virtual cameras alone can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchbench.base.errors import AttackError
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.numbers import Decibel


@dataclass(frozen=True, kw_only=True)
class Forger(Attack):
    """The photograph retaken by the wanted camera: the same scene, window, light and optics, all other traces its own.

    Where that is louder than the budget, the difference is turned down to it, and it is never amplified. What it scores
    is what an attack that has learned the wanted camera perfectly could score within the budget.

    Attributes:
        psnr: the budget, dB, of a photograph; None leaves the forgery as it is.
    """

    psnr: Decibel | None = 35.0

    card: ClassVar[AttackCard] = AttackCard(
        name="forger", title="perfect forger", version=1, knowledge="oracle", control=True
    )

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Retake the photographs and turn the difference down.

        Raises:
            AttackError: the photographs cannot be taken again.
        """
        if context.retake is None:
            raise AttackError("'forger' takes photographs again, which only those of virtual cameras can be.")
        difference = context.retake(wanted) - x
        if self.psnr is not None:
            loudness = difference.square().mean((1, 2, 3), keepdim=True).sqrt()
            difference = difference * (10 ** (-self.psnr / 20) / loudness.clamp_min(1e-12)).clamp_max(1)
        return torch.clamp(x + difference, 0, 1)
