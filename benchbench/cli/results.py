"""bench results: snapshots of cells."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.base.errors import BenchError
from benchbench.cli import options as opt

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Pack, merge, verify and compare results.")
Folder = Annotated[Path, typer.Argument(help="A results folder.")]


@app.command()
def pack(
    results: opt.Results = opt.RESULTS,
    out: Annotated[Path, typer.Option("--out", "-o", help="The results folder to write to.")] = Path("results"),
) -> None:
    """Write the cells under --results as packs, one file an attack and condition: what a repository holds.

    A pack has a JSON record a line and loses nothing; `bench report` and `bench run` read packs as they read cells.

    Examples:

      bench results pack --results runs --out results
    """
    from benchbench.records.cells import CellStore
    from benchbench.records.snapshots import pack as write

    paths = write(CellStore(results), out)
    if not paths:
        raise BenchError(f"no cell under '{results}'; 'bench run' computes some.")
    for path in paths:
        print(path)


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Results folders, whose cells go together.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The results folder to write packs to.")],
) -> None:
    """Write the cells of several results folders as packs, each cell once.

    Two folders that hold one cell with different outcomes are refused: `bench results diff` shows where.

    Examples:

      bench results merge mine yours --out both
    """
    from benchbench.base.files import write_atomic
    from benchbench.records.cells import CellStore
    from benchbench.records.packs import packed
    from benchbench.records.snapshots import merged

    for path, text in packed(merged([CellStore(folder) for folder in folders])).items():
        write_atomic(out / path, text.encode())
        print(out / path)


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
    from benchbench.records.cells import CellStore
    from benchbench.records.snapshots import differences

    lines = differences(CellStore(first), CellStore(second))
    for line in lines:
        print(line)
    print(f"{len(lines)} cells differ." if lines else "all cells are alike.")
    raise typer.Exit(1 if lines else 0)
