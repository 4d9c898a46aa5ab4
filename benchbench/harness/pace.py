"""How long fits and crossings take: what this cache has seen, or a constant."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.records.cache import Cache

SECONDS_PER_COST = 1 / 1200
"""One narrow ResNet-18 training patch on one core, until this machine's own fits say better."""
_TELLING = 2.0
"""A shorter fit is mostly overhead and says nothing of the pace."""
_ALIKE = 8.0
"""How many times larger or smaller a fit may be that tells the pace of another."""
SECONDS_PER_CRAFT = 0.2
SECONDS_PER_SCORE = 0.006
"""One 256 px photograph on one core; scaled with the number of pixels and refined while running."""


def measured_fits(cache: Cache) -> list[tuple[float, float]]:
    """Return (`Fit.cost`, seconds) of the fits that were computed into this cache."""
    return [
        (record["cost"], record["seconds"])
        for _, record in cache.records()
        if record.get("cost") and record.get("seconds", 0.0) > _TELLING and "zoo" not in record  # trained elsewhere
    ]


def rate(cost: float, known: Sequence[tuple[float, float]]) -> float:
    """Return the seconds that a unit of cost takes in a fit of this cost: as in fits of about its size, or a constant.

    A fit of another profile says little: of a small one most time is overhead, which a large one does not have.

    Args:
        known: see `measured_fits`.
    """
    near = [(c, s) for c, s in known if cost / _ALIKE <= c <= cost * _ALIKE]
    return sum(s for _, s in near) / sum(c for c, _ in near) if near else SECONDS_PER_COST


def crossing_seconds(images: int, targets: int, size: int) -> float:
    """Return a first guess at the seconds that `images` trials take on one core."""
    return images * (SECONDS_PER_CRAFT + SECONDS_PER_SCORE * targets) * (size / 256) ** 2
