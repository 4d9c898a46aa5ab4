"""Intervals and comparisons of rates: scenes are the clusters, since one gives several correlated trials.

Every rate is a sum of one number a photograph (`contributions`), and so is every mean of rates over targets, because
all targets judge the same photographs. The variance of that sum between scenes, within each camera model
(`benchbench.metrics.clusters`), gives the interval: Wilson's, with the number of independent trials that would have
this variance (Korn & Graubard 1998). Where no two photographs show one scene, or the records do not name scenes, each
photograph is a cluster of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from benchbench.contracts.task import Metric
from benchbench.metrics import clusters
from benchbench.metrics.rates import TSR, USR
from benchbench.records.cell import CLASSIFICATION

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

Rate = Literal["tsr", "usr"]
RATES: dict[Rate, Metric] = {"tsr": TSR, "usr": USR}
Values = NDArray[np.float64]
LEVEL = 0.95
PRIOR = 2
"""Clusters' worth of belief that the trials of one cluster all agree."""
FEW = 8
"""Clusters whose own spread begins to count for more than that belief."""


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
    """Outcomes that the values sum up; of a mean over targets, those of all."""
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
    return Sample(key, cell.split.stratum, found.values, full, len(cell.judged.true), cell.split.scenes)


def combine(parts: Iterable[tuple[float, Sample]]) -> list[Sample]:
    """Return the weighted sum of samples, one sample a split."""
    found: dict[tuple[str, str], Sample] = {}
    for weight, part in parts:
        old = found.get(part.key)
        values, full, trials = weight * part.values, weight * part.full, part.trials
        if old is not None:
            values, full, trials = values + old.values, full + old.full, trials + old.trials
        # Another record of the same photographs may be older, and not name scenes.
        scene = part.scene if old is None or old.scene is None else old.scene
        found[part.key] = Sample(part.key, part.stratum, values, full, trials, scene)
    return [found[key] for key in sorted(found)]


@cache
def normal_quantile(level: float) -> float:
    """Return how many standard deviations a two-sided interval of this level goes to either side."""
    return float(norm.ppf((1 + level) / 2))


@cache
def student_quantile(level: float, freedom: int) -> float:
    """Return the same for a standard deviation that is itself estimated, with so many degrees of freedom."""
    return float(student.ppf((1 + level) / 2, freedom))


def _clusters(samples: Sequence[Sample]) -> list[tuple[list[Sample], tuple[NDArray[np.int64], ...] | None]]:
    """Return the samples of each data set, with the cluster of each photograph, None where each is its own."""
    found: dict[str, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.key[0], []).append(one)
    return [(mine, clusters.scenes_of([(s.scene, len(s.values)) for s in mine])) for mine in found.values()]


def _by_cluster(samples: Sequence[Sample]) -> tuple[Values, Values]:
    """Return `values` and `full` of all samples, added up by cluster: one number a scene, or a photograph."""
    values, full = [np.zeros(0)], [np.zeros(0)]
    for mine, cluster in _clusters(samples):
        parts = [np.concatenate([s.values for s in mine]), np.concatenate([s.full for s in mine])]
        if cluster is not None:
            parts = [clusters.sums(part, np.concatenate(cluster)) for part in parts]
        values.append(parts[0])
        full.append(parts[1])
    return np.concatenate(values), np.concatenate(full)


def variance(samples: Sequence[Sample]) -> tuple[float, int]:
    """Return the variance of the sum of all values, and its degrees of freedom.

    Photographs of one true class are alike, those of different classes are not compared. A class with one photograph
    has no spread of its own; then the split is taken as one class.
    """
    total, freedom = 0.0, 0
    for mine, cluster in _clusters(samples):
        if cluster is None:
            parts = [clusters.variance(s.values, s.stratum) for s in mine]
        else:
            # Classes of different splits are different ones, also where their numbers are not.
            shift = 1 + max(int(np.max(s.stratum)) for s in mine)
            strata = np.concatenate([s.stratum + k * shift for k, s in enumerate(mine)])
            values = np.concatenate([s.values for s in mine])
            parts = [clusters.clustered_variance(values, strata, np.concatenate(cluster))]
        for spread, degrees in parts:
            total += spread
            freedom += degrees
    return total, freedom


