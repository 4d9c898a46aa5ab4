"""`bench report` over many cells: time, memory and the page's size, of copies of the reference results.

A copy differs from what is there in the seed, the limit of photographs and the attacks' names, so that it has
identities of its own, groups of its own, and rivals of its own within a group. The command runs in a process of its
own, which imports all that it needs.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchbench.base.files import write_atomic
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.packs import packed
from benchbench.records.reading import identify
from benchbench.records.reference import reference_results

from .clock import say
from .report import Options, Report, Table

WANTED = 100_000
SECONDS = 60
"""Of one core, for so many cells."""
ALLOWED = 2.0
"""GB."""
_STARTED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""
ATTACKS, LIMITS = 3, 4
"""Names for each attack, and limits of photographs, before another seed is taken."""


def measure(options: Options) -> Report:
    """Make copies and report on them, at a tenth of the size and at all of it."""
    cells = list(CellStore(reference_results()).cells())
    cells = cells[:60] if options.quick else cells
    sizes = (2 * len(cells),) if options.quick else (WANTED // 10, WANTED)
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            made = write_copies(cells, size, Path(folder))
            say(f"{made} cells")
            seconds, peak = reported(Path(folder))
            page = (Path(folder) / "leaderboard.html").stat().st_size
        rows.append((made, seconds, peak, page))
    report = Report("many_cells")
    report.tables.append(
        Table(
            title="`bench report` over copies of the reference results:",
            headers=("cells", "CPU time", "ms a cell", "peak memory", "leaderboard.html"),
            rows=tuple(
                (str(n), f"{s:.1f} s", f"{1000 * s / n:.2f}", f"{peak / 1e9:.2f} GB", f"{page / 1e6:.1f} MB")
                for n, s, peak, page in rows
            ),
        )
    )
    if not options.quick:
        _, seconds, peak, _ = rows[-1]
        report.notes += [
            f"{'Met' if seconds < SECONDS else 'Missed'}: under {SECONDS} s of one core is asked for. "
            f"{'Met' if peak < ALLOWED * 1e9 else 'Missed'}: under {ALLOWED:.0f} GB is asked for.",
            "A copy has another seed, another limit of photographs or other names of attacks; memory is the greatest "
            "resident set of the process.",
        ]
    return report


def write_copies(cells: Sequence[Cell], wanted: int, results: Path) -> int:
    """Write at least `wanted` cells as packs under `results` and return how many."""
    count = 0
    for number, copy in enumerate(copies(cells)):
        if count >= wanted:
            return count
        for path, text in packed(copy).items():
            write_atomic(results / path.with_name(f"{number}-{path.name}"), text.encode())
        count += len(copy)
    return count


def copies(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Yield copies without end, each with identities of its own; the first is the cells themselves."""
    for seed in itertools.count():
        for limit, name in itertools.product(range(LIMITS), range(ATTACKS)):
            yield [_copy(cell, seed, limit, name) for cell in cells]


def _copy(cell: Cell, seed: int, limit: int, name: int) -> Cell:
    if seed == limit == name == 0:
        return cell
    protocol = cell.protocol | {"seed": seed} | ({"limit": limit} if limit else {})
    attack = cell.attack
    if name:
        attack = attack.model_copy(update={"name": f"{attack.name}-{name}", "title": f"{attack.title} {name}"})
    moved = cell.model_copy(update={"protocol": protocol, "attack": attack})
    craft_id, _ = identify(moved)
    moved = moved.model_copy(update={"craft": cell.craft.model_copy(update={"craft_id": craft_id})})
    return moved.model_copy(update={"cell_id": identify(moved)[1]})


def reported(results: Path) -> tuple[float, int]:
    """Run `bench report` in a process of its own; return its CPU time in s and its peak memory in bytes.

    A small process starts it: the system counts what the one that starts a program holds as that program's peak.

    Raises:
        RuntimeError: it failed.
    """
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-m", "benchbench", "report", "--results", str(results)]
    ended = subprocess.run(
        [sys.executable, "-c", _STARTED, *command], stdout=subprocess.PIPE, env=os.environ | one, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"bench report ended with exit code {ended.returncode}")
    seconds, kilobytes = ended.stdout.split()
    return float(seconds), int(kilobytes) * 1024
