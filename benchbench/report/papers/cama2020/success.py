"""Tables 2 to 5 and 7 to 10, TSR (USR) of attacks against the paper's 48 targets, and the same for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchbench.metrics import intervals, rates
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.groups import LABELS, AttackRow, Group, mean_or_none
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.published import Layout

PARTIAL_MEAN = "a mean is given only where none of its cells is missing"
NO_TRUE_CLASS = (
    "USR is undefined here: a target of complete overlap has no class for the true camera model,"
    " so it cannot be right before the attack."
)
NO_TRUE_CLASS_SHORT = "USR undefined: the target has no class for the true camera model"
NO_USR = "undefined for this target"
SAME = "resnet18"
"""The evaluators' architecture: attacks on other backbones have to transfer."""


def rows_of(layout: Layout, group: Group) -> tuple[AttackRow, ...]:
    """Return the attacks of one table: the paper's, run or not; then strangers'; then controls."""
    paper: list[AttackRow] = []
    for name in layout.attacks:
        ours = [a for a in group.attacks if a.name == name]
        paper += ours or [AttackRow(name, "", LABELS.get(name, name))]
    everywhere = {n for other in published.layouts().values() for n in other.attacks}
    others = [a for a in group.attacks if a.name not in everywhere]
    return (*paper, *others)


def entry(cell: Cell | None, pair: bool) -> Entry:
    """Return the entry of one cell: its rates with their intervals, or the reason why there are none."""
    if cell is None:
        return Entry(None, captions.NO_CELL)
    value = rates.tsr(cell)
    if value is None:
        return Entry(None, "no photograph was attacked")
    second = rates.usr(cell) if pair else None
    return Entry(
        value,
        second=second,
        missing_second=NO_USR if pair and second is None else "",
        interval=interval([cell], "tsr"),
        second_interval=interval([cell], "usr") if pair else None,
    )


def interval(cells: Sequence[Cell | None], rate: intervals.Rate) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean rate of some cells, or None if one of them has none."""
    found = intervals.mean_rate(cells, rate)
    return (found.low, found.high) if found is not None else None


def with_mean(entries: Sequence[Entry], pair: bool, cells: Sequence[Cell | None] = ()) -> Entry:
    """Return the mean of a row's entries; missing as soon as one of them is missing."""
    value = mean_or_none([_rate(e) for e in entries])
    if value is None:
        reasons = {e.missing for e in entries}
        return Entry(None, reasons.pop() if len(reasons) == 1 else PARTIAL_MEAN)
    second = mean_or_none([e.second for e in entries]) if pair else None
    return Entry(
        value,
        second=second,
        missing_second=PARTIAL_MEAN if pair and second is None else "",
        interval=interval(cells, "tsr"),
        second_interval=interval(cells, "usr") if second is not None else None,
    )


def _rate(entry: Entry) -> float | None:
    return float(entry.value) if isinstance(entry.value, (int, float)) else None


def success_table(number: str, group: Group, *, show_published: bool) -> Table:
    """Build one table of success rates in the paper's layout."""
    layout = published.layouts()[number]
    pair = not (layout.overlap == "complete" and layout.split == "out")
    columns = [
        Column(p, captions.PREPROCESSORS.get(p, p), pair=pair, better="higher") for p in layout.preprocessors
    ] + [Column(published.MEAN, "Mean", pair=pair, better="higher")]
    theirs = published.success_rates()
    rows = []
    for backbone in layout.backbones:
        for attack in rows_of(layout, group):
            names = [published.target_name(layout.overlap, backbone, p) for p in layout.preprocessors]
            cells = [group.cell(attack, name, layout.split) for name in names]
            entries = [entry(cell, pair) for cell in cells]
            entries.append(with_mean(entries, pair, cells))
            if show_published and attack.name in LABELS:
                entries = [
                    replace(
                        e,
                        published=theirs.get(
                            (layout.overlap, layout.split, backbone, c.key, attack.name), (None, None)
                        ),
                    )
                    for e, c in zip(entries, columns, strict=True)
                ]
            rows.append(
                Row(
                    key=attack.key,
                    label=attack.label,
                    entries=tuple(entries),
                    block=captions.BACKBONES.get(backbone, backbone),
                    ranked=attack.ranked,
                )
            )
    same = layout.backbones == (SAME,)
    what = "TSR (USR)" if pair else "TSR"
    caption = [
        f"{what} in percent against {_backbones(layout)} targets of {layout.overlap} overlap"
        f" ({'the' if same else 'other than the'} evaluators' architecture),"
        f" {captions.SPLITS[layout.split]} photographs.",
        captions.setting(group),
        captions.images(group, layout.split, layout.overlap),
        captions.BOLD,
    ]
    if show_published:
        caption.append(captions.PUBLISHED)
    caption.append(captions.command(number, group, show_published))
    remarks = list(captions.left_out(group))
    if not pair:
        remarks.append(NO_TRUE_CLASS)
    if group.cells and not any(a.control for a in group.attacks):
        remarks.append("No control has been run, so what doing nothing scores is not shown.")
    return Table(
        number=number,
        title=f"{'Same architecture' if same else 'Architecture transfer'}, {layout.overlap} overlap, "
        f"{captions.SPLITS[layout.split]}",
        caption=tuple(caption),
        corner="Attack",
        columns=tuple(columns),
        rows=tuple(rows),
        block_title="" if same else "Target",
        remarks=tuple(remarks),
        published=show_published,
        facts=group.facts,
    )


def _backbones(layout: Layout) -> str:
    names = [captions.BACKBONES.get(b, b) for b in layout.backbones]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def other_table(group: Group, *, show_published: bool) -> Table:
    """Build the table of targets outside the paper's grid: a row a target and attack, so any number fits."""
    grid = {published.target_name(*t) for t in published.grid()}
    targets = {c.target.name: c.target for c in group.cells if c.target.name not in grid}
    columns = (
        Column("in", "In", pair=True, better="higher"),
        Column("out", "Out", pair=True, better="higher"),
    )
    rows = []
    for name, target in sorted(targets.items()):
        for attack in group.attacks:
            entries = []
            for split in ("in", "out"):
                found = entry(group.cell(attack, name, split), pair=True)
                if found.missing_second and split == "out" and target.overlap == "complete":
                    found = replace(found, missing_second=NO_TRUE_CLASS_SHORT)
                entries.append(found)
            rows.append(Row(attack.key, attack.label, tuple(entries), block=name, ranked=attack.ranked))
    caption = [
        "TSR (USR) in percent against targets outside the paper's grid, in- and out-of-distribution.",
        captions.setting(group),
        captions.images(group, "in"),
        captions.images(group, "out"),
        captions.BOLD,
        captions.command("other", group, show_published),
    ]
    remarks = captions.left_out(group) if rows else ("Every target that has cells is one of the paper's 48.",)
    return Table(
        number="other",
        title="Other targets",
        caption=tuple(caption),
        corner="Attack",
        columns=columns,
        rows=tuple(rows),
        block_title="Target",
        remarks=remarks,
        facts=group.facts,
    )