def _leaning(spread: float, belief: float, seen: int) -> float:
    """Return a variance that leans to `belief`, where that is larger, if few photographs were seen to tell it."""
    weight = PRIOR * min(1.0, FEW / max(seen, 1)) ** 2
    return (seen * spread + weight * max(spread, belief)) / (seen + weight)


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share `p` of `n` independent trials (Wilson 1927)."""
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def rate_interval(samples: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Return the rate that the samples add up to, with its interval; None with fewer than two clusters.

    Where all photographs say 0, or all 1, a cluster counts as one independent trial.
    """
    values, full = _by_cluster(samples)
    if len(values) < 2:
        return None
    value = min(1.0, max(0.0, math.fsum(v for s in samples for v in s.values)))
    spread, freedom = variance(samples)
    z = normal_quantile(level)
    if min(value, 1 - value) < 1e-12:
        return Estimate(value, *wilson(round(value), len(values), z))
    if freedom < 1:
        return None
    independent = float(sum(s.trials for s in samples))
    if spread > 0:
        # With a handful of clusters off 0 or 1 their correlation cannot be told; lean to one trial a cluster.
        off = int(np.sum(values > 0 if value <= 0.5 else values < full - 1e-12))
        spread = _leaning(spread, value * (1 - value) / len(values), off)
        # Few clusters: the variance is itself uncertain, as Student's t allows for.
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
    found = weighted_sum(list(parts))
    if found is None:
        return None
    value, spread, freedom = found
    half = student_quantile(level, freedom) * math.sqrt(spread)
    return Estimate(value, value - half, value + half)


def weighted_sum(parts: Sequence[tuple[float, Sample]]) -> tuple[float, float, int] | None:
    """Return a weighted sum of rates, its variance and the degrees of freedom of that; None with too few clusters."""
    samples = combine(parts)
    spread, freedom = variance(samples)
    if freedom < 1:
        return None
    # With a handful of clusters that differ their variance cannot be told: near 0 or 1 it comes out far too small,
    # or as none. Lean to rates that are independent, of one trial a cluster, each a trial away from its end.
    off = int(np.sum(np.abs(_by_cluster(samples)[0]) > 1e-12))
    spread = _leaning(spread, _independent(parts), off)
    return math.fsum(v for s in samples for v in s.values), spread, freedom


def _independent(parts: Sequence[tuple[float, Sample]]) -> float:
    """Return the variance that a weighted sum of rates would have if no two clusters or rates were alike.

    Rates that come with the same weight are of one mean, over targets or splits, and count as that.
    """
    means: dict[float, list[Sample]] = {}
    for weight, part in parts:
        means.setdefault(weight, []).append(part)
    total = 0.0
    for weight, mine in means.items():
        full = math.fsum(v for s in mine for v in s.full)
        seen = len(_by_cluster(list({s.key: s for s in mine}.values()))[0])
        share = math.fsum(v for s in mine for v in s.values) / full if full > 0 else 0.0
        share = (min(1.0, max(0.0, share)) * seen + 1) / (seen + 2)
        total += (weight * full) ** 2 * share * (1 - share) / (seen + 2)
    return total


def ratio(first: Sequence[Sample], second: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Return first / second, two rates of the same photographs, with its interval; None where that is not defined.

    The standard error is the linearized one, of the sum of (first - ratio x second) / second, photograph by photograph;
    the interval is one of the ratio's logarithm, so that it stays above 0.
    """
    below = math.fsum(v for s in second for v in s.values)
    if below <= 0 or [s.key for s in first] != [s.key for s in second]:
        return None
    value = math.fsum(v for s in first for v in s.values) / below
    found = weighted_sum([*((1 / below, s) for s in first), *((-value / below, s) for s in second)])
    if found is None:
        return None
    half = student_quantile(level, found[2]) * math.sqrt(found[1])
    if value <= 0:
        return Estimate(value, 0.0, half)
    return Estimate(value, value * math.exp(-half / value), value * math.exp(half / value))


def ranks(samples: Sequence[Sequence[Sample] | None], level: float = LEVEL) -> list[int | None]:
    """Return the rank of each attack: 1 and the number of those that are better by more than chance explains.

    All pairs are compared, so that one of them would differ by chance: p values are Holm's (1979), and the chance that
    equal attacks do not all rank first is 1 - level at most. Attacks that no comparison separates share a rank; None
    has none.
    """
    pairs: list[tuple[float, int, int]] = []
    for i, j in combinations([k for k, one in enumerate(samples) if one is not None], 2):
        first, second = samples[i] or (), samples[j] or ()
        if [s.key for s in first] != [s.key for s in second]:
            continue
        found = weighted_sum([*((1.0, s) for s in first), *((-1.0, s) for s in second)])
        if found is not None:
            value, spread, freedom = found
            p = 2 * float(student.sf(abs(value) / math.sqrt(spread), freedom)) if spread > 0 else 1.0
            pairs.append((p, i, j) if value > 0 else (p, j, i))
    better: list[set[int]] = [set() for _ in samples]
    for k, (p, winner, loser) in enumerate(sorted(pairs)):
        if p > (1 - level) / (len(pairs) - k):
            break
        better[loser].add(winner)
    return [None if one is None else 1 + len(better[k]) for k, one in enumerate(samples)]
