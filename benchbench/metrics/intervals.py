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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Metric
from benchbench.metrics import clusters
from benchbench.metrics.quantiles import normal_quantile, student_quantile
from benchbench.metrics.samples import Rate, Sample, Values, combine, contributions, kept, sample, stacked

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

Number = float | Values
LEVEL = 0.95
PRIOR = 2
"""Clusters' worth of belief that the trials of one cluster all agree."""
AT_ONCE = 4_000_000
"""Numbers of one array, so that many cells do not take more memory."""
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


def _clusters(samples: Sequence[Sample]) -> list[tuple[list[Sample], tuple[NDArray[np.int64], ...] | None]]:
    """Return the samples of each data set, with the cluster of each photograph, None where each is its own."""
    found: dict[str, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.key[0], []).append(one)
    return [(mine, clusters.scenes_of([(s.scene, len(s.values)) for s in mine])) for mine in found.values()]


def _by_cluster(samples: Sequence[Sample], of: str = "values") -> Values:
    """Return `values`, or `full`, of all samples, added up by cluster: one number a scene, or a photograph."""
    found = []
    for mine, cluster in _clusters(samples):
        part = np.concatenate([getattr(s, of) for s in mine], -1)
        found.append(part if cluster is None else clusters.sums(part, np.concatenate(cluster)))
    return found[0] if len(found) == 1 else np.concatenate(found, -1)


def totals(samples: Sequence[Sample], exact: bool = True) -> Values:
    """Return the sum of all values, for each rate.

    Args:
        exact: add up without rounding, so that no order of the values shows; slower.
    """
    values = np.concatenate([s.values for s in samples], -1)
    if not exact:
        return values.sum(axis=-1)
    rows = values.reshape(-1, values.shape[-1]).tolist()
    return np.array([math.fsum(row) for row in rows]).reshape(values.shape[:-1])


def variance(samples: Sequence[Sample]) -> tuple[Values, int]:
    """Return the variance of the sum of all values, for each rate, and its degrees of freedom.

    Photographs of one stratum are alike, those of different ones are not compared. A stratum with one photograph has no
    spread of its own; then the split is taken as one.
    """
    total: Values = np.zeros(())
    freedom = 0
    for mine, cluster in _clusters(samples):
        if cluster is None:
            parts = [clusters.variance(s.values, s.stratum) for s in mine]
        else:
            # Classes of different splits are different ones, also where their numbers are not.
            shift = 1 + max(int(np.max(s.stratum)) for s in mine)
            strata = np.concatenate([s.stratum + k * shift for k, s in enumerate(mine)])
            values = np.concatenate([s.values for s in mine], -1)
            parts = [clusters.clustered_variance(values, strata, np.concatenate(cluster))]
        for spread, degrees in parts:
            total = total + spread
            freedom += degrees
    return total, freedom


def _leaning(spread: Values, belief: Values, seen: NDArray[np.int64]) -> Values:
    """Return a variance that leans to `belief`, where that is larger, if few photographs were seen to tell it."""
    weight: Values = PRIOR * np.minimum(1.0, FEW / np.maximum(seen, 1)) ** 2
    found: Values = (seen * spread + weight * np.maximum(spread, belief)) / (seen + weight)
    return found


def wilson(p: Number, n: Number, z: float) -> tuple[Values, Values]:
    """Return Wilson's score interval of a share `p` of `n` independent trials (Wilson 1927); numbers, or arrays."""
    center = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.maximum(0.0, center - half), np.minimum(1.0, center + half)


