"""Trials: each is one photograph, crafted once for one wanted model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.attack import Attack
from benchbench.contracts.condition import CONDITIONS
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


def expanded(trials: Trials, known: int) -> tuple[NDArray[np.int64], Trials]:
    """Return trials with one for every wrong class in the place of each that stands for all of them.

    Returns:
        (from which trial each comes, (M,); the trials). Crafting for each would give the same photograph.
    """
    if not (trials.wanted == ANY).any():
        return np.arange(len(trials)), trials
    goals = [
        [c for c in range(known) if c != true] if wanted == ANY else [int(wanted)]
        for true, wanted in zip(trials.true, trials.wanted, strict=True)
    ]
    rows = np.repeat(np.arange(len(trials)), [len(g) for g in goals])
    return rows, Trials(trials.image[rows], trials.true[rows], np.array([w for g in goals for w in g], np.int64))


def is_targeted(attack: Attack | None, protocols: Iterable[Protocol] = ()) -> bool:
    """Say whether results depend on the wanted class.

    Those of clean photographs (None) do not; those of every attack do under a condition that reads the wanted class.
    """
    if attack is None:
        return False
    return attack.card.targeted or any(CONDITIONS.create(protocol.condition).reads_wanted for protocol in protocols)
