"""Trials: each is one photograph, crafted once for one wanted model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.attack import Attack
from benchbench.contracts.protocol import Protocol

if TYPE_CHECKING:
    pass


Split = Literal["in", "out"]


SPLITS: tuple[Split, ...] = ("in", "out")


ANY = -1
"""The wanted class of a trial that stands for all of them, of an attack that is not targeted."""


@dataclass(frozen=True)
class Trials:
    """What is crafted on a split: three int64 (N,) arrays. A photograph's trials follow one another."""

    image: NDArray[np.int64]
    """Position among the test photographs."""
    true: NDArray[np.int64]
    wanted: NDArray[np.int64]
    """The wanted class, or ANY."""

    def __len__(self) -> int:
        return len(self.image)


def true_classes(known: int, classes: int, split: Split) -> range:
    """Return the true classes of a split: those the attacker knows, or the others."""
    return range(known) if split == "in" else range(known, classes)


def trials(camera: NDArray[np.int64], known: int, split: Split, targeted: bool = True) -> Trials:
    """Return every test photograph of a split with every wrong class that the attacker knows.

    Args:
        camera: true class of each test photograph.
        targeted: False gives each photograph one trial with wanted class ANY.
    """
    rows = [
        (i, int(true), wanted)
        for i, true in enumerate(camera)
        if (true < known) == (split == "in")
        for wanted in (range(known) if targeted else (ANY,))
        if wanted != true
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Trials(table[:, 0], table[:, 1], table[:, 2])


def is_targeted(attack: Attack | None, protocols: Iterable[Protocol] = ()) -> bool:
    """Say whether results depend on the wanted class.

    Those of clean photographs (None) do not; those of every attack do where the wanted camera's JPEG tables are used.
    """
    if attack is None:
        return False
    return attack.card.targeted or any(protocol.condition == "jpeg-target" for protocol in protocols)
