"""Rates, samples and intervals of many cells at once, bit by bit what they are of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from benchbench.contracts.task import TASKS
from benchbench.metrics.intervals import AT_ONCE, each_interval
from benchbench.metrics.rates import keep_rates, together
from benchbench.metrics.samples import RATES, contributions, sample, sample_of, value_of
from benchbench.records.cell import CLASSIFICATION

if TYPE_CHECKING:
    from benchbench.records.cell import Cell


def prepare(cells: Iterable[Cell]) -> None:
    """Compute the rates of many cells and their intervals, so that `tsr`, `usr` and `mean_rate` of each have them.

    And those of other tasks, for `metric_interval`.
    """
    mine = list(cells)
    for alike in _of_crafts(mine):
        judged = together(alike)
        keep_rates(alike, judged)
        for metric in RATES.values():
            made = metric.contributions(judged)
            for k, cell in enumerate(alike):
                cell.derived["sample", metric] = None if made is None else sample_of(cell, made.values[k], made.full)
    for rate in RATES:
        parts = [contributions(cell, rate) for cell in mine]
        for cell, found in zip(mine, each_interval([[p] if p is not None else [] for p in parts]), strict=True):
            cell.derived["interval", rate] = found
    for task in sorted({cell.target.task for cell in mine if cell.target.task in TASKS} - {CLASSIFICATION}):
        theirs = [cell for cell in mine if cell.target.task == task]
        for metric in (m for m in TASKS.create(task).metrics if m.unit == "%"):
            samples = [sample(cell, metric) if value_of(cell, metric) is not None else None for cell in theirs]
            for cell, found in zip(theirs, each_interval([[s] if s is not None else [] for s in samples]), strict=True):
                cell.derived["interval", metric] = found


def _of_crafts(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Yield cells of classification that have a craft in common, and targets of as many classes."""
    found: dict[tuple[int, ...], list[Cell]] = {}
    for cell in cells:
        if cell.target.task == CLASSIFICATION:
            key = (id(cell.craft), id(cell.split), id(cell.dataset), cell.target.classes)
            found.setdefault(key, []).append(cell)
    for mine in found.values():
        counts = len(mine[0].split.classes) * mine[0].dataset.known * mine[0].target.classes
        step = max(1, AT_ONCE // max(1, counts, len(mine[0].craft.trials.wanted)))
        yield from (mine[k : k + step] for k in range(0, len(mine), step))
