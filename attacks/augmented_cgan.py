"""The augmented cGAN and MISLGAN: Cama's predecessor, with up to three local auxiliary classifiers in its loss.

    L_gen = 0.01 L_adv + 1 L_1 + 0.01 (L_img + L_wdf + L_pef)      (equation 7; each of the last three may be absent)

Source: Andrews, Zhang & Griffin, Camera model anonymisation with augmented cGANs, 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.attack import AttackCard
from benchbench.contracts.spec import validated

from ._cgan import Cgan
from ._evaluator import SEES, Auxiliary

PAPER = "Andrews, Zhang & Griffin, Camera model anonymisation with augmented cGANs, 2020"


@dataclass(frozen=True, kw_only=True)
class AugmentedCgan(Cgan):
    """A conditional GAN that must also fool classifiers of photographs, Wiener residuals and prediction errors.

    Attributes:
        img, wdf, pef: whether a classifier of photographs, of Wiener residuals as a network learned them, of prediction
            errors of a constrained convolution is in the loss; at least one of them.
        scfa: the generator is given re-mosaiced photographs (a synthetic color filter array).
        critic: 'cc' looks through a constrained convolution, 'rgb' at photographs (the paper's footnote 10).
    """

    img: bool = True
    wdf: bool = True
    pef: bool = True
    scfa: bool = False
    critic: Literal["cc", "rgb"] = "cc"
    adversarial_weight: float = 0.01
    pixel_weight: float = 1.0
    classifier_weight: float = 0.01

    card: ClassVar[AttackCard] = AttackCard(
        name="augmented-cgan",
        title="augmented cGAN",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper=PAPER,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.evaluator:
            raise BenchError(f"attack '{self.name}' has none of img, wdf and pef; at least one classifier is expected.")

    @property
    def evaluator(self) -> tuple[Auxiliary, ...]:
        """The local auxiliary classifiers, in the order of their terms."""
        return tuple(name for name in SEES if getattr(self, name))

    @property
    def remosaics(self) -> bool:
        """Whether there is a synthetic color filter array before the generator."""
        return self.scfa


@dataclass(frozen=True, kw_only=True)
class Mislgan(AugmentedCgan):
    """The paper's baseline: f_pef alone, and a synthetic color filter array."""

    img: bool = False
    wdf: bool = False
    scfa: bool = True

    card: ClassVar[AttackCard] = AttackCard(
        name="mislgan",
        title="MISLGAN",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper=f"Chen et al., MISLGAN, ICIP 2018, as the baseline of {PAPER}",
        note="the baseline of the augmented cGAN's paper, whose weights of critic, distance and classifier are "
        "0.01 : 1 : 0.01, with a classifier trained for 30 epochs; misl-cgan is that of Cama's paper: 1 : 10 : 0.01, "
        "90 epochs",
    )


VARIANTS = ("img", "wdf", "wdf+scfa", "pef", "pef+scfa", "img+wdf", "img+pef", "img+wdf+pef")
"""The eight rows of the paper's tables, by what they have: `augmented2020:img+wdf`. MISLGAN is pef+scfa."""


class Bridge:
    """Makes the paper's eight variants by name for the registry: `--attack 'augmented2020:*'`."""

    def names(self) -> list[str]:
        """Return the variants in the paper's order."""
        return list(VARIANTS)

    def create(self, name: str, params: Mapping[str, Any]) -> AugmentedCgan:
        """Return a variant.

        Raises:
            UnknownNameError: no such variant, or no such parameter.
            BenchError: a parameter that makes the variant what it is, or a value of the wrong type.
        """
        what = f"attack 'augmented2020:{name}'"
        if name not in VARIANTS:
            raise UnknownNameError(f"unknown {what}.{did_you_mean(name, VARIANTS)}\n  available: {', '.join(VARIANTS)}")
        if fixed := params.keys() & {*SEES, "scfa"}:
            raise BenchError(f"{what} has no choice of '{min(fixed)}'; augmented-cgan[{min(fixed)}=...] has.")
        has = name.split("+")
        if name == "pef+scfa":
            return Mislgan(**validated(what, Mislgan, params))
        parts: dict[str, Any] = {part: part in has for part in (*SEES, "scfa")}
        return AugmentedCgan(**parts, **validated(what, AugmentedCgan, params))


bridge = Bridge()
