"""Table 1: how many photographs of each camera model each set holds, and the file that says so."""

from __future__ import annotations

from benchbench.records.dataset import DatasetSummary
from benchbench.report import captions
from benchbench.report.groups import Group
from benchbench.report.model import Column, Entry, Row, Scalar, Table
from benchbench.report.papers.cama2020 import published

NO_SUMMARY = "the data set's dataset.json has not been written yet (`bench run` writes it)"
UNKNOWN_MODEL = "the attacker has no photographs of an unknown camera model"
DIFFERENT_DATA = "dataset.json describes other photographs than the cells"


COLUMNS = (
    Column("camera_model", "Camera model", "text"),
    Column("q", "q", "count"),
    Column("p", "p", "count"),
    Column("test", "test", "count"),
)


def dataset_table(group: Group, summary: DatasetSummary | None, *, show_published: bool) -> Table:
    """Build table 1 from the summary, or what cells know of it: models and test photographs."""
    remarks: tuple[str, ...] = ()
    if summary is not None and group.data_id and summary.data_id != group.data_id:
        summary, remarks = None, (f"{DIFFERENT_DATA[0].upper()}{DIFFERENT_DATA[1:]}.",)
    rows = _from_summary(summary) if summary is not None else _from_cells(group)
    if show_published:
        rows = _beside(rows)
    known = summary.known if summary else max((c.dataset.known for c in group.cells), default=None)
    size = summary.size if summary else max((c.dataset.size for c in group.cells), default=None)
    caption = [
        "Photographs of each camera model in each set: q trains the attacker, p trains the examiner's"
        " targets, test is attacked. The sets share no device.",
    ]
    if known is not None and size is not None:
        caption.append(f"Models 1 to {known} are known to the attacker; {size} x {size} pixels.")
    if group.dataset or summary is None:
        caption.append(captions.setting(group))
    else:
        caption.append(f"Data set {summary.name} ({summary.data_id[:8]}).")
    if show_published:
        caption.append(captions.PUBLISHED)
    caption.append(captions.command("1", group, show_published))
    return Table(
        number="1",
        title="Photographs by camera model and set",
        caption=tuple(caption),
        corner="y",
        columns=COLUMNS,
        rows=tuple(rows),
        remarks=remarks,
        published=show_published,
        facts=group.facts,
    )


def _from_summary(summary: DatasetSummary) -> list[Row]:
    rows = []
    for c in summary.counts:
        q = Entry(None, UNKNOWN_MODEL) if c.y > summary.known and not c.q else Entry(c.q, NO_SUMMARY)
        rows.append(_row(str(c.y), Entry(c.camera_model), q, Entry(c.p), Entry(c.test)))
    totals = [
        sum(c.q or 0 for c in summary.counts),
        sum(c.p for c in summary.counts),
        sum(c.test for c in summary.counts),
    ]
    rows.append(_row("Total", Entry(""), *(Entry(n) for n in totals)))
    return rows


def _from_cells(group: Group) -> list[Row]:
    models: tuple[str, ...] = ()
    known = 0
    test: dict[int, int] = {}
    for cell in group.cells:
        models, known = cell.dataset.camera_models, cell.dataset.known
        for true, row in zip(cell.split.classes, cell.target.clean, strict=False):
            test[true] = sum(row)
    if not models:
        models = tuple("" for _ in published.dataset())
        known = sum(m.q is not None for m in published.dataset())
    rows = []
    for y, model in enumerate(models):
        q = Entry(None, NO_SUMMARY if y < known else UNKNOWN_MODEL)
        name = Entry(model) if model else Entry(None, NO_SUMMARY)
        rows.append(_row(str(y + 1), name, q, Entry(None, NO_SUMMARY), Entry(test.get(y), NO_SUMMARY)))
    whole = sum(test.values()) if len(test) == len(models) else None
    rows.append(_row("Total", Entry(""), Entry(None, NO_SUMMARY), Entry(None, NO_SUMMARY), Entry(whole, NO_SUMMARY)))
    return rows


def _row(label: str, *entries: Entry) -> Row:
    return Row(key=label, label=label, entries=tuple(entries), ranked=False)


def _beside(rows: list[Row]) -> list[Row]:
    """Set the paper's counts beside ours, row by row."""
    theirs: dict[str, tuple[Scalar, ...]] = {str(m.y): (m.camera_model, m.q, m.p, m.test) for m in published.dataset()}
    theirs["Total"] = (
        "",
        *(sum(getattr(m, s) or 0 for m in published.dataset()) for s in ("q", "p", "test")),
    )
    result = []
    for row in rows:
        found = theirs.get(row.key)
        if found is None:
            result.append(row)
            continue
        entries = tuple(
            Entry(e.value, e.missing, published=None if f == "" else (f, None))
            for e, f in zip(row.entries, found, strict=True)
        )
        result.append(_row(row.label, *entries))
    return result
