"""Table numbers to tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.base.identity import canonical_json
from benchbench.records.cell import Cell
from benchbench.records.dataset import DatasetSummary
from benchbench.report.captions import clusters
from benchbench.report.comparisons import conditions_table, distortion_table
from benchbench.report.erasing import erasing_table
from benchbench.report.gates import gates_table
from benchbench.report.groups import Group, groups, track
from benchbench.report.model import Entry, Table
from benchbench.report.other import other_table
from benchbench.report.paper import Paper, papers
from benchbench.report.ranking import leaderboard_table
from benchbench.report.robustness import robustness_table, targets_table
from benchbench.report.tasks import tasks_table

EXTRA = ("leaderboard", "targets", "robustness", "distortion", "conditions", "claims", "gates", "other")
"""Tables beside the papers'."""
TASK_TABLES = ("tasks", "erasing")
"""Tables of tasks beside classification; shown with all others where there are cells of such."""


@cache
def owners() -> dict[str, Paper]:
    """Return each paper's tables, with the paper.

    Raises:
        BenchError: two papers have one name for a table.
    """
    found: dict[str, Paper] = {}
    for paper in papers():
        for number in paper.tables():
            if number in found or number in (*EXTRA, *TASK_TABLES):
                other = found[number].name if number in found else "benchbench"
                raise BenchError(
                    f"table '{number}' is of '{other}' and of '{paper.name}'; one of them needs another name."
                )
            found[number] = paper
    return found


def table_numbers() -> list[str]:
    """Return every table: the papers' numbers in their order, then those beside them."""
    numbers = [n for n in owners() if n[0].isdigit()]
    words = [n for n in owners() if not n[0].isdigit()]
    return [*numbers, EXTRA[0], *words, *EXTRA[1:]]


def shown(group: Group) -> list[str]:
    """Return the tables that pages on these cells show: all but those that have nothing to do with them."""
    found = [n for n in table_numbers() if n not in owners() or owners()[n].concerns(group)]
    cells = (group.others, group.of_cameras.others)
    return [*found, *(number for number, mine in zip(TASK_TABLES, cells, strict=True) if mine)]


def expand(number: str) -> list[str]:
    """Return the tables that `number` names: "2" is 2a and 2b, a paper's name all of its, "all" is every table.

    Raises:
        UnknownNameError: there is no such table.
    """
    known = [*table_numbers(), *TASK_TABLES]
    asked = str(number).strip().lower()
    if asked in known:
        return [asked]
    if asked == "all":
        return table_numbers()
    parts = [n for n in known if n[:-1] == asked and n[-1] in "ab"] if asked.isdigit() else []
    parts = parts or [n for paper in papers() if paper.name == asked for n in paper.tables()]
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
    theirs = number in owners() and owners()[number].shows_filters(number)
    if not (baselines or theirs) and number not in ("distortion", "gates", "erasing", "claims"):
        group = group.without_baselines
        alike = [other.without_baselines for other in alike]
    made = _build(number, group, published, summary, alike)
    if summary is not None and summary.warning and summary.data_id == group.data_id:
        made = replace(made, caption=(*made.caption, summary.warning))
    shown = intervals or number in ("claims", "leaderboard", "robustness")  # verdicts and ranks rest on them
    return replace(made, intervals=shown, remarks=(*made.remarks, *(clusters(group) if shown else ())))


def _build(number: str, group: Group, published: bool, summary: DatasetSummary | None, alike: Sequence[Group]) -> Table:
    if number in owners():
        return owners()[number].table(number, group, summary, show_published=published)
    if number == "tasks":
        return tasks_table(group)
    if number == "erasing":
        return erasing_table(group)
    if number == "distortion":
        return distortion_table(group)
    if number == "targets":
        return targets_table(group)
    if number == "robustness":
        return robustness_table(group)
    if number == "leaderboard":
        return leaderboard_table(group, show_published=published)
    if number == "claims":
        return _claims(group)
    if number == "gates":
        return gates_table(group, summary)
    if number == "conditions":
        family = tuple(alike) or (group,)
        kept = family[0].derived  # the same table for all of them
        if kept.get("conditions", ((), None))[0] != [id(one) for one in family]:
            kept["conditions"] = [id(one) for one in family], conditions_table(family)
        made: Table = kept["conditions"][1]
        return made
    return other_table(group, show_published=published)


def claims_of(group: Group) -> list[Table]:
    """Return the claims of each paper that makes some."""
    if "claims" not in group.derived:
        group.derived["claims"] = [table for paper in papers() if (table := paper.claims(group)) is not None]
    found: list[Table] = group.derived["claims"]
    return found


