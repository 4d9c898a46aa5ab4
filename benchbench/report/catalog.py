"""Table numbers to tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchbench.base.errors import UnknownNameError, did_you_mean
from benchbench.records.cell import Cell
from benchbench.records.dataset import DatasetSummary
from benchbench.report.captions import condition_texts
from benchbench.report.comparisons import conditions_table, distortion_table
from benchbench.report.gates import gates_table
from benchbench.report.groups import Group, groups
from benchbench.report.model import Table
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.claims import claims_table
from benchbench.report.papers.cama2020.quality import clean_table, psnr_table
from benchbench.report.papers.cama2020.success import other_table, success_table
from benchbench.report.photographs import dataset_table
from benchbench.report.ranking import leaderboard_table

EXTRA = ("leaderboard", "clean", "distortion", "conditions", "claims", "gates", "other")
"""Tables beside the paper's."""


def table_numbers() -> list[str]:
    """Return every table: the paper's in its order, then those beside them."""
    numbers = list(published.layouts())
    later = numbers.index("7a")
    return ["1", *numbers[:later], "6", *numbers[later:], *EXTRA]


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


def build(
    number: str,
    group: Group,
    *,
    published: bool = False,
    summary: DatasetSummary | None = None,
    intervals: bool = False,
    baselines: bool = False,
    alike: Sequence[Group] = (),
) -> Table:
    """Build one table, by its full number, from one group of cells.

    Args:
        published: set the paper's figures beside ours.
        summary: what table 1 shows.
        intervals: show readers the 95 % intervals.
        baselines: show plain filters in the tables of success rates.
        alike: for the table of conditions, the groups of the same photographs, profile and seed.
    """
    if not baselines and number not in ("distortion", "gates"):
        group = group.without_baselines()
        alike = [other.without_baselines() for other in alike]
    made = _build(number, group, published, summary, alike)
    return replace(made, intervals=intervals or number in ("claims", "leaderboard"))  # verdicts and ranks rest on them


def _build(number: str, group: Group, published: bool, summary: DatasetSummary | None, alike: Sequence[Group]) -> Table:
    if number == "1":
        return dataset_table(group, summary, show_published=published)
    if number == "6":
        return psnr_table(group, show_published=published)
    if number == "clean":
        return clean_table(group, show_published=published)
    if number == "distortion":
        return distortion_table(group)
    if number == "leaderboard":
        return leaderboard_table(group, show_published=published)
    if number == "claims":
        return claims_table(group)
    if number == "gates":
        return gates_table(group, summary)
    if number == "conditions":
        return conditions_table(alike or [group])
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
    budget: str | None = None,
    published: bool = False,
    summary: DatasetSummary | None = None,
    intervals: bool = False,
    baselines: bool = False,
) -> list[Table]:
    """Build the tables that `number` names.

    Cells of different data sets, profiles or protocols never share a table: there is one table a group.
    Without any cell there is one empty table, which says so and can still show the paper's figures.

    Args:
        number: "1" to "10", with or without a or b; one of `EXTRA`; "all".
        dataset, profile, condition, budget: keep only these cells.
        published, intervals, baselines: see `build`.
        summary: what table 1 shows; without it table 1 shows what the cells know.

    Raises:
        UnknownNameError: no such table.
    """
    numbers = expand(number)
    found = groups(cells, dataset=dataset, profile=profile, condition=condition, budget=budget)
    found = found or [Group("", "", "", "{}", {})]
    families = alike(found)
    made = []
    for group in found:
        family = families[_family(group)]
        for n in numbers:
            if n != "conditions" or group is family[0]:  # one table for all of them
                made.append(
                    build(
                        n,
                        group,
                        published=published,
                        summary=summary,
                        intervals=intervals,
                        baselines=baselines,
                        alike=family,
                    )
                )
    return made


def alike(found: Iterable[Group]) -> dict[tuple[str, str, str, int], list[Group]]:
    """Return the groups that differ in condition and budget alone, the default condition first."""
    families: dict[tuple[str, str, str, int], list[Group]] = {}
    for group in found:
        families.setdefault(_family(group), []).append(group)
    for family in families.values():
        family.sort(key=lambda g: (g.track != "native", g.track, condition_order(g.condition), g.condition))
    return families


def _family(group: Group) -> tuple[str, str, str, int]:
    return group.dataset, group.data_id, group.profile, group.seed


def condition_order(name: str) -> int:
    """Return where a condition stands in tables; one that is not installed here comes last."""
    known = list(condition_texts())
    return known.index(name) if name in known else len(known)
