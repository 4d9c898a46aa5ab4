"""Trials: each is one photograph, crafted once for one wanted model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol as TypingProtocol

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.attack import AttackCard
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS

Split = str
"""The name of a scenario."""


SPLITS: tuple[Split, ...] = ("in", "out")
"""What a run crosses where nothing else is asked for."""


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


def true_classes(known: int, classes: int, split: Split) -> Sequence[int]:
    """Return the true classes of a split, ascending: those the attacker knows, the others, or what its scenario has."""
    return SCENARIOS.create(split).classes(known, classes)


def wanted_models(camera: NDArray[np.int64], known: int, each: int | None = None) -> list[tuple[int, ...]]:
    """Return the wanted models of each test photograph: the wrong ones that the attacker knows, or `each` of them.

    Taken in turn within a true model, so that all are wanted of it equally often, within one photograph.

    Args:
        camera: true class of each test photograph.
        each: None gives all.
    """
    found: list[tuple[int, ...]] = []
    seen: dict[int, int] = {}
    for true in camera.tolist():
        wrong = [c for c in range(known) if c != true]
        count = len(wrong) if each is None else min(each, len(wrong))
        # Each true model begins elsewhere, so that what does not come out even is not always wanting the same models.
        start = seen.get(true, true if each is not None else 0)
        found.append(tuple(sorted(wrong[(start + k) % len(wrong)] for k in range(count))))
        seen[true] = start + count
    return found


def limited(camera: NDArray[np.int64], limit: int | None) -> NDArray[np.bool_]:
    """Return which test photographs are attacked: all, or of each true class `limit` that are spread over its own."""
    if limit is None:
        return np.ones(len(camera), bool)
    keep = np.zeros(len(camera), bool)
    for true in np.unique(camera):
        mine = np.flatnonzero(camera == true)
        keep[mine[np.linspace(0, len(mine) - 1, min(limit, len(mine))).round().astype(int)]] = True
    return keep


def trials(
    camera: NDArray[np.int64],
    known: int,
    split: Split,
    targeted: bool = True,
    each: int | None = None,
    limit: int | None = None,
) -> Trials:
    """Return every test photograph of a split with every model that is wanted of it.

    Args:
        camera: true class of each test photograph.
        targeted: False gives each photograph one trial with wanted class ANY.
        each: see `wanted_models`.
        limit: see `limited`.
    """
    goals = wanted_models(camera, known, each)
    attacked = limited(camera, limit) & SCENARIOS.create(split).chosen(camera, known)
    rows = [
        (i, int(true), wanted)
        for i, true in enumerate(camera)
        if attacked[i]
        for wanted in (goals[i] if targeted else (ANY,))
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Trials(table[:, 0], table[:, 1], table[:, 2])


def expanded(trials: Trials, goals: Sequence[tuple[int, ...]]) -> tuple[NDArray[np.int64], Trials]:
    """Return trials with one for every wanted model in the place of each that stands for all of them.

    Args:
        goals: `wanted_models` of the test photographs.

    Returns:
        (from which trial each comes, (M,); the trials). Crafting for each would give the same photograph.
    """
    if not (trials.wanted == ANY).any():
        return np.arange(len(trials)), trials
    each = [
        goals[image] if wanted == ANY else (int(wanted),)
        for image, wanted in zip(trials.image, trials.wanted, strict=True)
    ]
    rows = np.repeat(np.arange(len(trials)), [len(g) for g in each])
    return rows, Trials(trials.image[rows], trials.true[rows], np.array([w for g in each for w in g], np.int64))


class Carded(TypingProtocol):
    """An attack, or what stands for one."""

    @property
    def card(self) -> AttackCard:
        """The attack's card."""


def is_targeted(attack: Carded | None, protocols: Iterable[Protocol] = ()) -> bool:
    """Say whether results depend on the wanted class.

    Those of clean photographs (None) do not; those of every attack do under a condition that reads the wanted class.
    """
    if attack is None:
        return False
    return attack.card.targeted or any(CONDITIONS.create(protocol.condition).reads_wanted for protocol in protocols)
