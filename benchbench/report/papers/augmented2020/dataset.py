"""Table 1: how many patches and photographs of each camera model each set holds."""

from __future__ import annotations

from benchbench.records.dataset import DatasetSummary
from benchbench.report import captions
from benchbench.report.groups import Group
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.augmented2020 import published

PATCH = 64
NO_SUMMARY = "the data set's dataset.json has not been written yet, or is of other photographs (`bench run` writes it)"
UNKNOWN = "classifiers and attacks train on the known camera models alone"


def dataset_table(group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
    """Build table 1 from the summary; the paper's A is our p, its B our q, its C our test photographs."""
    if summary is not None and group.data_id and summary.data_id != group.data_id:
        summary = None
    ours = {} if summary is None else {c.y: c for c in summary.counts}
    each = 0 if summary is None else (summary.size // PATCH) ** 2
    known = 6 if summary is None else summary.known
    theirs = {m.s: m for m in published.dataset()}
    rows = []
    for y in ours or theirs:
        model, count = theirs.get(y), ours.get(y)
        places: list[Entry] = [Entry(None, NO_SUMMARY)] * 4
        if count is not None:
            a, b = count.p * each, (count.q or 0) * each
            places = [Entry(count.camera_model), Entry(a), Entry(b), Entry(count.test)]
        if y > known:
            places[1:3] = [Entry(None, UNKNOWN)] * 2
        if show_published and model is not None:
            figures = (model.camera_model, model.a, model.b, model.c)
            places = [Entry(e.value, e.missing, published=(f, None)) for e, f in zip(places, figures, strict=True)]
        rows.append(Row(str(y), str(y), tuple(places), ranked=False))
    rows.append(_total(rows, show_published))
    caption = [
        f"Patches of {PATCH} x {PATCH} pixels that A (targets; our p) and B (attacker; our q) hold of each camera"
        " model, and photographs in C (test). The sets share no device.",
        captions.setting(group) if group.dataset or summary is None else f"Data set {summary.name}.",
    ]
    if show_published:
        caption.append(captions.PUBLISHED)
    return Table(
        number="augmented-1",
        title="Patches and photographs by camera model and set",
        caption=(*caption, captions.command("augmented-1", group, show_published)),
        corner="s",
        columns=(
            Column("camera_model", "Camera model", "text"),
            Column("a", "A", "count"),
            Column("b", "B", "count"),
            Column("c", "C", "count"),
        ),
        rows=tuple(rows),
        published=show_published,
        facts=group.facts,
    )


def _total(rows: list[Row], show_published: bool) -> Row:
    entries = [Entry("")]
    for place in (1, 2, 3):
        column = [row.entries[place] for row in rows]
        known = [e.value for e in column if isinstance(e.value, int)]
        theirs = [e.published[0] for e in column if e.published and isinstance(e.published[0], int)]
        missing = any(e.missing == NO_SUMMARY for e in column)
        beside = (sum(theirs), None) if show_published else None
        entries.append(Entry(None if missing else sum(known), NO_SUMMARY if missing else "", published=beside))
    return Row("Total", "Total", tuple(entries), ranked=False)
