"""Table numbers to tables."""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.cell import Cell
from benchbench.errors import UnknownNameError, did_you_mean
from benchbench.report import published
from benchbench.report.groups import Group, groups
from benchbench.report.model import Table
from benchbench.report.photographs import DatasetSummary, dataset_table
from benchbench.report.quality import clean_table, psnr_table
from benchbench.report.success import other_table, success_table


def table_numbers() -> list[str]:
    """Return every table number: the paper's order, then clean and other."""
    numbers = list(published.layouts())
    later = numbers.index("7a")
    return ["1", *numbers[:later], "6", *numbers[later:], "clean", "other"]


def expand(number: str) -> list[str]:
    """Return the tables that `number` names: "2" is 2a and 2b, "all" is every table.

    Raises:
        UnknownNameError: there is no such table.
    """
    known = table_numbers()
    asked = str(number).strip().lower()
    if asked in known:
        return [asked]
    if asked == "all":
        return known
    parts = [n for n in known if n[:-1] == asked and n[-1] in "ab"] if asked.isdigit() else []
    if not parts:
        families = list(dict.fromkeys(n[:-1] if n[-1] in "ab" and n[0].isdigit() else n for n in known))
        raise UnknownNameError(
            f"unknown table '{number}'.{did_you_mean(asked, [*known, *families])}\n  available: "
            + ", ".join([*known, "all"])
        )
    return parts


def build(number: str, group: Group, *, published: bool = False, summary: DatasetSummary | None = None) -> Table:
    """Build one table, by its full number, from one group of cells."""
    if number == "1":
        return dataset_table(group, summary, show_published=published)
    if number == "6":
        return psnr_table(group, show_published=published)
    if number == "clean":
        return clean_table(group, show_published=published)
    if number == "other":
        return other_table(group, show_published=published)
    return success_table(number, group, show_published=published)


def table(
    number: str,
    cells: Iterable[Cell],
    *,
    dataset: str | None = None,
    profile: str | None = None,
    condition: str | None = None,
    published: bool = False,
    summary: DatasetSummary | None = None,
) -> list[Table]:
    """Build the tables that `number` names.

    Cells of different data sets, profiles or protocols never share a table: there is one table a group.
    Without any cell there is one empty table, which says so and can still show the paper's figures.

    Args:
        number: "1" to "10", with or without a or b; "clean"; "other"; "all".
        dataset, profile, condition: keep only these cells.
        published: set the paper's figures beside ours.
        summary: what table 1 shows; without it table 1 shows what the cells know.

    Raises:
        UnknownNameError: no such table.
    """
    numbers = expand(number)
    found = groups(cells, dataset=dataset, profile=profile, condition=condition)
    found = found or [Group("", "", "", "{}", {})]
    return [build(n, group, published=published, summary=summary) for group in found for n in numbers]