def rate_interval(samples: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Return the rate that the samples add up to, with its interval; None with fewer than two clusters."""
    found = [float(v) for v in rate_intervals(samples, level)] if samples else [math.nan]
    return None if math.isnan(found[-1]) else Estimate(*found)


def rate_intervals(
    samples: Sequence[Sample], level: float = LEVEL, exact: bool = True
) -> tuple[Values, Values, Values]:
    """Return the rates that the samples add up to and the ends of their intervals, which are NaN where there is none.

    There is none with fewer than two clusters. Where all photographs say 0, or all 1, a cluster counts as one
    independent trial.

    Args:
        samples: one a split, each of all rates.
        exact: see `totals`.
    """
    values = _by_cluster(samples)
    count = values.shape[-1]
    value = np.clip(totals(samples, exact), 0.0, 1.0)
    independent = np.full(value.shape, math.nan)
    if count > 1:
        spread, freedom = variance(samples)
        certain = np.minimum(value, 1 - value) < 1e-12
        if freedom > 0:
            # With a handful of clusters off 0 or 1 their correlation cannot be told; lean to one trial a cluster.
            failed = values < _by_cluster(samples, "full") - 1e-12
            off = np.where(value[..., None] <= 0.5, values > 0, failed).sum(axis=-1)
            leaning = _leaning(spread, value * (1 - value) / count, off)
            # Few clusters: the variance is itself uncertain, as Student's t allows for.
            ratio = normal_quantile(level) / student_quantile(level, freedom)
            trials = np.broadcast_to(np.sum([s.trials for s in samples], axis=0), value.shape).astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                worth = value * (1 - value) / leaning * ratio**2
            independent = np.where(spread > 0, np.minimum(trials, worth), trials)
        independent = np.where(certain, float(count), independent)
        share = np.where(certain, np.round(value), value)
    else:
        share = value
    return value, *wilson(share, independent, normal_quantile(level))


def metric_interval(cells: Iterable[Cell | None], metric: Metric, level: float = LEVEL) -> Estimate | None:
    """Return the mean of any metric over some cells with its interval; None if one of them is missing or undefined.

    A rate has the interval of `rate_interval`; another mean value +- t * standard error, if it is bounded on the scale
    of its log odds, so that the interval stays in [0, 1] and covers near its ends (Pepe 2003, section 5.2.2).
    """
    cells = list(cells)
    if len(cells) == 1 and cells[0] is not None and level == LEVEL:
        return kept(cells[0], ("interval", metric), lambda: _mean_of(cells, metric, level))
    return _mean_of(cells, metric, level)


def _mean_of(cells: Sequence[Cell | None], metric: Metric, level: float) -> Estimate | None:
    parts = [sample(cell, metric) if cell is not None else None for cell in cells]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    weighed = [(1 / len(whole), part) for part in whole]
    if metric.unit == "%":
        return rate_interval(combine(weighed), level)
    return bounded_mean(weighed, level) if metric.bounded else contrast(weighed, level)


def bounded_mean(parts: Sequence[tuple[float, Sample]], level: float = LEVEL) -> Estimate | None:
    """Return a mean in [0, 1] that is no rate with its interval; None where there are too few photographs.

    Where its standard error is too large for the log odds, as next to 0 or 1 where a handful of photographs tell it,
    it has the interval of a rate of one trial a photograph, which is wider than need be.
    """
    samples = combine(parts)
    spread, freedom = variance(samples) if samples else (np.zeros(()), 0)
    if freedom < 1:
        return None
    value = min(1.0, max(0.0, float(totals(samples))))
    half, room = student_quantile(level, freedom) * math.sqrt(float(spread)), value * (1 - value)
    if half >= room:
        each = sum(len(s.values) for s in samples)
        found = rate_interval([replace(s, full=np.full(len(s.values), 1 / each)) for s in samples], level)
        return found and Estimate(value, min(found.low, value), max(found.high, value))
    odds, factor = value / (1 - value), math.exp(half / room)
    return Estimate(value, odds / (odds + factor), odds * factor / (1 + odds * factor))


def mean_rate(cells: Iterable[Cell | None], rate: Rate, level: float = LEVEL) -> Estimate | None:
    """Return the mean TSR or USR of some cells with its interval; None if one of them is missing or has no such rate.

    Cells of one split share their photographs: the mean of many targets is not more certain than the photographs allow.
    """
    mine = list(cells)
    if len(mine) == 1 and mine[0] is not None and level == LEVEL:
        return _rate_of(mine[0], rate)
    parts = [contributions(cell, rate) if cell is not None else None for cell in mine]
    whole = [part for part in parts if part is not None]
    if not whole or len(whole) < len(parts):
        return None
    return rate_interval(combine((1 / len(whole), part) for part in whole), level)


def _rate_of(cell: Cell, rate: Rate) -> Estimate | None:
    def make() -> Estimate | None:
        part = contributions(cell, rate)
        return each_interval([[part] if part is not None else []])[0]

    return kept(cell, ("interval", rate), make)


def mean_rates(means: Sequence[Sequence[Cell | None]], rate: Rate) -> list[Estimate | None]:
    """Return what `mean_rate` gives for each of several means, in less time."""
    found: list[list[Sample]] = []
    for cells in means:
        parts = [contributions(cell, rate) if cell is not None else None for cell in cells]
        whole = [part for part in parts if part is not None]
        missing = not whole or len(whole) < len(parts)
        found.append([] if missing else combine((1 / len(whole), part) for part in whole))
    return each_interval(found)


def each_interval(rates: Sequence[Sequence[Sample]]) -> list[Estimate | None]:
    """Return what `rate_interval` gives for each rate; those of the same photographs are computed together."""
    alike: dict[Any, list[int]] = {}
    for k, mine in enumerate(rates):
        if mine:
            scenes = (None if s.scene is None else s.scene.tobytes() for s in mine)
            alike.setdefault((tuple((s.key, len(s.values)) for s in mine), *scenes), []).append(k)
    found: list[Estimate | None] = [None] * len(rates)
    for places in alike.values():
        step = max(1, AT_ONCE // sum(len(s.values) for s in rates[places[0]]))
        for some in (places[k : k + step] for k in range(0, len(places), step)):
            numbers = np.stack(rate_intervals(stacked([rates[k] for k in some])), -1)
            for k, (value, low, high) in zip(some, numbers.tolist(), strict=True):
                found[k] = None if math.isnan(high) else Estimate(value, low, high)
    return found


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
    means: dict[float, list[Sample]] = {}
    for weight, part in parts:
        means.setdefault(weight, []).append(part)
    # The variance that the sum would have if no two clusters or rates were alike. Rates that come with the same
    # weight are of one mean, over targets or splits, and count as that.
    belief: Values = np.zeros(())
    for weight, mine in means.items():
        belief = belief + unlike(mine, weight)
    found = sum_of(samples, belief) if samples else None
    return (float(found[0]), float(found[1]), found[2]) if found is not None else None


def sum_of(samples: Sequence[Sample], belief: Values) -> tuple[Values, Values, int] | None:
    """Return sums of rates, their variances and the degrees of freedom of these; None with too few clusters.

    Args:
        samples: one a split, each of all sums.
        belief: the variance of each sum, see `unlike`.
    """
    spread, freedom = variance(samples)
    if freedom < 1:
        return None
    # With a handful of clusters that differ their variance cannot be told: near 0 or 1 it comes out far too small,
    # or as none. Lean to rates that are independent, of one trial a cluster, each a trial away from its end.
    off = (np.abs(_by_cluster(samples)) > 1e-12).sum(axis=-1)
    return totals(samples, spread.ndim == 0), _leaning(spread, belief, off), freedom


def unlike(samples: Sequence[Sample], weight: float = 1.0) -> Values:
    """Return the variance that weighted means of rates would have if no two clusters were alike, one for each rate."""
    exact = samples[0].values.ndim == 1
    full = totals([replace(s, values=s.full) for s in samples], exact)
    seen = _by_cluster(list({s.key: s for s in samples}.values())).shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(full > 0, totals(samples, exact) / full, 0.0)
    share = (np.clip(share, 0.0, 1.0) * seen + 1) / (seen + 2)
    found: Values = (weight * full) ** 2 * share * (1 - share) / (seen + 2)
    return found


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
    # Where next to nothing was seen the logarithm's upper end is anywhere.
    above = value * math.exp(half / value) if value > half else value + half
    return Estimate(value, value * math.exp(-half / value), above)
