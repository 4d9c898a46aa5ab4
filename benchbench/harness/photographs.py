"""The photographs of a run: which of them it needs, and making or fetching them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchbench.base.errors import BenchError
from benchbench.base.processes import cores
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.roles import TEST_ALONE
from benchbench.contracts.source import BuildProgress, Facts, Source
from benchbench.harness.options import RunOptions
from benchbench.harness.plan import Plan
from benchbench.records.mirror import Mirror
from benchbench.records.zoo import Zoo

if TYPE_CHECKING:
    from benchbench.base.progress import Display
    from benchbench.contracts.photographs import Dataset

SECONDS_PER_PHOTOGRAPH = 0.12
"""Rendering a 256 px photograph on one core, for the first estimate."""


def from_zoo(plan: Plan, options: RunOptions) -> Mapping[str, Any] | None:
    """Return what the zoo says of these photographs, or None where it says nothing."""
    return Zoo(options.zoo).photographs(plan.setup.data_id) if options.zoo is not None else None


def test_is_enough(plan: Plan, options: RunOptions) -> bool:
    """Say whether no photographs are needed but those of role test."""
    return (
        not plan.missing_fits
        and all(not CONDITIONS.create(cell.protocol.condition).reads_wanted for cell in plan.wanted)
        and from_zoo(plan, options) is not None
    )


def shown_on(display: Display) -> BuildProgress:
    """Return what shows a build as the stage `photographs`; scenes come first and take about a third of it."""

    def told(label: str, done: int, total: int) -> None:
        share = done / total if total else 1.0
        display.update("photographs", 0.3 * share if label == "scenes" else 0.3 + 0.7 * share, 1.0, label)

    return told


def photograph_seconds(plan: Plan, facts: Facts, options: RunOptions) -> float:
    """Return the core seconds that the missing photographs are expected to take."""
    places = [options.cache / "data" / facts.data_id]
    share = 6
    if test_is_enough(plan, options):
        places.append(places[0].with_name(f"{facts.data_id}{TEST_ALONE}"))
        share = 1
    built = any(place.exists() for place in places)
    return 0.0 if built else len(facts.camera) * share * SECONDS_PER_PHOTOGRAPH * (facts.size / 256) ** 2


def _apart(known: Mapping[str, Any] | None, dataset: Dataset) -> bool:
    """Say whether the zoo's comparison of test photographs with those that its networks were trained on holds here.

    It was made pixel by pixel; another processor or library may render the last bit otherwise. Photographs of no scene
    and no device that was trained on are none of those that were, however they are rounded.
    """
    if known is None:
        return False
    shared = known["shared"]
    same = bool(known["fingerprints"]["test"] == dataset.fingerprint("test"))
    return same or bool(shared["scenes"] == 0 and shared["devices"] == 0)


def make_photographs(
    plan: Plan, facts: Facts, source: Source, options: RunOptions, display: Display, enough: bool
) -> Dataset:
    """Make the photographs, or fetch them, and see to it that every machine can have them.

    Args:
        enough: those of role test are.
    """
    entry = f"data/{plan.setup.data_id}"
    mirror = Mirror(options.remote) if options.remote else None
    if mirror is not None and not mirror.fetch(entry, options.cache) and enough:
        mirror.fetch(f"{entry}{TEST_ALONE}", options.cache)

    def made(test_alone: bool) -> Dataset:
        return source.build(
            options.cache,
            options.workers if options.executor == "local" else cores(),
            shown_on(display),
            test_alone,
        )

    dataset = made(enough)
    known = from_zoo(plan, options)
    if not dataset.whole and not _apart(known, dataset):
        dataset = made(test_alone=False)
    if dataset.data_id != plan.setup.data_id:
        raise BenchError(f"the photographs changed while they were read ('{facts.name}'); run again.")
    if mirror is not None:
        mirror.put(f"data/{dataset.root.name}", options.cache)
    display.update("photographs", 1, 1, "ready")
    return dataset
