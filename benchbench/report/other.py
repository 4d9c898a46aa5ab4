"""The table of targets that no paper has."""

from __future__ import annotations

from dataclasses import replace

from benchbench.report import captions
from benchbench.report.entries import NO_TRUE_CLASS_SHORT, entry
from benchbench.report.groups import Group
from benchbench.report.model import Column, Row, Table
from benchbench.report.paper import grid


def other_table(group: Group, *, show_published: bool) -> Table:
    """Build the table of targets outside the paper's grid: a row a target and attack, so any number fits."""
    targets = {c.target.name: c.target for c in group.cells if c.target.name not in grid()}
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
