"""All views of a results folder, as files."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchbench.base.errors import StoreError, UnknownNameError
from benchbench.base.files import file_name, write_atomic
from benchbench.metrics.many import prepare
from benchbench.records.cell import CLASSIFICATION, Cell
from benchbench.records.cells import CellStore
from benchbench.records.dataset import summary_of
from benchbench.report.catalog import alike, build, raise_unmatched, shown
from benchbench.report.documents import filled
from benchbench.report.erasing import erasing_csv
from benchbench.report.formats import csv_text, escaped, render
from benchbench.report.gates import gates
from benchbench.report.groups import Group, groups
from benchbench.report.leaderboard import all_rows, cells_csv, leaderboard_columns
from benchbench.report.page import page
from benchbench.report.paper import Gate

SUFFIXES = {"md": "md", "latex": "tex", "csv": "csv"}


@dataclass(frozen=True)
class Views:
    """All views of the cells under a results folder, as texts by path."""

    files: dict[Path, str]
    """What belongs on disk."""
    tables: dict[Path, str]
    """Each table in Markdown, for documents that show one; on disk where `forms` asked for it."""

    def filled(self, results: Path, documents: Sequence[Path]) -> dict[Path, str]:
        """Return the files and the documents with their tables filled in.

        Raises:
            BenchError: a document that cannot be filled.
        """
        return self.files | {path: filled(path, results, self.tables | self.files) for path in documents}


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's collector of cycles from looking through all cells again and again: they are in none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def write_all(
    results: Path,
    dataset: str | None = None,
    profile: str | None = None,
    published: bool = False,
    *,
    problems: list[StoreError] | None = None,
    cells: Sequence[Cell] | None = None,
    documents: Sequence[Path] = (),
    forms: Sequence[str] = (),
) -> list[Path]:
    """Write every view of the cells under `results` and return the files' paths, sorted.

    Args:
        dataset, profile, published, problems, cells, forms: see `views`.
        documents: fill in the tables that these show too.

    Raises:
        StoreError: see `views`; or a file that cannot be written.
        BenchError: a document that cannot be filled; then nothing is written.
    """
    made = views(results, dataset, profile, published, problems=problems, cells=cells, forms=forms)
    files = made.filled(results, documents)
    for path, text in files.items():
        write_atomic(path, text.encode("utf-8"))
    return sorted(files)


def differing(
    results: Path,
    dataset: str | None = None,
    profile: str | None = None,
    published: bool = False,
    *,
    documents: Sequence[Path] = (),
    forms: Sequence[str] = (),
) -> list[Path]:
    """Return the views on disk, and the documents, that are missing or not what the cells say, sorted.

    Tables of forms that were not asked for, and folders of tables that no cell makes any more, are among them.

    Raises:
        StoreError: see `views`.
        BenchError: a document that cannot be filled.
    """
    written = {path.suffix.removeprefix(".") for path in results.glob("*/*/tables*/*") if path.name != "README.md"}
    every = tuple(dict.fromkeys((*forms, *(form for form, suffix in SUFFIXES.items() if suffix in written))))
    made = views(results, dataset, profile, published, forms=every)
    files = made.filled(results, documents)
    asked = {SUFFIXES[form] for form in forms}
    wrong = [
        path
        for path, text in files.items()
        if (path.exists() or not _extra(path, asked)) and (not path.is_file() or path.read_bytes() != text.encode())
    ]
    homes = {path.parents[1] for path in files if path.parent.name.startswith("tables")}
    stale = [path for home in homes for path in home.glob("tables*/README.md") if path not in files]
    return sorted([*wrong, *stale])


def _extra(path: Path, asked: Collection[str]) -> bool:
    """Say whether a table's own file is of a form that was not asked for, so that it may be missing."""
    return path.parent.name.startswith("tables") and path.name != "README.md" and path.suffix[1:] not in asked


