"""What the paper calls its attacks and targets."""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchbench.report.groups import AttackRow

LABELS = {"augmented-cgan": "augmented cGAN", "mislgan": "MISLGAN"}
PARTS = ("img", "wdf", "pef")
"""The local auxiliary classifiers, by what they see: the photograph, Wiener residuals, prediction errors."""
BACKBONES = ("resnet12", "resnet18", "resnet34", "densenet40", "densenet100")
KINDS = {"wdf": "wdf", "pef": "cc", "img": "rgb"}
"""The paper's kinds of target, in its order, and their preprocessors."""


def targets(*kinds: str) -> list[str]:
    """Return the five targets of each kind, of all kinds where none is named."""
    return [f"{backbone}/{KINDS[kind]}/complete" for kind in kinds or KINDS for backbone in BACKBONES]


@dataclass(frozen=True)
class Variant:
    """A row of the paper's tables: which classifiers are in the loss, and whether the generator re-mosaics."""

    laac: tuple[str, ...]
    scfa: bool
    critic: str = "cc"

    @property
    def label(self) -> str:
        """The paper's name for it, such as 'f_wdf†'."""
        names = ", ".join(f"f_{part}" for part in self.laac) + ("†" if self.scfa else "")
        return names if self.critic == "cc" else f"{names}, plain critic"


def variant(attack: AttackRow) -> Variant | None:
    """Return which variant an attack is, or None for another paper's attack."""
    if attack.name not in LABELS or not attack.params:
        return None
    params = json.loads(attack.params)
    return Variant(tuple(part for part in PARTS if params[part]), params["scfa"], params["critic"])
