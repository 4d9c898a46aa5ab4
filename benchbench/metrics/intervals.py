"""Intervals and comparisons of rates: photographs are the clusters, since one gives several correlated trials.

Every rate is a sum of one number a photograph (`contributions`), and so is every mean of rates over targets, because
all targets judge the same photographs. The variance of that sum between photographs, within each camera model, gives
the interval: Wilson's, with the number of independent trials that would have this variance (Korn & Graubard 1998).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from benchbench.contracts.task import Metric
from benchbench.metrics.rates import TSR, USR
from benchbench.records.cell import CLASSIFICATION

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

Rate = Literal["tsr", "usr"]
RATES: dict[Rate, Metric] = {"tsr": TSR, "usr": USR}
Values = NDArray[np.float64]
LEVEL = 0.95
PRIOR = 2
"""Photographs' worth of belief that the trials of one photograph all agree."""


@dataclass(frozen=True)
class Estimate:
    """A rate, or a difference of rates, with its interval."""

    value: float
    low: float
    high: float

    @property
    def separated(self) -> bool:
        """Say whether a difference is not explained by chance: its interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Sample:
    """What each photograph of one split adds to a rate."""

    key: tuple[str, str]
    """Fingerprint and name of the split: samples with equal keys are of the same photographs."""
    stratum: NDArray[np.int64]
    """True class of each photograph."""
    values: Values
    """Their sum is the rate."""
    full: Values
    """The values if every trial succeeded; their sum is the weight of the split, 1 for one cell."""
    trials: int


def contributions(cell: Cell, rate: Rate) -> Sample | None:
    """Return what each photograph adds to the TSR or USR of a cell; None where the rate is undefined.

    The weights are those of `benchbench.metrics.rates`: TSR averages over wanted classes, USR over true classes.
    """
    return sample(cell, RATES[rate]) if cell.target.task == CLASSIFICATION else None


def sample(cell: Cell, metric: Metric) -> Sample | None:
    """Return what each photograph adds to a metric of a cell; None where it is undefined.

    A metric that is no rate has no `full` values: its interval is `metric_interval`'s.
    """
    if ("sample", metric) not in cell.derived:
        cell.derived["sample", metric] = _sample(cell, metric)
    found: Sample | None = cell.derived["sample", metric]
    return found


def _sample(cell: Cell, metric: Metric) -> Sample | None:
    found = metric.contributions(cell.judged)
    if found is None:
        return None
    full = found.values if found.full is None else found.full
    key = (cell.split.fingerprint, cell.split.name)
    return Sample(key, cell.split.stratum, found.values, full, len(cell.judged.true))


def combine(parts: Iterable[tuple[float, Sample]]) -> list[Sample]:
    """Return the weighted sum of samples, one sample a split."""
    found: dict[tuple[str, str], Sample] = {}
    for weight, part in parts:
        old = found.get(part.key)
        values, full, trials = weight * part.values, weight * part.full, part.trials
        if old is not None:
            values, full, trials = values + old.values, full + old.full, max(trials, old.trials)
        found[part.key] = Sample(part.key, part.stratum, values, full, trials)
    return [found[key] for key in sorted(found)]


@cache
def normal_quantile(level: float) -> float:
    """Return how many standard deviations a two-sided interval of this level goes to either side."""
    return float(norm.ppf((1 + level) / 2))


@cache
def student_quantile(level: float, freedom: int) -> float:
    """Return the same for a standard deviation that is itself estimated, with so many degrees of freedom."""
    return float(student.ppf((1 + level) / 2, freedom))


def _strata(sample: Sample) -> Sequence[Values]:
    """Return the values of each true class, or all as one class where one class has a single photograph."""
    places = _places(sample.stratum.tobytes())
    strata = [sample.values[place] for place in places]
    return [sample.values] if any(len(s) < 2 for s in strata) else strata


@lru_cache(maxsize=256)
def _places(stratum: bytes) -> tuple[NDArray[np.int64] | slice, ...]:
    """Return where the photographs of each class are; a slice where they lie one after another."""
    labels = np.frombuffer(stratum, np.int64)
    if (labels[1:] >= labels[:-1]).all():
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        return tuple(slice(start, stop) for start, stop in pairwise(edges))
    return tuple(np.flatnonzero(labels == c) for c in np.unique(labels))


def variance(samples: Sequence[Sample]) -> tuple[float, int]:
    """Return the variance of the sum of all values, and its degrees of freedom.

    Photographs of one true class are alike, those of different classes are not compared. A class with one photograph
    has no spread of its own; then the split is taken as one class.
    """
    total, freedom = 0.0, 0
    for sample in samples:
        strata = _strata(sample)
        sizes = {len(values) for values in strata}
        if len(sizes) == 1:  # the usual case: one call for all classes
            n = sizes.pop()
            if n > 1:
                for spread in np.var(np.stack(strata), axis=1, ddof=1):
                    total += n * float(spread)
                    freedom += n - 1
            continue
        for values in strata:
            n = len(values)
            total += n * float(np.var(values, ddof=1))
            freedom += n - 1
    return total, freedom


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share `p` of `n` independent trials (Wilson 1927)."""
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def rate_interval(samples: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Return the rate that the samples add up to, with its interval; None with fewer than two photographs.

    Where all photographs say 0, or all 1, they count as one independent trial each.
    """
    images = sum(len(s.values) for s in samples)
    if images < 2:
        return None
    value = min(1.0, max(0.0, math.fsum(v for s in samples for v in s.values)))
    spread, freedom = variance(samples)
    z = normal_quantile(level)
    if min(value, 1 - value) < 1e-12:
        return Estimate(value, *wilson(round(value), images, z))
    if freedom < 1:
        return None
    independent = float(sum(s.trials for s in samples))
    if spread > 0:
        # With a handful of photographs off 0 or 1 their correlation cannot be told; lean to one trial a photograph.
        lost = value <= 0.5
        off = sum(int(np.sum(s.values > 0 if lost else s.values < s.full - 1e-12)) for s in samples)
        spread = (off * spread + PRIOR * max(spread, value * (1 - value) / images)) / (off + PRIOR)
        # Few photographs: the variance is itself uncertain, as Student's t allows for.
        ratio = z / student_quantile(level, freedom)
        independent = min(independent, value * (1 - value) / spread * ratio**2)
    return Estimate(value, *wilson(value, independent, z))


def metric_interval(cells: Iterable[Cell | None], metric: Metric, level: float = LEVEL) -> Estimate | None:
    """Return the mean of any metric over some cells with its interval; None if one of them is missing or undefined.

    A rate has the interval of `rate_interval`; another mean value +- t * standard error.
    """
    parts = [sample(cell, metric) if cell is not None else None for cell in cells]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    weighed = [(1 / len(whole), part) for part in whole]
    return rate_interval(combine(weighed), level) if metric.unit == "%" else contrast(weighed, level)


def mean_rate(cells: Iterable[Cell | None], rate: Rate, level: float = LEVEL) -> Estimate | None:
    """Return the mean TSR or USR of some cells with its interval; None if one of them is missing or has no such rate.

    Cells of one split share their photographs: the mean of many targets is not more certain than the photographs allow.
    """
    parts = [contributions(cell, rate) if cell is not None else None for cell in cells]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    return rate_interval(combine((1 / len(whole), part) for part in whole), level)


def difference(first: Sequence[Sample], second: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Compare two rates photograph by photograph: first - second with its interval.

    None where the two are not of the same photographs, or these are too few.
    """
    if [s.key for s in first] != [s.key for s in second]:
        return None
    return contrast([*((1.0, s) for s in first), *((-1.0, s) for s in second)], level)


def contrast(parts: Iterable[tuple[float, Sample]], level: float = LEVEL) -> Estimate | None:
    """Return a weighted sum of rates, as a difference of two means is, with its interval: value +- t * standard error.

    Samples of the same photographs are added photograph by photograph, so that what these share counts once; samples
    of different photographs are independent. None where there are too few photographs.
    """
    samples = combine(parts)
    spread, freedom = variance(samples)
    if freedom < 1:
        return None
    value = math.fsum(v for s in samples for v in s.values)
    half = student_quantile(level, freedom) * math.sqrt(spread)
    return Estimate(value, value - half, value + half)


def ranks(samples: Sequence[Sequence[Sample] | None]) -> list[int | None]:
    """Return the rank of each attack: 1 and the number of those that are better by more than chance explains.

    Attacks that a paired comparison does not separate may share a rank; None has none.
    """
    found: list[int | None] = []
    for mine in samples:
        if mine is None:
            found.append(None)
            continue
        rank = 1
        for other in samples:
            better = difference(other, mine) if other is not None and other is not mine else None
            rank += better is not None and better.low > 0
        found.append(rank)
    return found
