"""Adversarial dithering: one step along the sign of a classifier's gradient, away from the true camera model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup

from .siamte import PAPER, classifier_fit


@dataclass(frozen=True, kw_only=True)
class Dithering(Attack):
    """Goodfellow et al.'s fast gradient sign step, untargeted, as SiamTE is compared with it.

    The classifier is SiamTE's own. Of a photograph whose camera model it does not know there is no gradient of the
    true label; what it takes the photograph for stands in its place.

    Attributes:
        levels: length of the step, gray levels.
    """

    levels: float = 1.0

    card: ClassVar[AttackCard] = AttackCard(
        name="ad",
        title="adversarial dithering",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        reads_source=True,
        targeted=False,
        goal="erase",
        paper=PAPER + " (AD), after Goodfellow et al. 2015",
        note="stands in for AD's classifier, which the paper does not name: SiamTE's",
    )

    def __post_init__(self) -> None:
        if not 0 < self.levels < 256:
            raise ValueError(f"levels is {self.levels}; a number above 0 and below 256 is expected")

    @property
    def name(self) -> str:
        """The name in tables: 'ad-1'."""
        return f"{self.card.name}-{self.levels:g}"

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the classifier."""
        return {"classifier": classifier_fit(setup)}

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Take the step."""
        assert true is not None
        given = x.clone().requires_grad_(True)
        with torch.enable_grad():
            logits = context.networks["classifier"](given).float()
            labels = torch.where(true < logits.shape[1], true, logits.argmax(dim=1))
            (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), given)
        return (x + self.levels / 255 * gradient.sign()).clamp(0, 1)


def ditherings() -> Mapping[str, Callable[..., Attack]]:
    """Return both lengths by name."""
    return {f"ad-{levels}": partial(Dithering, levels=float(levels)) for levels in (1, 2)}