@_collector_paused()
def views(
    results: Path,
    dataset: str | None = None,
    profile: str | None = None,
    published: bool = False,
    *,
    problems: list[StoreError] | None = None,
    cells: Sequence[Cell] | None = None,
    forms: Sequence[str] = (),
) -> Views:
    """Return the text of every view of the cells under `results`.

    <results>/leaderboard.csv, cells.csv and leaderboard.html hold all cells, erasing.csv those of other tasks;
    <results>/<dataset>/<profile>/tables/
    holds a README.md that shows all tables, and each in the forms asked for. What has not been computed is missing
    there, with the reason. Equal cells give equal bytes.

    Args:
        dataset, profile: write the tables of these alone.
        published: set the paper's figures beside ours.
        problems: receives what is wrong with unreadable cells; the others are still used.
        cells: all cells under `results`, where they have been read already.
        forms: also each table in a file of its own: 'md', 'latex', 'csv'.

    Raises:
        StoreError: an unreadable cell (unless `problems` is given) or dataset.json.
        UnknownNameError: an unknown form.
    """
    for form in forms:
        if form not in SUFFIXES:
            raise UnknownNameError(f"unknown format '{form}'; formats of files are {', '.join(SUFFIXES)}.")
    cells = list(CellStore(results).cells(problems=problems)) if cells is None else cells
    prepare(cells)
    every = folders(results, groups(cells))
    leaderboard = csv_text(leaderboard_columns(), all_rows(g for g, _ in every))
    files = {results / "leaderboard.csv": leaderboard, results / "cells.csv": cells_csv(cells)}
    if any(cell.target.task != CLASSIFICATION for cell in cells):
        files[results / "erasing.csv"] = erasing_csv(cells)
    texts: dict[Path, str] = {}
    found = [g for g, _ in every if dataset in (None, g.dataset) and profile in (None, g.profile)]
    if not found:
        raise_unmatched(cells, dataset=dataset, profile=profile)
    families = {id(group): family for family in alike(found).values() for group in family}
    for group, folder in folders(results, found):
        summary = summary_of(folder.parent, group.data_id)
        numbers = shown(group)
        tables = [build(n, group, published=published, summary=summary, alike=families[id(group)]) for n in numbers]
        shown_as = [render(table, "md") for table in tables]
        for table, text in zip(tables, shown_as, strict=True):
            texts[folder / f"{table_file(table.number)}.md"] = text
            for form in forms:
                files[folder / f"{table_file(table.number)}.{SUFFIXES[form]}"] = render(table, form)
        files[folder / "README.md"] = _overview(group, shown_as)
    files[results / "leaderboard.html"] = page([(g, summary_of(f.parent, g.data_id)) for g, f in every])
    return Views(files, texts)


def gates_of(results: Path, cells: Iterable[Cell]) -> list[tuple[Group, list[Gate]]]:
    """Return the gates of each group of cells.

    Args:
        results: where each group's dataset.json is.

    Raises:
        StoreError: a dataset.json that cannot be read.
    """
    found = []
    for group, folder in folders(results, groups(cells)):
        summary = summary_of(folder.parent, group.data_id)
        found.append((group, gates(group, summary)))
    return found


def table_file(number: str) -> str:
    """Return the name of a table's files, without suffix."""
    return f"table-{number}" if number[0].isdigit() else number


def folders(results: Path, found: list[Group]) -> list[tuple[Group, Path]]:
    """Return where the tables of each group go.

    The default condition has `tables`, another one `tables-<condition>`; where that is not enough, because
    photographs or other protocol settings differ too, the name says which data and which seed.
    """
    names = [_folder(g, 0) for g in found]
    for detail in (1, 2):
        # By folder and not by name: data sets 'a b' and 'a_b' lie in one.
        homes = [(file_name(g.dataset), file_name(g.profile)) for g in found]
        often = Counter(zip(homes, names, strict=True))
        names = [_folder(g, detail) if often[h, n] > 1 else n for g, h, n in zip(found, homes, names, strict=True)]
    return [
        (g, results / file_name(g.dataset) / file_name(g.profile) / name) for g, name in zip(found, names, strict=True)
    ]


def _folder(group: Group, detail: int) -> str:
    words = ["tables"]
    if group.condition != "uint8":
        words.append(group.condition)
    if group.track != "native":
        words.append(group.track.replace(" ", ""))
    if group.settings.get("limit") is not None:
        words.append(f"limit{group.settings['limit']}")
    if group.seed:  # whether or not there are others: what stands in a folder does not move where a run is added
        words.append(f"seed{group.seed}")
    if group.apart:
        words += [group.fingerprint[:8], group.profile_digest[:8]]
    if detail >= 1:
        words.append(group.data_id[:8])
    if detail >= 2:
        told = ("condition", "budget", "limit", "seed")
        words += [f"{k}{v}" for k, v in sorted(group.settings.items()) if k not in told]
    return file_name("-".join(filter(None, words)))


def _overview(group: Group, tables: Sequence[str]) -> str:
    """Return the README.md of a group, of its tables in Markdown."""
    lines = [
        f"# {escaped(group.name)}",
        "",
        f"{len(group.cells)} cells of data {group.data_id[:8]}. `bench table NUMBER --format csv` gives a table at full"
        " precision, `--format latex` for a paper. A dash is a value that is missing; the lines below a table say why.",
        "",
    ]
    for table in tables:
        lines += [table, ""]
    return "\n".join(lines).rstrip("\n") + "\n"
