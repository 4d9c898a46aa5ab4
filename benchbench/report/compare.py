"""Two results side by side: each attack of both, over the targets that both have."""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.metrics import intervals
from benchbench.records.cell import Cell
from benchbench.report import captions, means
from benchbench.report.groups import Group, attack_key, groups
from benchbench.report.model import Column, Entry, Row, Table

EQUAL, HIGHER, LOWER, OPEN = "every outcome alike", "higher", "lower", "not told apart"
NOT_SHARED = "the two results have no target and split in common"


def compare(first: Iterable[Cell], second: Iterable[Cell], names: tuple[str, str] = ("A", "B")) -> list[Table]:
    """Return a table for each data set, profile and protocol that both results have.

    The mean TSR of an attack in each, over the targets and splits of both, and the difference, second - first, with its
    95 % interval: photograph by photograph where these are the same, and as of independent ones where they are not.

    Args:
        first, second: cells of classification; others are left out.
        names: of the two, for headings.
    """
    others: dict[tuple[str, ...], list[Group]] = {}
    for group in groups(second):
        others.setdefault(_like(group), []).append(group)
    found = []
    for group in groups(first):
        if group.cells and (there := others.get(_like(group))):
            # The one of the same photographs, where there are several of other pixels or other files of a profile.
            found.append(_table(group, max(there, key=lambda other: _alike(group, other)), names))
    return found


def _alike(group: Group, other: Group) -> tuple[bool, bool, bool]:
    return (
        group.data_id == other.data_id,
        group.fingerprint == other.fingerprint,
        group.profile_digest == other.profile_digest,
    )


def _like(group: Group) -> tuple[str, ...]:
    return group.dataset, group.profile, group.protocol


def _table(first: Group, second: Group, names: tuple[str, str]) -> Table:
    rows = []
    for attack in first.attacks:
        mine, theirs = (
            {(c.target.name, c.split.name): c for c in group.cells if attack_key(c) == (attack.name, attack.params)}
            for group in (first, second)
        )
        if theirs:
            shared = sorted(set(mine) & set(theirs))
            pair = ([mine[place] for place in shared], [theirs[place] for place in shared])
            rows.append(Row(attack.key, attack.label, _entries(*pair), ranked=False))
    alone = [
        f"Only in {name}: {', '.join(labels)}."
        for name, labels in zip(names, (_missing(first, second), _missing(second, first)), strict=True)
        if labels
    ]
    for attack in first.attacks:
        versions = [
            {c.attack.version for c in group.cells if attack_key(c) == (attack.name, attack.params)}
            for group in (first, second)
        ]
        if all(versions) and versions[0] != versions[1]:
            told = (", ".join(map(str, sorted(v))) for v in versions)
            alone.append(f"{attack.label} is of another version: {' in {}, '.join(told)} in {{}}.".format(*names))
    if first.data_id != second.data_id:
        alone.append(f"The photographs differ: {first.data_id[:8]} in {names[0]}, {second.data_id[:8]} in {names[1]}.")
    return Table(
        number="",
        title=f"{names[0]} and {names[1]}",
        caption=(
            "Mean TSR in percent over the targets and splits that both have, and the difference, second - first, with"
            " its 95 % interval.",
            captions.setting(first),
        ),
        corner="Attack",
        columns=(
            Column("cells", "Cells", "count"),
            Column("first", f"Mean TSR, {names[0]}"),
            Column("second", f"Mean TSR, {names[1]}"),
            Column("difference", "Difference"),
            Column("verdict", f"{names[1]} is", "text"),
        ),
        rows=tuple(rows),
        remarks=tuple(alone),
        intervals=True,
        facts=first.facts,
    )


def _missing(group: Group, other: Group) -> list[str]:
    there = {attack.key for attack in other.attacks}
    return [attack.label for attack in group.attacks if attack.key not in there]


def _entries(first: list[Cell], second: list[Cell]) -> tuple[Entry, ...]:
    entries = [Entry(len(first))]
    for cells in (first, second):
        found = means.mean_rate(cells, "tsr") if cells else None
        between = (found.low, found.high) if found is not None else None
        entries.append(Entry(found.value if found else None, NOT_SHARED, interval=between))
    if not first:
        return (*entries, Entry(None, NOT_SHARED), Entry(None, NOT_SHARED))
    parts = [
        (sign * weight, sample)
        for sign, cells in ((1.0, second), (-1.0, first))
        for weight, sample in means.weighed(cells, "tsr")
    ]
    gap = intervals.contrast(parts)
    if gap is None:
        return (*entries, Entry(None, "too few photographs"), Entry(None, "too few photographs"))
    alike = all(
        (a.outcomes, a.split.fingerprint) == (b.outcomes, b.split.fingerprint)
        for a, b in zip(first, second, strict=True)
    )
    if alike:
        return (*entries, Entry(0.0), Entry(EQUAL))
    verdict = OPEN if not gap.separated else HIGHER if gap.value > 0 else LOWER
    return (*entries, Entry(gap.value, interval=(gap.low, gap.high)), Entry(verdict))
