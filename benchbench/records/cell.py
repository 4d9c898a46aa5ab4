"""A cell: the facts of one attack against one target on one split. Tables and pages are functions of cells.

A cell is one craft, judged by one target. The craft holds the trials and what crafting did to the photographs, and is
recorded once for all targets; the cell holds what its target made of each trial (`outcomes`, named columns).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from benchbench.base.identity import canonical_json
from benchbench.contracts.task import Judged
from benchbench.records.column import Column

Arrays = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
SCHEMA = 3
CLASSIFICATION = "classification"
"""The task of a target that names a camera model; only its cells have `counts`."""


class Part(BaseModel):
    """A frozen part of a record; an unknown key is an error, so an edited file is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy the fields; what was derived of the old ones is derived anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in [n for n in copied.__dict__ if n not in type(self).model_fields]:
            del copied.__dict__[name]
        return copied


class DatasetPart(Part):
    """The photographs."""

    name: str
    data_id: str
    camera_models: tuple[str, ...]
    known: int
    size: int


class AttackPart(Part):
    """The attack as it was crafted."""

    name: str
    title: str
    version: int
    knowledge: str
    control: bool
    baseline: bool
    goal: Literal["forge", "erase"] = "forge"
    params: dict[str, Any]
    fits: dict[str, str]
    """Fit ids by name."""
    source: str = ""
    """Digest of the attack's source files, so that a change without a new version is noticed. Not an identity."""
    links: dict[str, str] = {}
    """Where its `paper` and its `code` are, as the card says; older records do not."""

    @cached_property
    def key(self) -> tuple[str, str]:
        """Name, and parameters as canonical JSON."""
        return self.name, canonical_json(self.params)


class TargetPart(Part):
    """The target as it was asked."""

    name: str
    version: int
    backbone: str
    preprocessor: str
    overlap: Literal["complete", "partial"]
    task: str = CLASSIFICATION
    params: dict[str, Any]
    classes: int
    fits: dict[str, str]
    source: str = ""
    """Digest of the target's source files."""
    clean: tuple[tuple[int, ...], ...] = ()
    """classification: confusion matrix on the unattacked test photographs of this split: [true][predicted class]."""
    unattacked: dict[str, Column] = {}
    """Other tasks: their columns on the unattacked test photographs of this split, one trial a photograph."""

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """Where what is found of a target may be kept, for all cells that it judged."""
        return {}

    @cached_property
    def key(self) -> tuple[str, str]:
        """Name, and parameters as canonical JSON."""
        return self.name, canonical_json(self.params)


class SplitPart(Part):
    """Which test photographs were attacked."""

    name: str
    fingerprint: str
    images: int
    classes: tuple[int, ...]
    """The true classes of this split, ascending: the first axis of `Cell.counts`."""
    true: tuple[int, ...]
    """True class of each photograph; -1 where no camera took it."""
    fits: dict[str, str] = {}
    """Ids of the fits that made the pictures, by name; none for photographs of the data set."""
    scene: tuple[int, ...] = ()
    """Scene of each photograph as the data set numbers them, the same in all splits, -1 where it is not known; empty
    in older records, which do not say."""

    @cached_property
    def scenes(self) -> NDArray[np.int64] | None:
        """The scenes as an array, or None where the record does not say."""
        return np.array(self.scene, np.int64) if self.scene else None

    @cached_property
    def stratum(self) -> NDArray[np.int64]:
        """The same as an array."""
        return np.array(self.true, np.int64)


class TrialsPart(Part):
    """The trials, in the order of outcomes; a photograph's follow one another."""

    photograph: tuple[int, ...]
    """Number of the photograph, in the order of `SplitPart.true`."""
    wanted: tuple[int, ...]
    """Wanted class. What an attack that is not targeted makes of a photograph stands here for each wrong class."""

    @cached_property
    def derived(self) -> list[tuple[SplitPart, Arrays]]:
        """Where `arrays` keeps what it made."""
        return []

    def arrays(self, split: SplitPart) -> Arrays:
        """Return photograph, wanted and true class of each trial, made once for all cells of a craft."""
        if not self.derived or self.derived[0][0] is not split:
            image = np.array(self.photograph, np.int64)
            self.derived[:] = [(split, (image, np.array(self.wanted, np.int64), split.stratum[image]))]
        return self.derived[0][1]

    @cached_property
    def _strata(self) -> list[tuple[SplitPart, NDArray[np.int64]]]:
        return []

    def strata(self, split: SplitPart) -> NDArray[np.int64]:
        """Return the stratum of each photograph: what strata differ by is given, and no chance.

        It is the true class, and where each photograph is wanted as one class alone the wanted class with it, unless
        some photograph would then stand alone.
        """
        if not self._strata or self._strata[0][0] is not split:
            made = split.stratum
            image, wanted, true = self.arrays(split)
            if len(image) == len(made) and np.array_equal(image, np.arange(len(made))):
                both = np.unique(np.stack([true, wanted]), axis=1, return_inverse=True)[1].astype(np.int64)
                made = both if len(both) and np.min(np.bincount(both)) > 1 else made
            self._strata[:] = [(split, made)]
        return self._strata[0][1]


