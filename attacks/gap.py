"""GAP: generative adversarial perturbations that depend on the picture (Poursaeed et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Positive
from benchbench.contracts.profile import GeneratorShape
from benchbench.learn.image_to_image import ImageToImage

from ._painted import PainterFit, painted, painter_fits
from ._surrogates import DEFAULT, surrogate_of

BLOCKS = 6
"""Residual blocks of the generator."""


class Perturbing(nn.Module):
    """Adds a perturbation, each of its channels scaled down until none of its values is larger than epsilon.

    Args:
        channels: of the Johnson generator.
        epsilon: in the [0, 1] scale.
    """

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.network = ImageToImage(GeneratorShape(channels=channels, blocks=BLOCKS), planes=0, bounded=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures (N, 3, H, W) in [0, 1], perturbed."""
        change = self.network(x * 2 - 1).float()
        largest = change.abs().amax((2, 3), keepdim=True).clamp_min(1e-12)
        changed: Tensor = x + change * (self.epsilon / largest).clamp_max(1)
        return changed.clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class GapFit(PainterFit):
    """Its loss is the logarithm of the mean cross-entropy of the wanted class."""

    kind: ClassVar[str] = "benchbench_attacks.gap/generator"
    title: ClassVar[str] = "gap"

    epsilon: float

    def build(self) -> nn.Module:
        """See `PainterFit.build`."""
        return Perturbing(self.recipe.channels, self.epsilon / 255)

    def loss(self, x: Tensor, changed: Tensor, log_probability: Tensor) -> Tensor:
        """See `PainterFit.loss`."""
        return torch.log((-log_probability).mean().clamp_min(1e-8))


@dataclass(frozen=True, kw_only=True)
class Gap(Attack):
    """A generator a wanted model, trained to fool a surrogate.

    Attributes:
        on: the surrogate, see `benchbench_attacks._surrogates`.
        epsilon: largest change of a value, gray levels.
    """

    on: str = DEFAULT
    epsilon: Positive = 8.0

    card: ClassVar[AttackCard] = AttackCard(
        name="gap",
        title="GAP",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Poursaeed et al., Generative adversarial perturbations, CVPR 2018, with the settings of Cozzolino et "
        "al. 2019",
        paper_url="https://arxiv.org/abs/1712.02328",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate and a generator for each camera model that the attacker knows."""
        return painter_fits("gap", self.on, setup, GapFit, epsilon=self.epsilon)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Have each picture perturbed by the generator of its wanted model."""
        return painted(x, wanted, context)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
