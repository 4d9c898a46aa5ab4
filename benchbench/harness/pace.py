"""How long fits and crossings take: counted work, at the pace of this cache's fits or else of this machine."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.target import Target
from benchbench.contracts.task import TASKS
from benchbench.records.cache import Cache

_TELLING = 2.0
"""A shorter fit is mostly overhead and says nothing of the pace."""
_LARGE = 5_000.0
"""Units of `Fit.cost`; of a smaller fit the overhead is a large part."""
_ALIKE = 8.0
"""How many times larger or smaller a fit may be that tells the pace of another."""
SECONDS_PER_CRAFT = 0.2
SECONDS_PER_SCORE = 0.006
"""One 256 px photograph on one core, beside what an attack's networks and those of targets that say what they do take;
scaled with the number of pixels."""


def cost_of(fit: Fit) -> float:
    """Return `Fit.cost`; 0, as of what is not known, and a warning for a stranger's that raises or is no number."""
    try:
        found = float(fit.cost)
    except Exception as error:  # a stranger's code may raise anything
        told = f"{type(error).__name__}: {error}"
    else:
        if math.isfinite(found) and found >= 0:
            return found
        told = f"it is {found}"
    logging.getLogger("benchbench").warning("the cost of '%s' is not known (%s).", fit.label, told)
    return 0.0


def measured_records(cache: Cache, device: str) -> list[dict[str, Any]]:
    """Return the records of the fits that were computed into this cache, on a device of the asked kind.

    Args:
        device: as torch names it; 'cpu' is a kind, and what is faster another: the driver of a cluster may have none.
    """
    computed = (record for _, record in cache.records() if "zoo" not in record)  # those were trained elsewhere
    return [record for record in computed if record.get("work") and _is_of(record, device)]


def _is_of(record: Mapping[str, Any], device: str) -> bool:
    """Say whether a record tells that a device of this kind computed."""
    found = record.get("provenance")
    name = found.get("device") if isinstance(found, Mapping) else None
    return name is not None and (name == "cpu") == (device == "cpu")


def measured_fits(cache: Cache, device: str) -> list[tuple[float, float]]:
    """Return (`Fit.cost`, seconds) of `measured_records`."""
    return _paces(measured_records(cache, device))


def _paces(records: Iterable[Mapping[str, Any]]) -> list[tuple[float, float]]:
    return [(r["work"], r["seconds"]) for r in records if r.get("work") and r.get("seconds", 0.0) > _TELLING]


def pace(known: Sequence[tuple[float, float]]) -> float:
    """Return the core seconds of a unit of cost: as in the large fits that are known, or as this machine computes now.

    Args:
        known: see `measured_fits`.
    """
    from benchbench.learn.operations import seconds_per_unit

    large = [(c, s) for c, s in known if c >= _LARGE]
    return sum(s for _, s in large) / sum(c for c, _ in large) if large else seconds_per_unit()


def rate(cost: float, known: Sequence[tuple[float, float]], otherwise: float) -> float:
    """Return the seconds that a unit of cost takes in a fit of this cost: as in fits of about its size, or `otherwise`.

    A fit of another profile says little: of a small one most time is overhead, which a large one does not have.

    Args:
        known: see `measured_fits`.
    """
    near = [(c, s) for c, s in known if cost / _ALIKE <= c <= cost * _ALIKE]
    return sum(s for _, s in near) / sum(c for c, _ in near) if near else otherwise


def expected_seconds(fit: Fit, records: Sequence[Mapping[str, Any]]) -> tuple[float, bool]:
    """Return the seconds that a fit is expected to take, and whether fits like it, computed here, say so.

    Alike are those of one label and recipe that differ in their number of epochs, in which of these is kept, or in
    weights that are not 0. Of several the median pace counts: one that was trained beside much else says little.

    Args:
        records: see `measured_records`.
    """
    mine = _like(fit.label, fit.spec())
    alike = [r for r in records if r.get("seconds", 0.0) > 0 and _like(r["label"], r["spec"]) == mine]
    if alike:
        return cost_of(fit) * median(r["seconds"] / r["work"] for r in alike), True
    known = _paces(records)
    return cost_of(fit) * rate(cost_of(fit), known, pace(known)), False


def _like(label: str, spec: Mapping[str, Any]) -> Any:
    """Return what fits have in common whose cost tells their seconds; a term of weight 0 is left out of a loss."""
    fields = spec["fields"]
    recipe = {k: v for k, v in (fields.get("recipe") or {}).items() if k not in ("epochs", "milestones", "tied")}
    without = sorted(name for name, value in fields.items() if name.endswith("_weight") and value == 0)
    return label, spec["fit"], spec["version"], fields.get("shape"), fields.get("patch"), recipe, without


def crossing_seconds(
    images: int, attack: Attack | None, targets: Sequence[Target], setup: Setup, size: int, rate: float
) -> float:
    """Return a first guess at the seconds that `images` trials take on one core.

    Args:
        attack: None where crafted pictures are there.
        targets: each as often as it looks.
        size: side of the photographs, px.
        rate: core seconds of a unit of `Fit.cost`.
    """
    from benchbench.learn.operations import BACKWARD, UNIT

    def work(fits: Mapping[str, Fit]) -> float:
        return sum(fit.operations for fit in fits.values()) * size**2 / UNIT * rate

    scale = (size / 256) ** 2
    scores = []
    for target in targets:
        task = TASKS.create(target.card.task)
        asked = work(target.fits(setup)) * task.shown(size)
        scores.append(asked + task.seconds * scale or SECONDS_PER_SCORE * scale)
    craft = 0.0
    if attack is not None:
        # A gradient step is a pass forward and one back to the photograph; without steps it is the networks, once.
        steps = getattr(attack, "steps", None)
        passes = (steps * BACKWARD if isinstance(steps, int) else 0) + 1
        craft = SECONDS_PER_CRAFT * scale + passes * work(attack.fits(setup))
    return images * (craft + math.fsum(scores))
