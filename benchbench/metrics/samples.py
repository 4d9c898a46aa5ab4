"""What each photograph adds to a metric: means, differences, ranks and their intervals are made of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Metric
from benchbench.metrics.rates import TSR, USR
from benchbench.records.cell import CLASSIFICATION

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

T = TypeVar("T")
Rate = Literal["tsr", "usr"]
RATES: dict[Rate, Metric] = {"tsr": TSR, "usr": USR}
Values = NDArray[np.float64]


def kept(cell: Cell, key: tuple[str, Metric | Rate], make: Callable[[], T]) -> T:
    """Return what was made of a cell before under `key`, or else make it."""
    if key not in cell.derived:
        cell.derived[key] = make()
    found: T = cell.derived[key]
    return found


@dataclass(frozen=True)
class Sample:
    """What each photograph of one split adds to a rate."""

    key: tuple[str, str]
    """Fingerprint and name of the split: samples with equal keys are of the same photographs."""
    stratum: NDArray[np.int64]
    """Of each photograph: its true class, and its wanted one where it has one, see `TrialsPart.strata`."""
    values: Values
    """(photographs,); their sum is the rate. Or (rates, photographs): several rates of the same photographs at once."""
    full: Values
    """The values if every trial succeeded; their sum is the weight of the split, 1 for one cell. Shaped as `values`."""
    trials: int | NDArray[np.int64]
    """Outcomes that the values sum up; of a mean over targets, those of all. One number, or one a rate."""
    scene: NDArray[np.int64] | None = None
    """Scene of each photograph, -1 where unknown, the same in all splits of a data set; None: not recorded."""


def contributions(cell: Cell, rate: Rate) -> Sample | None:
    """Return what each photograph adds to the TSR or USR of a cell; None where the rate is undefined.

    The weights are those of `benchbench.metrics.rates`: TSR averages over wanted classes, USR over true classes.
    """
    asked = cell.target.task == CLASSIFICATION and (rate == "usr" or cell.attack.goal == "forge")
    return sample(cell, RATES[rate]) if asked else None


def sample(cell: Cell, metric: Metric) -> Sample | None:
    """Return what each photograph adds to a metric of a cell; None where it is undefined.

    A metric that is no rate has no `full` values: its interval is `metric_interval`'s.
    """

    def make() -> Sample | None:
        made = metric.contributions(cell.judged)
        return None if made is None else sample_of(cell, made.values, made.full)

    return kept(cell, ("sample", metric), make)


def value_of(cell: Cell, metric: Metric) -> float | None:
    """Return a metric's value for a cell; None where it is undefined. It is found once."""
    return kept(cell, ("value", metric), lambda: metric.value(cell.judged))


def sample_of(cell: Cell, values: Values, full: Values | None) -> Sample:
    """Return the sample of a cell, of what a metric's contributions say of its photographs."""
    key, split = (cell.split.fingerprint, cell.split.name), cell.split
    strata, trials = cell.craft.trials.strata(split), len(cell.judged.true)
    return Sample(key, strata, values, values if full is None else full, trials, split.scenes)


def combine(parts: Iterable[tuple[float, Sample]]) -> list[Sample]:
    """Return the weighted sum of samples, one sample a split."""
    found: dict[tuple[str, str], list[tuple[float, Sample]]] = {}
    for weight, part in parts:
        found.setdefault(part.key, []).append((weight, part))
    return [_combined(found[key]) for key in sorted(found)]


def _combined(parts: Sequence[tuple[float, Sample]]) -> Sample:
    """Return the weighted sum of samples of the same photographs, added in their order."""
    if len(parts) == 1:
        weight, one = parts[0]
        return replace(one, values=weight * one.values, full=weight * one.full)
    weights = np.array([weight for weight, _ in parts])[:, None]
    values, full = weights * rows([s.values for _, s in parts]), weights * rows([s.full for _, s in parts])
    # Another record of the same photographs may be older, and not name scenes.
    named = next((s for _, s in parts if s.scene is not None), parts[0][1])
    trials = int(sum(s.trials for _, s in parts))
    return replace(named, values=values.sum(axis=0), full=full.sum(axis=0), trials=trials)


def rows(found: Sequence[Values]) -> Values:
    """Return arrays of one length, a row each: what `np.stack` does, in a fraction of its time for short ones."""
    return np.concatenate(found).reshape(len(found), -1)


def stacked(rates: Sequence[Sequence[Sample]]) -> list[Sample]:
    """Return several rates of the same photographs as one sample a split: values (rates, photographs)."""
    found = []
    for mine in zip(*rates, strict=True):
        named = next((s for s in mine if s.scene is not None), mine[0])
        values, full = rows([s.values for s in mine]), rows([s.full for s in mine])
        found.append(replace(named, values=values, full=full, trials=np.array([s.trials for s in mine])))
    return found
