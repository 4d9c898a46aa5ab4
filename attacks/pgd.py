"""PGD through torchattacks, on Cama's evaluator (Madry et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, cast

import torch
from torch import Tensor

from benchbench.base.identity import since
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Decibel, Positive, Steps

from ._surrogates import DEFAULT, surrogate_of
from ._white_box import calibrated_fits


@dataclass(frozen=True, kw_only=True)
class Pgd(Attack):
    """Signed gradient steps, projected to the L-infinity ball of radius epsilon.

    Attributes:
        epsilon: radius in the [0, 1] scale; None: calibrated to `psnr` on held-out q.
        steps: gradient steps.
        step_size: length of a step in units of epsilon.
        random_start: start at a random point of the ball, drawn per image.
        psnr: the calibration's goal in dB.
        on: the surrogate, `benchbench_attacks._surrogates`; Cama's evaluator unless another is named.
    """

    epsilon: Positive | None = None
    steps: Steps = 10
    step_size: Positive = 0.25
    random_start: bool = False
    psnr: Decibel = 35.0
    on: str = field(default=DEFAULT, metadata=since("0.2"))

    card: ClassVar[AttackCard] = AttackCard(
        name="pgd",
        title="PGD",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018",
        paper_url="https://arxiv.org/abs/1706.06083",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate and the calibrated epsilon."""
        return calibrated_fits(self, self.on, self.epsilon, self.psnr, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Iterate x' = clip(project(x' - step * sign(gradient of the NLL of the wanted class)))."""
        import torchattacks  # late: it imports all of scipy.stats, and every run loads this module

        epsilon = self.epsilon if self.epsilon is not None else float(context.networks["epsilon"])
        attack = torchattacks.PGD(
            surrogate_of(self.on, context),
            eps=epsilon,
            alpha=self.step_size * epsilon,
            steps=self.steps,
            random_start=self.random_start,
        )
        attack.set_mode_targeted_by_label(quiet=True)
        with torch.enable_grad():
            if not self.random_start:
                return cast(Tensor, attack(x, wanted))
            # torchattacks draws from the global state: give each image a state of its own, and put the old one back.
            results = []
            for i, seed in enumerate(context.seeds):
                with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
                    torch.manual_seed(seed)
                    results.append(attack(x[i : i + 1], wanted[i : i + 1]))
            return torch.cat(results)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
