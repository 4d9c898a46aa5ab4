"""bench results: snapshots of cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt

if TYPE_CHECKING:
    from benchbench.records.cells import CellStore

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Pack, merge, verify and compare results.")
Folder = Annotated[Path, typer.Argument(help="A results folder.")]


@app.command()
def pack(
    results: opt.Results = opt.RESULTS,
    out: Annotated[Path, typer.Option("--out", "-o", help="The results folder to write to.")] = Path("results"),
) -> None:
    """Write the cells under --results as packs, one file an attack and condition: what a repository holds.

    A pack has a JSON record a line and loses nothing; `bench report` and `bench run` read packs as they read cells.
    Cells that stand under --out already stay; one with other outcomes there is refused.

    Examples:

      bench results pack --results runs --out results
    """
    from benchbench.records.snapshots import pack as write

    for path in write([_filled(results)], out):
        print(path)


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Results folders, whose cells go together.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The results folder to write packs to.")],
) -> None:
    """Write the cells of several results folders as packs, each cell once, with those that stand under --out.

    Two folders that hold one cell with different outcomes are refused: `bench results diff` shows where.

    Examples:

      bench results merge mine yours --out both
    """
    from benchbench.records.snapshots import pack as write

    for path in write([_filled(folder) for folder in folders], out):
        print(path)


def _filled(folder: Path) -> CellStore:
    """Return the store of a folder.

    Raises:
        BenchError: no file of a cell is there.
    """
    from benchbench.records.cells import CellStore

    store = CellStore(folder)
    if next(iter(store.paths()), None) is None and next(iter(store.packs()), None) is None:
        raise BenchError(f"no cell under '{folder}'; 'bench run' computes some.")
    return store


@app.command()
def verify(results: Folder = opt.RESULTS, reference: opt.Reference = False) -> None:
    """Read every record, check its digest and its ids, and compute every derived number anew.

    Exit code 1 if a record is damaged or a written table is not what the cells say.

    Examples:

      bench results verify --reference
    """
    from benchbench.base.errors import StoreError
    from benchbench.records.cells import CellStore
    from benchbench.report import differing

    results = opt.place(results, reference)
    problems: list[StoreError] = []
    count = sum(1 for _ in CellStore(results).cells(problems=problems))
    for problem in problems:
        print(f"bench: {problem}")
    if not count and not problems:
        raise BenchError(f"no cell under '{results}'.")
    stale = [] if problems else min((differing(results, published=p) for p in (True, False)), key=len)
    for path in stale:
        print(f"bench: {path} is {'not what its cells say' if path.exists() else 'missing'}; see: bench report")
    print(f"{count} cells are whole, {len(problems)} are not; {len(stale)} views differ from them.")
    raise typer.Exit(1 if problems or stale else 0)


@app.command()
def diff(first: Folder, second: Folder) -> None:
    """Name the cells that two results folders do not have alike; exit code 1 if there are any.

    Examples:

      bench results diff results runs
    """
    from benchbench.records.snapshots import differences

    lines = differences(_filled(first), _filled(second))
    for line in lines:
        print(line)
    print(f"{len(lines)} cells differ." if lines else "all cells are alike.")
    raise typer.Exit(1 if lines else 0)
