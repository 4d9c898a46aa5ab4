"""MISL-cGAN: the MISLGAN attack recast as a conditional GAN (Chen et al. 2018; Andrews et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchbench.contracts.attack import AttackCard
from benchbench.learn.image_to_image import FirstLayer

from ._cgan import Cgan
from ._evaluator import Evaluator


@dataclass(frozen=True, kw_only=True)
class MislCgan(Cgan):
    """Its evaluator sees constrained-convolution residuals only."""

    card: ClassVar[AttackCard] = AttackCard(
        name="misl-cgan",
        title="MISL",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Chen et al., MISLGAN, ICIP 2018, as a conditional GAN after Andrews et al. 2020",
        note="the baseline of Cama's paper, whose weights of critic, distance and classifier are 1 : 10 : 0.01, with a "
        "classifier trained for 90 epochs; mislgan is that of the paper before it: 0.01 : 1 : 0.01, 30 epochs",
    )
    evaluator: ClassVar[Evaluator] = "cc"
    critic: ClassVar[FirstLayer] = "cc"
