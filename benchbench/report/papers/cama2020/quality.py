"""Table 6: PSNR by attack; and the table of the targets' clean accuracies."""

from __future__ import annotations

from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.entries import NO_PSNR, PARTIAL_MEAN, UNCHANGED
from benchbench.report.groups import AttackRow, Group, mean, mean_or_none
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.words import BACKBONES, LABELS, PREPROCESSORS


def psnr_table(group: Group, *, show_published: bool) -> Table:
    """Build table 6, a row an attack. Nothing is bold: PSNR is the budget that attacks are set to."""
    theirs = published.psnr()
    ran = {a.name for a in group.attacks}
    rows_wanted = [
        *(AttackRow(n, "", LABELS.get(n, n)) for n in theirs if n not in ran),
        *group.attacks,
    ]
    rank = {name: i for i, name in enumerate(theirs)}
    rows_wanted.sort(key=lambda a: (*a.apart, rank.get(a.name, len(rank))))
    columns = (Column("in", "In", "decibel"), Column("out", "Out", "decibel"))
    rows, remarks = [], list(captions.left_out(group))
    for attack in rows_wanted:
        entries = []
        for i, split in enumerate(("in", "out")):
            value, unchanged, made = group.psnr(attack, split)
            missing = NO_PSNR
            if unchanged == made:
                missing = UNCHANGED if made else captions.NO_CELL
            figure = theirs.get(attack.name)
            entries.append(Entry(value, missing, published=(figure[i], None) if show_published and figure else None))
            if 0 < unchanged < made:
                remarks.append(f"{attack.label}, {split}: {unchanged} of {made} images are unchanged, not in the mean.")
        rows.append(Row(attack.key, attack.label, tuple(entries), ranked=attack.ranked))
    what = (
        "Mean peak signal-to-noise ratio in dB between attacked and original photographs, in- and"
        " out-of-distribution: per image, then per wanted class, then over classes."
    )
    return Table(
        number="6",
        title="Distortion",
        caption=captions.of_both_splits(what, "6", group, show_published),
        corner="Attack",
        columns=columns,
        rows=tuple(rows),
        remarks=tuple(remarks),
        published=show_published,
        facts=group.facts,
    )


def clean_accuracy(cells: list[Cell]) -> float | None:
    """Return the accuracy of one target on its unattacked test photographs, averaged over camera models.

    Each split counts once. Camera models that the target has no class for are left out: it cannot be right
    about them.
    """
    shares = []
    for cell in {c.split.name: c for c in cells}.values():
        for true, row in zip(cell.split.classes, cell.target.clean, strict=True):
            if true < cell.target.classes:
                if not sum(row):
                    return None
                shares.append(row[true] / sum(row))
    return mean(shares) if shares else None


def clean_table(group: Group, *, show_published: bool = False) -> Table:
    """Build the table of clean accuracies, with mean and minimum of each row and of each label set."""
    by_target: dict[str, list[Cell]] = {}
    for cell in group.cells:
        by_target.setdefault(cell.target.name, []).append(cell)
    grid = published.grid()
    preprocessors = tuple(dict.fromkeys(p for _, _, p in grid))
    columns = (
        *(Column(p, PREPROCESSORS.get(p, p)) for p in preprocessors),
        Column("mean", "Mean"),
        Column("min", "Min"),
    )
    rows: list[Row] = []
    half: list[str] = []
    for overlap in dict.fromkeys(o for o, _, _ in grid):
        block: list[tuple[Entry, ...]] = []
        for backbone in dict.fromkeys(b for o, b, _ in grid if o == overlap):
            entries = []
            for preprocessor in preprocessors:
                name = published.target_name(overlap, backbone, preprocessor)
                entries.append(_accuracy(by_target.get(name, [])))
                splits = {c.split.name for c in by_target.get(name, [])}
                if overlap == "partial" and len(splits) == 1:
                    half.append(f"{name} ({splits.pop()} only)")
            rows.append(_clean_row(backbone, BACKBONES.get(backbone, backbone), entries, overlap))
            block.append(tuple(entries))
        over_backbones = [_mean([r[j] for r in block]) for j in range(len(preprocessors))]
        flat = [e for r in block for e in r]
        rows.append(Row("mean", "Mean", (*over_backbones, _mean(flat), _least(flat)), block=overlap, ranked=False))
    known = {published.target_name(*t) for t in grid}
    for name in sorted(set(by_target) - known):
        found = _accuracy(by_target[name])
        blank = tuple(Entry("") for _ in preprocessors)
        rows.append(Row(name, name, (*blank, found, found), block="other", ranked=False))
    remarks = list(captions.left_out(group))
    if half:
        remarks.append(f"On one split alone, because no cell of the other is there yet: {', '.join(half)}.")
    return Table(
        number="clean",
        title="Clean accuracy of the targets",
        caption=(
            "Accuracy in percent on unattacked test photographs: of the known camera models for complete"
            " overlap, of all for partial overlap.",
            captions.setting(group),
            captions.command("clean", group, show_published),
        ),
        corner="Backbone",
        columns=columns,
        rows=tuple(rows),
        block_title="Overlap",
        remarks=tuple(remarks),
        facts=group.facts,
    )


def _accuracy(cells: list[Cell]) -> Entry:
    return Entry(clean_accuracy(cells), captions.NO_CELL)


def _clean_row(key: str, label: str, entries: list[Entry], overlap: str) -> Row:
    return Row(key, label, (*entries, _mean(entries), _least(entries)), block=overlap, ranked=False)


def _values(entries: list[Entry]) -> list[float | None]:
    return [float(e.value) if isinstance(e.value, (int, float)) else None for e in entries]


def _mean(entries: list[Entry]) -> Entry:
    return Entry(mean_or_none(_values(entries)), _why(entries))


def _least(entries: list[Entry]) -> Entry:
    values = _values(entries)
    known = [v for v in values if v is not None]
    return Entry(min(known) if len(known) == len(values) else None, _why(entries))


def _why(entries: list[Entry]) -> str:
    reasons = {e.missing for e in entries}
    return reasons.pop() if len(reasons) == 1 else PARTIAL_MEAN
