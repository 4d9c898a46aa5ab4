"""TI-MI-FGSM through torchattacks: momentum, and gradients smoothed over shifts (Dong et al. 2018, 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Count, NotNegative, Positive, Steps

from ._surrogates import DEFAULT, surrogate_fits, surrogate_of


@dataclass(frozen=True, kw_only=True)
class TiMiFgsm(Attack):
    """The settings of Cozzolino et al. 2019, not those of torchattacks, which are another attack.

    Attributes:
        on: the surrogate, see `benchbench_attacks._surrogates`.
        epsilon, step: gray levels; radius of the L-infinity ball, length of a step.
        steps: of them.
        decay: of the momentum.
        kernel: side of the Gaussian over shifts, px, odd; its sigma is a sixth of it, about.
    """

    on: str = DEFAULT
    epsilon: Positive = 8.0
    step: Positive = 0.4
    steps: Steps = 40
    decay: NotNegative = 1.0
    kernel: Count = 15

    card: ClassVar[AttackCard] = AttackCard(
        name="ti-mi-fgsm",
        title="TI-MI-FGSM",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Dong et al., Evading defenses to transferable adversarial examples by translation-invariant attacks, "
        "CVPR 2019, with the settings of Cozzolino et al. 2019",
        paper_url="https://arxiv.org/abs/1904.02884",
    )

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}; an odd number of pixels is expected")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate."""
        return surrogate_fits(self.on, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Follow the accumulated, smoothed gradient of the wanted class's NLL."""
        import torchattacks  # late: it imports all of scipy.stats, and every run loads this module

        attack = torchattacks.TIFGSM(
            surrogate_of(self.on, context),
            eps=self.epsilon / 255,
            alpha=self.step / 255,
            steps=self.steps,
            decay=self.decay,
            len_kernel=self.kernel,
            diversity_prob=0.0,
        )
        attack.set_mode_targeted_by_label(quiet=True)
        # It draws even where it uses no draw.
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []), torch.enable_grad():
            return cast(Tensor, attack(x, wanted))

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
