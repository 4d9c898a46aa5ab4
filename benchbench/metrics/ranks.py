"""Ranks: how many are better by more than a paired comparison on the same photographs explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from benchbench.metrics.intervals import LEVEL, sum_of, unlike
from benchbench.metrics.samples import Sample, Values, stacked

AT_ONCE = 2_000_000
"""Differences that are held at one time."""


def ranks(
    samples: Sequence[Sequence[Sample] | None],
    level: float = LEVEL,
    outranks: Callable[[int, int], bool] = lambda winner, loser: True,
) -> list[int | None]:
    """Return the rank of each attack: 1 and the number of those that are better by more than chance explains.

    All pairs are compared, so that one of them would differ by chance: p values are Holm's (1979), and the chance that
    equal attacks do not all rank first is 1 - level at most. Attacks that no comparison separates share a rank; None
    has none. `outranks` says whether the place of the one that is better may cost the other a rank.
    """
    alike: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for k, one in enumerate(samples):
        if one:
            alike.setdefault(tuple(s.key for s in one), []).append(k)
    pairs: list[tuple[int, int]] = []
    chances = [np.zeros(0)]
    for places in alike.values():
        value, p = _differences(stacked([samples[k] or () for k in places]))
        if p.size:
            first, second = (np.array(places)[ends] for ends in _pairs(len(places)))
            winner, loser = np.where(value > 0, (first, second), (second, first))
            pairs += zip(winner.tolist(), loser.tolist(), strict=True)
            chances.append(p)
    better: list[set[int]] = [set() for _ in samples]
    for (a, b), apart in zip(pairs, _separated(np.concatenate(chances), level), strict=True):
        if apart and outranks(a, b):
            better[b].add(a)
    return [None if one is None else 1 + len(better[k]) for k, one in enumerate(samples)]


def ranks_of_many(samples: Sequence[Sample], level: float = LEVEL) -> NDArray[np.int64]:
    """Return the ranks of many fields of attacks, each ranked in itself as `ranks` does.

    Args:
        samples: one a split; values (fields, attacks, photographs).

    Returns:
        (fields, attacks).
    """
    fields, attacks, _ = samples[0].values.shape
    first, second = _pairs(attacks)
    found = np.ones((fields, attacks), np.int64)
    step = max(1, AT_ONCE // max(1, len(first) * sum(s.values.shape[-1] for s in samples)))
    for start in range(0, fields, step):
        here = slice(start, start + step)
        value, p = _differences([replace(s, values=s.values[here], full=s.full[here]) for s in samples])
        if p.shape[-1]:
            apart = _separated(p, level)
            for k in range(attacks):
                lost = ((first == k) & (value <= 0)) | ((second == k) & (value > 0))
                found[here, k] += (apart & lost).sum(axis=-1)
    return found


def _pairs(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.triu_indices(count, 1)
    return first, second


def _differences(samples: Sequence[Sample]) -> tuple[Values, Values]:
    """Return the difference of each pair of rates, and the chance of one as large if the two are alike.

    Args:
        samples: one a split; values (..., rates, photographs).

    Returns:
        (..., pairs) each, in the order of `_pairs`; of no pair where there are too few clusters.
    """
    first, second = _pairs(samples[0].values.shape[-2])
    unlikely = unlike(samples)
    gaps = [s.values[..., first, :] - s.values[..., second, :] for s in samples]
    apart = [replace(s, values=gap, full=gap) for s, gap in zip(samples, gaps, strict=True)]
    found = sum_of(apart, unlikely[..., first] + unlikely[..., second])
    if found is None:
        nothing = np.zeros((*samples[0].values.shape[:-2], 0))
        return nothing, nothing
    value, spread, freedom = found
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(value) / np.sqrt(spread)
    return value, np.where(spread > 0, 2 * stdtr(freedom, -t), 1.0)


def _separated(p: Values, level: float) -> NDArray[np.bool_]:
    """Say which of the last axis's comparisons chance does not explain, all taken together (Holm 1979)."""
    count = p.shape[-1]
    if not count:
        return np.zeros(p.shape, bool)
    ordered = np.sort(p, axis=-1)
    passed = np.logical_and.accumulate(ordered <= (1 - level) / (count - np.arange(count)), axis=-1).sum(axis=-1)
    last = np.take_along_axis(ordered, np.maximum(passed - 1, 0)[..., None], axis=-1)
    return (passed[..., None] > 0) & (p <= last)
