"""FGSM through torchattacks, on Cama's evaluator (Goodfellow et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, cast

import torch
from torch import Tensor

from benchbench.base.identity import since
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Decibel, Positive

from ._surrogates import DEFAULT, surrogate_of
from ._white_box import calibrated_fits


@dataclass(frozen=True, kw_only=True)
class Fgsm(Attack):
    """One signed gradient step towards the wanted class.

    Attributes:
        epsilon: step in the [0, 1] scale; None: calibrated to `psnr` on held-out q.
        psnr: the calibration's goal in dB.
        on: the surrogate, `benchbench_attacks._surrogates`; Cama's evaluator unless another is named.
    """

    epsilon: Positive | None = None
    psnr: Decibel = 35.0
    on: str = field(default=DEFAULT, metadata=since("0.2"))

    card: ClassVar[AttackCard] = AttackCard(
        name="fgsm",
        title="FGSM",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Goodfellow et al., Explaining and harnessing adversarial examples, ICLR 2015",
        paper_url="https://arxiv.org/abs/1412.6572",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate and the calibrated epsilon."""
        return calibrated_fits(self, self.on, self.epsilon, self.psnr, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """x' = clip(x - epsilon * sign(gradient of the NLL of the wanted class))."""
        import torchattacks  # late: it imports all of scipy.stats, and every run loads this module

        epsilon = self.epsilon if self.epsilon is not None else float(context.networks["epsilon"])
        attack = torchattacks.FGSM(surrogate_of(self.on, context), eps=epsilon)
        attack.set_mode_targeted_by_label(quiet=True)
        with torch.enable_grad():
            return cast(Tensor, attack(x, wanted))

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
