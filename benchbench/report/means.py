"""The mean TSR and mean USR: one mean, wherever a table, the page or a command shows one over several targets.

Cells of one setting (a paper's group of targets of one overlap) and split are averaged; then these means are averaged,
each weighing the same, however many targets it has. Targets of no setting count as one by their overlap. Over all
targets of the first paper these are eight means for TSR, six for USR, which is not defined where a target has no class
for the true camera model: such cells are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchbench.metrics import intervals
from benchbench.metrics.samples import Rate, Sample, combine, contributions
from benchbench.records.cell import Cell
from benchbench.report.paper import settings

Place = tuple[str, str, str]
"""Setting, overlap, split: what weighs the same."""


@cache
def places() -> Mapping[str, str]:
    """Return the name of each target's setting, of the papers that are installed here."""
    return {target: setting.name for setting in settings() for target in setting.targets}


def place(cell: Cell) -> Place:
    """Return the setting, overlap and split of a cell."""
    return places().get(cell.target.name, ""), cell.target.overlap, cell.split.name


def weights(of_place: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the weights of cells in many means at once, as `weighed` gives them to those of one.

    Args:
        of_place: (cells,), the number of each cell's place, from 0.
        counted: (..., cells), which cells a mean is over.
    """
    members = np.eye(int(np.max(of_place)) + 1)[of_place]
    sizes = counted @ members
    apart = (sizes > 0).sum(axis=-1, keepdims=True)
    found: NDArray[np.float64] = np.where(counted, 1 / np.maximum(apart * (sizes @ members.T), 1), 0.0)
    return found


def weighed(cells: Sequence[Cell], rate: Rate) -> list[tuple[float, Sample]]:
    """Return what each cell adds to the mean rate, with its weight; nothing if a cell has no TSR."""
    apart: dict[Place, list[Sample]] = {}
    for cell in cells:
        part = contributions(cell, rate)
        if part is None and rate == "tsr":
            return []
        if part is not None:
            apart.setdefault(place(cell), []).append(part)
    return [(1 / (len(apart) * len(parts)), part) for parts in apart.values() for part in parts]


def samples(cells: Sequence[Cell], rate: Rate) -> list[Sample] | None:
    """Return what each photograph adds to the mean rate of some cells; None where there is no such mean."""
    return combine(weighed(cells, rate)) or None


def mean_rate(cells: Sequence[Cell], rate: Rate) -> intervals.Estimate | None:
    """Return the mean TSR or mean USR of some cells with its interval; None where there is no such mean."""
    found = samples(cells, rate)
    return intervals.rate_interval(found) if found is not None else None
