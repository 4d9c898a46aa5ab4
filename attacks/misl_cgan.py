"""MISL-cGAN: the MISLGAN attack recast as a conditional GAN (Chen et al. 2018; Andrews et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from benchbench.contracts.attack import AttackCard

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
    )
    evaluator: ClassVar[Evaluator] = "cc"
    critic: ClassVar[Literal["cc", "rgb+fd"]] = "cc"
