"""Cama: conditional adversarial anonymization with a dual-stream evaluator (Andrews et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from benchbench.contracts.attack import AttackCard
from benchbench.learn.image_to_image import FirstLayer

from ._cgan import Cgan
from ._evaluator import Evaluator


@dataclass(frozen=True, kw_only=True)
class Cama(Cgan):
    """One evaluator stream judges the residual x_H, another the rest x_L, so both bands must change."""

    classifier_weight: float = 0.005

    card: ClassVar[AttackCard] = AttackCard(
        name="cama",
        title="Cama",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Andrews et al., Conditional adversarial camera model anonymization, ECCV Workshops 2020",
        paper_url="https://arxiv.org/abs/2002.07798",
    )
    evaluator: ClassVar[Evaluator] = "dual"
    critic: ClassVar[FirstLayer] = "cc"
