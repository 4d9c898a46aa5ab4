"""SpoC-cGAN: the SpoC attack recast as a conditional GAN (Cozzolino et al. 2019; Andrews et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchbench.contracts.attack import AttackCard
from benchbench.learn.image_to_image import FirstLayer

from ._cgan import Cgan
from ._evaluator import Evaluator


@dataclass(frozen=True, kw_only=True)
class SpocCgan(Cgan):
    """Its evaluator and critic see the photograph and its finite differences, concatenated."""

    adversarial_weight: float = 0.3

    card: ClassVar[AttackCard] = AttackCard(
        name="spoc-cgan",
        title="SpoC",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Cozzolino et al., SpoC: spoofing camera fingerprints, 2019, as a conditional GAN after "
        "Andrews et al. 2020",
        paper_url="https://arxiv.org/abs/1911.12069",
    )
    evaluator: ClassVar[Evaluator] = "rgb+fd"
    critic: ClassVar[FirstLayer] = "rgb+fd"
