"""bench table, bench report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.base.errors import BenchError, StoreError
from benchbench.cli import options as opt

if TYPE_CHECKING:
    from benchbench.records.dataset import DatasetSummary
    from benchbench.report.groups import Group

Published = Annotated[bool, typer.Option("--published", help="Set the paper's figures beside ours.")]
Dataset = Annotated[str | None, typer.Option("--dataset", help="One data set, by name.")]
ProfileOnly = Annotated[str | None, typer.Option("--profile", "-p", help="One profile, by name.")]


def table(
    number: Annotated[
        str,
        typer.Argument(
            help="1 to 10, with or without a or b; leaderboard, targets, robustness, clean, claims, distortion,"
            " conditions, gates, other; all of these; erasing, tasks; augmented-1, spoc-1, siamte-1 and the like."
        ),
    ],
    published: Published = False,
    format: Annotated[str, typer.Option("--format", "-f", help="text, md, latex or csv.")] = "text",
    dataset: Dataset = None,
    profile: ProfileOnly = None,
    condition: Annotated[str | None, typer.Option(help="One condition, e.g. uint8.")] = None,
    budget: Annotated[str | None, typer.Option(help="One budget: native, or a number of dB.")] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="Show 95 % intervals.")] = False,
    baselines: Annotated[bool, typer.Option("--baselines", help="Show plain filters too.")] = False,
    results: opt.Results = opt.RESULTS,
    reference: opt.Reference = False,
) -> None:
    """Print one of the paper's tables from the cells.

    Examples:

      bench table 2a

      bench table leaderboard --published --reference

      bench table 3a --intervals --baselines

      bench table conditions

      bench table clean --format md

      bench table all --format latex > tables.tex
    """
    from benchbench import report
    from benchbench.base.files import file_name
    from benchbench.records.cells import CellStore
    from benchbench.records.dataset import summary_of

    if format not in report.FORMATS:
        raise BenchError(f"unknown format '{format}'; formats are {', '.join(report.FORMATS)}.")
    results = opt.place(results, reference)
    problems: list[StoreError] = []
    cells = list(CellStore(results).cells(problems=problems))

    def summary(group: Group) -> DatasetSummary | None:
        return summary_of(results / file_name(group.dataset) / file_name(group.profile), group.data_id)

    tables = report.table(
        number,
        cells,
        dataset=dataset,
        profile=profile,
        condition=opt.condition(condition) if condition is not None else None,
        budget=opt.track(budget),
        published=published,
        summary=summary,
        intervals=intervals,
        baselines=baselines,
    )
    print("\n\n".join(report.render(each, format).rstrip("\n") for each in tables))
    _name(problems)


def report(
    published: Published = False,
    dataset: Dataset = None,
    profile: ProfileOnly = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is not what the cells say.")
    ] = False,
    fill: Annotated[
        list[Path] | None,
        typer.Option(
            "--fill",
            help="Also a document of yours: rows of tables go between '<!-- table FILE -->' and '<!-- end -->', "
            "FILE being a .md table under the results folder. Repeatable.",
        ),
    ] = None,
    forms: Annotated[
        str, typer.Option("--format", "-f", help="Also each table in a file of its own: md, latex, csv; a comma list.")
    ] = "",
    results: opt.Results = opt.RESULTS,
    reference: opt.Reference = False,
) -> None:
    """Write all tables, leaderboard.csv, cells.csv and leaderboard.html from the cells.

    Needs no photograph, network or plugin. --check without a folder looks at runs, and at the reference results where
    runs holds no cell; with or without the paper's figures is both right, unless --published asks for them.

    Examples:

      bench report

      bench report --published --results results

      bench report --check

      bench report --format latex,csv

      bench report --published --results results --fill README.md
    """
    from benchbench.records.reference import has_cells
    from benchbench.report import differing, write_all

    asked = [word.strip() for word in forms.split(",") if word.strip()]
    results = opt.place(results, reference)
    if check:
        if results == opt.RESULTS and not has_cells(results):
            results = opt.place(results, True)
        print(f"checked: {results}")
        either = (True,) if published else (True, False)
        found = (differing(results, dataset, profile, p, documents=fill or (), forms=asked) for p in either)
        wrong = min(found, key=len)
        for path in wrong:
            print(f"bench: {path} is {'not what its cells say' if path.exists() else 'missing'}", file=sys.stderr)
        print(f"{len(wrong)} files differ from their cells." if wrong else "every file is what its cells say.")
        raise typer.Exit(1 if wrong else 0)
    if not results.is_dir():
        raise BenchError(f"--results '{results}' does not exist; 'bench run' makes a folder of results.")
    problems: list[StoreError] = []
    paths = write_all(results, dataset, profile, published, problems=problems, documents=fill or (), forms=asked)
    for path in paths:
        if path.name in ("README.md", "leaderboard.csv", "cells.csv", "leaderboard.html"):
            print(path)
    _name(problems)


def compare(
    first: Annotated[str, typer.Argument(help="A results folder, or 'reference'.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    format: Annotated[str, typer.Option("--format", "-f", help="text, md, latex or csv.")] = "text",
) -> None:
    """Set two results side by side: each attack of both, over the targets that both have.

    Examples:

      bench compare reference runs
    """
    from benchbench.report import compare as tables_of
    from benchbench.report import groups, render
    from benchbench.report.frames import read_cells

    cells = (read_cells(first), read_cells(second))
    tables = tables_of(*cells, (first, second))
    if not tables:
        have = (
            f"'{at}': " + "; ".join(g.name for g in groups(each))
            for at, each in zip((first, second), cells, strict=True)
        )
        raise BenchError(
            f"'{first}' and '{second}' have no data set, profile and protocol in common.\n  " + "\n  ".join(have)
        )
    print("\n\n".join(render(table, format).rstrip("\n") for table in tables))


def _name(problems: list[StoreError]) -> None:
    for problem in problems:
        print(f"bench: left out: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)
