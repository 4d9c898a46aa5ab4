"""Half widths of two-sided intervals, in standard deviations."""

from __future__ import annotations

from functools import cache

from scipy.special import ndtri, stdtrit


@cache
def normal_quantile(level: float) -> float:
    """Return how many standard deviations a two-sided interval of this level goes to either side."""
    return float(ndtri((1 + level) / 2))


@cache
def student_quantile(level: float, freedom: int) -> float:
    """Return the same for a standard deviation that is itself estimated, with so many degrees of freedom."""
    return float(stdtrit(freedom, (1 + level) / 2))
