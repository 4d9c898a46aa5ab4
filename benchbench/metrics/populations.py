"""Means and differences for targets like those that were attacked, and not for these alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchbench.metrics import clusters
from benchbench.metrics.intervals import LEVEL, Estimate, rate_interval, variance, weighted_sum
from benchbench.metrics.quantiles import student_quantile
from benchbench.metrics.samples import Sample, combine


def population_mean(samples: Sequence[Sample], level: float = LEVEL) -> Estimate | None:
    """Return the mean of one rate over targets, with an interval for targets like these and not these alone.

    Targets are taken for a sample, crossed with the photographs: the variance is that of the mean between photographs
    and that between targets' rates together (Owen 2007, the pigeonhole bootstrap's, a little on the safe side), with
    Satterthwaite's degrees of freedom.

    Args:
        samples: one a target and split; a target that has several splits has the mean of them.
    """
    if not samples:
        return None
    by_split: dict[tuple[str, str], list[float]] = {}
    for one in samples:
        by_split.setdefault(one.key, []).append(math.fsum(one.values))
    targets = {len(found) for found in by_split.values()}
    if len(targets) != 1 or min(targets) < 2:
        return None
    each = np.mean([found for _, found in sorted(by_split.items())], axis=0)
    mean = combine((1 / len(samples), one) for one in samples)
    spreads, freedom = variance(mean)
    if freedom < 1:
        return None
    spread = float(spreads)
    between = float(np.var(each, ddof=1)) / len(each)
    total = spread + between
    value = math.fsum(v for s in mean for v in s.values)
    if total == 0:
        return rate_interval(mean, level)
    parts = (spread**2 / freedom, between**2 / (len(each) - 1))
    half = student_quantile(level, max(1, math.floor(total**2 / sum(parts)))) * math.sqrt(total)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def population_contrast(parts: Sequence[tuple[float, str, Sample]], level: float = LEVEL) -> Estimate | None:
    """Return a weighted sum of rates with an interval for targets like these and not these alone.

    As `population_mean`, for a difference of means: the variance of `contrast` and that between targets add up, where
    what one target adds to all means counts together. Rates of one weight are of one mean. None where a mean is of a
    single target, or there are too few clusters.

    Args:
        parts: weight, name of the target, and what its photographs add to its rate.
    """
    found = weighted_sum([(weight, one) for weight, _, one in parts])
    if found is None:
        return None
    value, spread, freedom = found
    of_mean = np.unique([weight for weight, _, _ in parts], return_inverse=True)[1].astype(np.int64)
    of_target = np.unique([name for _, name, _ in parts], return_inverse=True)[1].astype(np.int64)
    if any(len(np.unique(of_target[of_mean == k])) < 2 for k in range(int(np.max(of_mean)) + 1)):
        return None
    effects = np.array([weight * math.fsum(one.values) for weight, _, one in parts])
    between, others = clusters.clustered_variance(effects, of_mean, of_target)
    total = spread + float(between)
    if total == 0:
        return Estimate(value, value, value)
    few = max(1, math.floor(total**2 / (spread**2 / freedom + float(between) ** 2 / others)))
    half = student_quantile(level, few) * math.sqrt(total)
    return Estimate(value, value - half, value + half)
