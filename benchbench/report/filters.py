"""What the page's filters can ask for: each attack's mean rates with their intervals, and its rank, for every choice.

A choice is a value, or all, of each axis; it stands for the targets and splits of a group that have these values: of
the papers' settings, where the choice has any, as in the leaderboard, or else of others. All choices are computed at
once, as products of matrices: weights of places by what each photograph adds at a place. The means are those of
`benchbench.report.means`, the intervals and ranks those of `benchbench.metrics`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbench.metrics import intervals
from benchbench.metrics.ranks import ranks_of_many
from benchbench.metrics.samples import Rate, Sample, Values, contributions, rows
from benchbench.records.cell import Cell
from benchbench.report import means
from benchbench.report.groups import AttackRow, Group
from benchbench.report.paper import grid

ANY = "all"
AXES = ("overlap", "split", "backbone", "preprocessor")
RATES: tuple[Rate, ...] = ("tsr", "usr")
Flags = NDArray[np.bool_]
Column = Sequence[Cell | None]


def place_of(cell: Cell) -> tuple[str, str, str, str]:
    """Return the values of the axes."""
    return cell.target.overlap, cell.split.name, cell.target.backbone, cell.target.preprocessor


@dataclass(frozen=True)
class Choices:
    """The choices of one group, and what each shows."""

    index: dict[str, int]
    """Number of the rows of "overlap|split|backbone|preprocessor"; choices of the same places have the same rows."""
    rows: list[list[list[Any]]]
    """For each, a row an attack: cells, tsr, low, high, usr, low, high, rank; None where there is no such number, as
    for an attack that lacks a cell which another has: its mean would compare with nothing."""


def choices(group: Group) -> Choices:
    """Return every choice of a group that has cells, and its rows."""
    attacks = {attack.key: k for k, attack in enumerate(group.attacks)}
    found: dict[tuple[str, str], list[Cell | None]] = {}
    for cell in group.cells:
        key = AttackRow(*cell.attack.key, "").key
        found.setdefault((cell.target.name, cell.split.name), [None] * len(attacks))[attacks[key]] = cell
    columns = list(found.values())
    where = [place_of(next(c for c in column if c is not None)) for column in columns]
    index: dict[str, int] = {}
    masks: dict[bytes, int] = {}
    among = set(grid())
    settings = np.array([next(c for c in column if c is not None).target.name in among for column in columns], bool)
    axes = [np.array([place[i] for place in where]) for i in range(len(AXES))]
    for wanted in itertools.product(*([ANY, *sorted(set(axis.tolist()))] for axis in axes)):
        mask = np.ones(len(where), bool)
        for value, axis in zip(wanted, axes, strict=True):
            if value != ANY:
                mask &= axis == value
        if (mask & settings).any():
            mask &= settings  # other targets were met by few attacks, so the others would have no mean
        if mask.any():
            index["|".join(wanted)] = masks.setdefault(mask.tobytes(), len(masks))
    chosen = np.array([np.frombuffer(mask, bool) for mask in masks]).reshape(len(masks), len(where))
    return Choices(index, _rows(group.attacks, columns, chosen))


def _rows(attacks: Sequence[AttackRow], columns: Sequence[Column], chosen: Flags) -> list[list[list[Any]]]:
    """Return the rows of each choice.

    Args:
        columns: the cells of each place, one an attack or None.
        chosen: (choices, places).
    """
    if not len(chosen):
        return []
    made = np.array([[cell is not None for cell in column] for column in columns], np.int64)
    counts = chosen.astype(np.int64) @ made
    whole = (counts == chosen.sum(axis=1)[:, None]).T
    ranked = np.array([attack.ranked for attack in attacks])
    numbers = np.full((len(attacks), len(chosen), 2 * 3), np.nan)
    ranks = np.zeros(whole.shape, np.int64)
    for k, rate in enumerate(RATES):
        field = _Field.of(columns, rate)
        step = max(1, intervals.AT_ONCE // max(1, len(attacks) * sum(part.values.shape[-1] for part in field.parts)))
        for start in range(0, len(chosen), step):
            here = slice(start, start + step)
            sums = field.sums(chosen[here], whole[:, here])
            numbers[:, here, 3 * k : 3 * k + 3] = sums.intervals()
            if rate == "tsr":
                ranks[:, here] = sums.ranks(ranked)
    cells, places = counts.tolist(), ranks.T.tolist()
    return [
        [[cells[c][a], *map(_short, row), places[c][a] or None] for a, row in enumerate(rows)]
        for c, rows in enumerate(numbers.swapaxes(0, 1).tolist())
    ]


def _short(value: float) -> float | None:
    # Products of matrices differ in the last digits from machine to machine: those go first, or a half could go either
    # way.
    return None if value != value else round(round(value, 12), 6)


@dataclass(frozen=True)
class _Part:
    """What photographs of one split add to a rate, at each place of the split."""

    like: Sample
    """Names the split and its photographs."""
    places: NDArray[np.int64]
    values: Values
    """(attacks, places, photographs), and `full` too; zeros where a rate is not defined."""
    full: Values


@dataclass(frozen=True)
class _Field:
    """What photographs add to a rate, for all attacks at all places."""

    rate: Rate
    parts: list[_Part]
    defined: Flags
    """(attacks, places)."""
    trials: NDArray[np.int64]
    """(attacks, places)."""
    settings: NDArray[np.int64]
    """(places,): those of one number weigh the same together."""

    @classmethod
    def of(cls, columns: Sequence[Column], rate: Rate) -> _Field:
        """Collect the contributions of all cells."""
        added = [[contributions(c, rate) if c is not None else None for c in column] for column in columns]
        at: dict[tuple[str, str], dict[int, Sample]] = {}
        for p, samples in enumerate(added):
            for one in samples:
                if one is not None:
                    at.setdefault(one.key, {}).setdefault(p, one)
        parts = []
        for _, mine in sorted(at.items()):
            like = next((one for one in mine.values() if one.scene is not None), next(iter(mine.values())))
            none = np.zeros(like.values.shape)
            shape = (len(mine), -1, len(none))
            values = rows([none if s is None else s.values for p in mine for s in added[p]]).reshape(shape)
            full = rows([none if s is None else s.full for p in mine for s in added[p]]).reshape(shape)
            parts.append(_Part(like, np.array(list(mine)), values.swapaxes(0, 1), full.swapaxes(0, 1)))
        names = [means.place(next(c for c in column if c is not None)) for column in columns]
        settings = np.array([sorted(set(names)).index(name) for name in names])
        defined = np.array([[s is not None for s in samples] for samples in added]).T
        trials = np.array([[0 if s is None else s.trials for s in samples] for samples in added], np.int64).T
        return cls(rate, parts, defined, trials, settings)

    def sums(self, chosen: Flags, whole: Flags) -> _Sums:
        """Return what photographs add to the means of some choices.

        Args:
            chosen: (choices, places).
            whole: (attacks, choices): the attack has all cells of the choice.
        """
        active = chosen[None] & self.defined[:, None]
        there = whole & active.any(axis=-1)
        if self.rate == "tsr":  # nothing is left out of its mean
            there &= (active == chosen[None]).all(axis=-1)
        weights = means.weights(self.settings, active)
        found = []
        for part in self.parts:
            mine = weights[..., part.places]
            trials = ((mine > 0) * self.trials[:, None, part.places]).sum(axis=-1)
            values, full = np.matmul(mine, part.values), np.matmul(mine, part.full)
            found.append((replace(part.like, values=values, full=full, trials=trials), mine.any(axis=-1)))
        return _Sums(there, found)


@dataclass(frozen=True)
class _Sums:
    """Means of a rate over the places of each choice, photograph by photograph."""

    there: Flags
    """(attacks, choices): there is such a mean."""
    parts: list[tuple[Sample, Flags]]
    """Of each split what its photographs add, (attacks, choices, photographs), and which means it is a part of."""

    def intervals(self) -> Values:
        """Return (attacks, choices, 3): the mean, the ends of its interval; NaN where there is none."""
        found = np.full((*self.there.shape, 3), np.nan)
        for mine, samples in self._alike(self.there):
            found[mine] = np.stack(intervals.rate_intervals([_taken(s, mine) for s in samples], exact=False), axis=-1)
        return np.where(np.isnan(found[..., 2:]), np.nan, found)

    def ranks(self, ranked: Flags) -> NDArray[np.int64]:
        """Return (attacks, choices), 0 where there is no rank.

        Args:
            ranked: (attacks,): which compete.
        """
        competing = self.there & ranked[:, None]
        found = np.zeros(competing.shape, np.int64)
        fields, of_field = np.unique(competing, axis=1, return_inverse=True)
        for k, field in enumerate(fields.T):
            for mine, samples in self._alike(competing & (of_field.ravel() == k)):
                choices = np.flatnonzero(mine.any(axis=0))
                some = np.ix_(field, choices)
                rates = [
                    replace(s, values=s.values[some].swapaxes(0, 1), full=s.full[some].swapaxes(0, 1)) for s in samples
                ]
                found[some] = ranks_of_many(rates).T
        return found

    def _alike(self, among: Flags) -> Iterator[tuple[Flags, list[Sample]]]:
        """Yield means of the same splits together, and the samples of these splits."""
        flags = np.array([flag for _, flag in self.parts]).reshape(len(self.parts), *among.shape)
        for kind in np.unique(flags[:, among], axis=1).T:
            yield (
                among & (flags == kind[:, None, None]).all(axis=0),
                [s for (s, _), taken in zip(self.parts, kind, strict=True) if taken],
            )


def _taken(sample: Sample, mine: Flags) -> Sample:
    trials = np.asarray(sample.trials)[mine]
    return replace(sample, values=sample.values[mine], full=sample.full[mine], trials=trials)
