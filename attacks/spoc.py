"""SpoC: a generator a camera model, which takes synthetic traces out of a picture and puts the camera's into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Decibel, NotNegative

from ._spoc_fits import generator_fits


@dataclass(frozen=True, kw_only=True)
class Spoc(Attack):
    """It needs photographs by the wanted camera model alone: no classifier, and no other model of its examiners.

    Attributes:
        discriminator, embedder: False leaves its part of the loss out; the paper's two variants.
        pixel_weight, perceptual_weight: of the L1 distance, and of the perceptual one where `stlpips-pytorch` is
            installed.
        embedder_weight, matching_weight: of the embedder's terms, and of feature matching among them.
        adversarial_weight: of the critic's term.
        psnr: when set, the pixel weight adapts in training until synthetic pictures have this many dB; it does not fall
            below `pixel_weight`.
    """

    discriminator: bool = True
    embedder: bool = True
    pixel_weight: NotNegative = 1.0
    perceptual_weight: NotNegative = 0.001
    embedder_weight: NotNegative = 1.0
    matching_weight: NotNegative = 0.01
    adversarial_weight: NotNegative = 0.1
    psnr: Decibel | None = None

    card: ClassVar[AttackCard] = AttackCard(
        name="spoc",
        title="SpoC (a generator a model)",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Cozzolino et al., SpoC: spoofing camera fingerprints, 2019",
        paper_url="https://arxiv.org/abs/1911.12069",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return a generator for each camera model that the attacker knows."""
        weights = {
            "pixel_weight": self.pixel_weight,
            "perceptual_weight": self.perceptual_weight,
            "embedder_weight": self.embedder_weight * self.embedder,
            "matching_weight": self.matching_weight * self.embedder,
            "adversarial_weight": self.adversarial_weight * self.discriminator,
        }
        left_out = [part for part in ("discriminator", "embedder") if not getattr(self, part)]
        return generator_fits("-no-".join(["spoc", *left_out]), weights, self.psnr, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Have each picture repainted by the generator of its wanted camera model."""
        result = torch.empty_like(x)
        with torch.inference_mode():
            for model in set(wanted.tolist()):
                rows = wanted == model
                changed = context.networks[f"generator/{model}"](x[rows] * 2 - 1)
                result[rows] = ((changed + 1) / 2).clamp(0, 1)
        return result