def _claims(group: Group) -> Table:
    """Return the claims of all papers that make some, one after another."""
    found = claims_of(group)
    if not found:
        raise UnknownNameError("no paper that is installed here makes a claim.")
    if len(found) == 1:
        return found[0]
    # A paper may say nothing of what others have columns for, such as targets like these.
    widest = max(found, key=lambda table: len(table.columns))
    width = len(widest.columns)
    rows = [
        replace(row, entries=(*row.entries, *[Entry("")] * (width - len(row.entries))))
        for table in found
        for row in table.rows
    ]
    return replace(
        widest,
        title="What the papers claim",
        caption=tuple(dict.fromkeys(sentence for table in found for sentence in table.caption)),
        remarks=tuple(dict.fromkeys(remark for table in found for remark in table.remarks)),
        rows=tuple(rows),
    )


def table(
    number: str,
    cells: Iterable[Cell],
    *,
    dataset: str | None = None,
    profile: str | None = None,
    condition: str | None = None,
    budget: str | None = None,
    published: bool = False,
    summary: DatasetSummary | Callable[[Group], DatasetSummary | None] | None = None,
    intervals: bool = False,
    baselines: bool = False,
) -> list[Table]:
    """Build the tables that `number` names.

    Cells of different data sets, profiles or protocols never share a table: there is one table a group. A paper's are
    of the groups that it has something to do with. Without any cell there is one empty table, which says so and can
    still show the paper's figures.

    Args:
        number: "1" to "10", with or without a or b; one of `EXTRA`; "all".
        dataset, profile, condition, budget: keep only these cells.
        published, intervals, baselines: see `build`.
        summary: what table 1 shows, of all groups or of each; without it table 1 shows what the cells know.

    Raises:
        UnknownNameError: no such table.
    """
    numbers = expand(number)
    found = groups(cells, dataset=dataset, profile=profile, condition=condition, budget=budget)
    if not found and any(filter_ is not None for filter_ in (dataset, profile, condition, budget)):
        raise_unmatched(cells, dataset=dataset, profile=profile, condition=condition, budget=budget)
    found = found or [Group("", "", "", "{}", {})]
    families = alike(found)
    told = {n for group in found for n in shown(group)}
    made = []
    for group in found:
        family = families[_family(group)]
        # A paper that has nothing to do with these cells is asked for by name where it has with no others either.
        for n in [n for n in numbers if n in shown(group) or (n not in told and numbers != table_numbers())]:
            if n != "conditions" or group is family[0]:  # one table for all of them
                made.append(
                    build(
                        n,
                        group,
                        published=published,
                        summary=summary(group) if callable(summary) else summary,
                        intervals=intervals,
                        baselines=baselines,
                        alike=family,
                    )
                )
    return made


def raise_unmatched(cells: Iterable[Cell], **asked: str | None) -> None:
    """Say which of the filters leaves none of some cells, of those that leave none by themselves.

    Raises:
        UnknownNameError: there are cells, and none of what was asked for.
    """
    has = {
        "dataset": {c.dataset.name for c in cells},
        "profile": {c.profile for c in cells},
        "condition": {str(c.protocol.get("condition", "uint8")) for c in cells},
        "budget": {track(c.protocol) for c in cells},
    }
    if not has["dataset"]:
        return
    for kind, name in asked.items():
        if name is not None and name not in has[kind]:
            known = ", ".join(sorted(has[kind]))
            hint = did_you_mean(name, sorted(has[kind]))
            raise UnknownNameError(f"no cell of {kind} '{name}' here.{hint}  {kind}s: {known}")
    raise UnknownNameError("no cell is of all of this: " + ", ".join(f"{k} {v}" for k, v in asked.items() if v) + ".")


def alike(found: Iterable[Group]) -> dict[tuple[str, ...], list[Group]]:
    """Return the groups that differ in condition and budget alone, the default condition first."""
    families: dict[tuple[str, ...], list[Group]] = {}
    for group in found:
        families.setdefault(_family(group), []).append(group)
    for family in families.values():
        family.sort(key=lambda g: g.standing)
    return families


def _family(group: Group) -> tuple[str, ...]:
    protocol = {key: value for key, value in group.settings.items() if key not in ("condition", "budget")}
    photographs = group.dataset, group.data_id, group.fingerprint
    return *photographs, group.profile, group.profile_digest, canonical_json(protocol)