class MeasurePart(Part):
    """One measure of what crafting did."""

    sums: tuple[float, ...]
    """Sum over the photographs that have a value, per wanted class."""
    images: tuple[int, ...]
    """How many these are, per wanted class."""
    values: Column | None = None
    """Of each trial, None where there is none; missing in records of schema 2, which held sums alone."""


class CraftPart(Part):
    """What crafting did."""

    craft_id: str
    trials: TrialsPart
    measures: dict[str, MeasurePart]
    """By name. One that has no value here, such as SSIM of photographs below its window, is not there."""
    identical: tuple[int, ...]
    """Images that came out unchanged (infinite PSNR), per wanted class; counted apart."""
    surrogate_hits: tuple[int, ...] | None
    """Images that the attack's own evaluator takes for the wanted class, per wanted class; None: it has none."""
    stream_hits: dict[str, tuple[int, ...]] = {}
    """The same of each stream of an evaluator that has several, by its name."""
    clipped: float
    """Share of the values that stand at 0 or 1 and did not before."""
    target_calls: int
    """Calls of a target while crafting: 0 for every attack that is not white-box."""
    facts: dict[str, Any]
    """Calibrated numbers, such as epsilon."""


class Craft(Part):
    """What is recorded once for all targets of a craft."""

    profile: str
    dataset: DatasetPart
    attack: AttackPart
    split: SplitPart
    protocol: dict[str, Any]
    craft: CraftPart

    @cached_property
    def derived(self) -> dict[str, Any]:
        """Where what follows from a craft may be kept, so that it is found once for all its cells."""
        return {}


class Cell(Part):
    """One attack, one target, one split."""

    schema_version: int = SCHEMA
    cell_id: str
    profile: str
    dataset: DatasetPart
    attack: AttackPart
    target: TargetPart
    split: SplitPart
    protocol: dict[str, Any]
    craft: CraftPart
    outcomes: dict[str, Column]
    """What the target made of each trial, by the columns of its task."""
    profile_digest: str = ""
    """What a profile from a file said; '' for a built-in one, see `Profile.digest`."""
    provenance: dict[str, Any]
    """git commit, package versions, device, seconds, UTC. Not part of any identity."""

    @cached_property
    def derived(self) -> dict[Any, Any]:
        """Where what follows from a cell may be kept, so that a report computes it once."""
        return {}

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What tells a cell from others: names and profile are part of no identity, nor are the pixels."""
        return self.dataset.name, self.profile, self.cell_id, self.split.fingerprint

    @cached_property
    def protocol_json(self) -> str:
        """The protocol as canonical JSON."""
        return canonical_json(self.protocol)

    @property
    def judged(self) -> Judged:
        """Trials and outcomes as metrics see them."""
        image, wanted, true = self.craft.trials.arrays(self.split)
        return Judged(
            photograph=image,
            true=true,
            wanted=wanted,
            outcomes={name: found.numbers for name, found in self.outcomes.items()},
            known=self.dataset.known,
            classes=self.target.classes,
            true_classes=self.split.classes,
        )

    @property
    def counts(self) -> NDArray[np.int64]:
        """See `tabulate`; KeyError where the task is not classification."""
        return tabulate(self.judged)


def predictions(judged: Judged) -> NDArray[np.int64]:
    """Return [wanted][predicted]: what `tabulate` returns, summed over the true classes."""
    places = judged.wanted * judged.classes + judged.outcomes["predicted"].astype(np.int64)
    return np.bincount(places, minlength=judged.known * judged.classes).reshape(judged.known, judged.classes)


def tabulate(judged: Judged) -> NDArray[np.int64]:
    """Return counts[true][wanted][predicted]: true in the order of `true_classes`, wanted 0 to known - 1.

    Of outcomes (cells, T), of several targets at once, a table each: (cells, true, wanted, predicted).
    """
    predicted = judged.outcomes["predicted"].astype(np.int64)
    shape = (len(judged.true_classes), judged.known, judged.classes)
    if not len(judged.true):
        return np.zeros((*predicted.shape[:-1], *shape), np.int64)
    rows = np.searchsorted(np.array(judged.true_classes, np.int64), judged.true)
    places, size = np.ravel_multi_index((rows, judged.wanted, predicted), shape), math.prod(shape)
    places = places.reshape(-1, len(judged.true))
    apart = places + size * np.arange(len(places))[:, None]
    found = np.bincount(apart.ravel(), minlength=len(places) * size)
    return found.reshape(*predicted.shape[:-1], *shape).astype(np.int64, copy=False)
