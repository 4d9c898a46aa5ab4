"""Tables 2 to 5 and 7 to 10, TSR (USR) of attacks against the paper's 48 targets, and the same for others."""

from __future__ import annotations

from dataclasses import replace

from benchbench.metrics.rates import usr_is_defined
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.entries import NO_TRUE_CLASS, entry, with_means
from benchbench.report.groups import AttackRow, Group
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.published import Layout
from benchbench.report.papers.cama2020.words import BACKBONES, LABELS, PREPROCESSORS, SAME


def rows_of(layout: Layout, group: Group) -> tuple[AttackRow, ...]:
    """Return the attacks of one table: the paper's, run or not; then strangers'; then controls."""
    paper: list[AttackRow] = []
    for name in layout.attacks:
        ours = [a for a in group.broad if a.name == name]
        paper += ours or [AttackRow(name, "", LABELS.get(name, name))]
    everywhere = {n for other in published.layouts().values() for n in other.attacks}
    others = [a for a in group.broad if a.name not in everywhere]
    return (*paper, *others)


def success_table(number: str, group: Group, *, show_published: bool) -> Table:
    """Build one table of success rates in the paper's layout."""
    layout = published.layouts()[number]
    pair = usr_is_defined(layout.overlap, layout.split)
    columns = [Column(p, PREPROCESSORS.get(p, p), pair=pair, better="higher") for p in layout.preprocessors] + [
        Column(published.MEAN, "Mean", pair=pair, better="higher")
    ]
    theirs = published.success_rates()
    places = [(backbone, attack) for backbone in layout.backbones for attack in rows_of(layout, group)]
    found: list[tuple[list[Entry], list[Cell | None]]] = []
    for backbone, attack in places:
        names = [published.target_name(layout.overlap, backbone, p) for p in layout.preprocessors]
        cells = [group.cell(attack, name, layout.split) for name in names]
        found.append(([entry(cell, pair) for cell in cells], cells))
    rows = []
    for (backbone, attack), entries in zip(places, with_means(found, pair), strict=True):
        if show_published and attack.name in LABELS:
            entries = [
                replace(
                    e,
                    published=theirs.get((layout.overlap, layout.split, backbone, c.key, attack.name), (None, None)),
                )
                for e, c in zip(entries, columns, strict=True)
            ]
        rows.append(
            Row(
                key=attack.key,
                label=attack.label,
                entries=tuple(entries),
                block=BACKBONES.get(backbone, backbone),
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
    remarks = [*captions.left_out(group), *captions.thin(group.thin)]
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
    names = [BACKBONES.get(b, b) for b in layout.backbones]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
