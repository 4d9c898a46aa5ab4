"""What a run ends with: the tables as files, the gates, and how the attacks stand, on the screen."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchbench.harness.plan import PlannedCell
    from benchbench.harness.summary import RunSummary

_SHOWN = 8
"""Failures named on the screen; the rest are counted."""
GATE_FAILED = 3
"""The exit code of a run whose cells are there and contradict what must hold of any honest run."""


def print_failures(summary: RunSummary) -> None:
    """Name what went wrong, each thing once."""
    for name, reason in list(summary.failures.items())[:_SHOWN]:
        named = name.split()[0] in reason
        print(f"bench: {reason if named else f'{name}: {reason}'}", file=sys.stderr)
    if len(summary.failures) > _SHOWN:
        print(f"bench: and {len(summary.failures) - _SHOWN} more", file=sys.stderr)


def write_report(results: Path, mine: Collection[str] = ()) -> bool:
    """Write all views of a results folder, say where they are, and return whether the gates hold.

    Args:
        mine: ids of cells; the gates of their groups alone count.
    """
    from benchbench.base.errors import StoreError
    from benchbench.records.cells import CellStore
    from benchbench.report import gates_of, write_all

    problems: list[StoreError] = []
    cells = list(CellStore(results).cells(problems=problems))
    paths = write_all(results, cells=cells)
    for problem in problems:
        print(f"bench: left out of the tables: {problem}", file=sys.stderr)
    hold = True
    for group, found in gates_of(results, cells):
        wrong = [gate for gate in found if gate.passed is False]
        checked = sum(gate.passed is not None for gate in found)
        print(f"gates of {group.name}: {checked - len(wrong)} passed, {len(wrong)} failed")
        for gate in wrong:
            print(f"  FAILED: {gate.title}: {gate.figures}")
        hold &= not wrong or not any(cell.cell_id in mine for cell in group.cells)
    print(f"tables: {', '.join(str(path) for path in sorted({p.parent for p in paths if p.name == 'README.md'}))}")
    print(f"page: {results / 'leaderboard.html'}  (the same as a table: {results / 'leaderboard.csv'})")
    return hold


def print_standing(results: Path, done: Sequence[PlannedCell]) -> None:
    """Print how attacks stand on the cells of a run, with the reference results on the same targets."""
    from benchbench.base.errors import BenchError
    from benchbench.records.cells import CellStore
    from benchbench.records.reference import reference_results
    from benchbench.report import render, standing

    store = CellStore(results)
    mine = [cell for one in done if (cell := store.look_up(one.path, one.cell_id)) is not None]
    places = {(cell.dataset.name, cell.profile) for cell in mine}
    try:
        kept = CellStore(reference_results())
        reference = [cell for dataset, profile in places for cell in kept.cells(dataset, profile, problems=[])]
    except BenchError:
        reference = []  # an installation without them still has a result
    for table in standing(mine, reference):
        print()
        print(render(table, "text").rstrip("\n"))
