"""The leaderboard of the goal `erase`: how well examiners still tell cameras apart, and what that cost.

TSR has no part in it. Attacks that forge may stand in it, without a rank; controls show what nothing and noise do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from benchbench.contracts.task import TASKS, Metric
from benchbench.metrics import intervals, rates
from benchbench.metrics.ranks import ranks as ranks_of
from benchbench.metrics.samples import Sample, combine, sample
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.comparisons import NOT_MEASURED, measure_texts, measure_title
from benchbench.report.entries import UNCHANGED
from benchbench.report.formats import csv_text
from benchbench.report.groups import AttackRow, Group, attack_key, groups, mean_or_none
from benchbench.report.model import Column, Entry, Row, Scalar, Table
from benchbench.report.paper import examiners

SPLITS = ("in", "out")
ALIKE = 1.05
"""Mean absolute differences whose ratio is at most this are equal change."""
NOT_RANKED = "not every examiner has judged it"
NO_RIVAL = "only what erases has a rank here"
NOT_DEFINED = "not defined for these photographs"

Place = tuple[str, str]
"""(target, split)."""


def metric_of(cell: Cell) -> Metric | None:
    """Return the first metric of a cell's task; None where the task is not installed here."""
    return TASKS.create(cell.target.task).metrics[0] if cell.target.task in TASKS else None


def judged(group: Group) -> dict[tuple[str, str], dict[Place, Cell]]:
    """Return the cells of other tasks than classification: by attack, then by target and split."""
    found: dict[tuple[str, str], dict[Place, Cell]] = {}
    for cell in group.of_cameras.others:
        found.setdefault(attack_key(cell), {})[cell.target.name, cell.split.name] = cell
    return found


def places(group: Group) -> list[tuple[str, str, list[Place]]]:
    """Return (task, split, its examiners there) of all that the ranking averages over; each weighs the same.

    Only where the examiners can be right before any attack, and have judged something; photographs of other scenarios
    than `SPLITS` are no part of it.
    """
    found: dict[tuple[str, str], dict[Place, None]] = {}
    for cell in group.of_cameras.others:
        metric = metric_of(cell)
        if cell.target.name not in examiners() or metric is None or cell.split.name not in SPLITS:
            continue
        if not metric.undefined(cell.target.classes, cell.split.classes):
            key = (cell.target.task, cell.split.name)
            found.setdefault(key, {})[cell.target.name, cell.split.name] = None
    return [(task, split, sorted(mine)) for (task, split), mine in sorted(found.items(), reverse=True)]


def change(cells: Iterable[Cell], name: str = "l1") -> float | None:
    """Return the mean of a measure over the crafts of some cells, each once; None where one lacks it."""
    crafts = {cell.craft.craft_id: cell for cell in cells}
    return mean_or_none([rates.measure_mean(crafts[key], name) for key in sorted(crafts)])


def missed(cell: Cell) -> Sample | None:
    """Return how often an examiner is wrong, a number a photograph: the higher, the better for what erases."""
    metric = metric_of(cell)
    found = sample(cell, metric) if metric is not None else None
    return replace(found, values=found.full - found.values) if found is not None else None


def _samples(cells: dict[Place, Cell], wanted: Sequence[tuple[str, str, list[Place]]]) -> list[Sample] | None:
    """Return what each photograph adds to the mean error over tasks and splits; None where a cell is missing."""
    parts = []
    for _, _, mine in wanted:
        for place in mine:
            found = missed(cells[place]) if place in cells else None
            if found is None:
                return None
            parts.append((1 / (len(wanted) * len(mine)), found))
    return combine(parts) if parts else None


def _ranked(row: AttackRow) -> bool:
    return not row.control and (row.baseline or row.goal == "erase")


def erasing_table(group: Group) -> Table:
    """Build the leaderboard of what erases: rank, mean accuracy of examiners, by task and split, and the change."""
    cells, wanted = judged(group), places(group)
    rows = group.of_cameras.judged_attacks
    samples = [_samples(cells[row.name, row.params], wanted) for row in rows]
    changes = [change(cells[row.name, row.params].values()) for row in rows]

    def outranks(winner: int, loser: int) -> bool:
        mine, theirs = changes[winner], changes[loser]
        return mine is not None and theirs is not None and mine <= ALIKE * theirs

    ranked = [s if _ranked(row) else None for row, s in zip(rows, samples, strict=True)]
    ranks = ranks_of(ranked, outranks=outranks)
    measures = [
        *("l1", "psnr"),
        *sorted({n for c in group.of_cameras.others for n in c.craft.measures} - {"l1", "psnr", "ssim"}),
    ]
    made = []
    for row, own, rank in zip(rows, samples, ranks, strict=True):
        mine = cells[row.name, row.params]
        entries = [Entry(rank, NOT_RANKED if _ranked(row) else NO_RIVAL), _mean(own)]
        entries += [_of(mine, where) for _, _, where in wanted]
        for name in measures:
            for split in SPLITS:
                there = [c for c in mine.values() if c.split.name == split]
                why = (UNCHANGED if name == "psnr" else NOT_MEASURED) if there else captions.NO_CELL
                entries.append(Entry(change(there, name), why))
        made.append(Row(row.key, row.label, tuple(entries), block=row.goal, ranked=_ranked(row)))
    order = sorted(range(len(rows)), key=lambda i: (rows[i].control, not _ranked(rows[i]), *_order(made[i])))
    columns = [Column("rank", "Rank", "count"), Column("accuracy", "Accuracy", better="lower")]
    columns += [Column(f"{task}_{split}", f"{task} {split}", better="lower") for task, split, _ in wanted]
    columns += [
        Column(f"{name}_{split}", f"{measure_title(name)} {split}", "decibel" if name == "psnr" else "number")
        for name in measures
        for split in SPLITS
    ]
    names = sorted({target for _, _, mine in wanted for target, _ in mine})
    return Table(
        number="erasing",
        title="Leaderboard of what erases",
        caption=(
            "Accuracy of examiners in percent, lower is better: the mean over tasks and splits, each weighing the same "
            f"({', '.join(names) or 'none has judged anything'}). An attack ranks behind those that leave less "
            f"accuracy, beyond what photographs explain by chance, and change no more (L1 within {ALIKE:g} times).",
            *measure_texts(measures),
            captions.setting(group),
            captions.command("erasing", group, show_published=False),
        ),
        corner="Attack",
        columns=tuple(columns),
        rows=tuple(replace(made[i], block="") for i in order),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def _order(row: Row) -> tuple[float, float, str]:
    values = [e.value if isinstance(e.value, (int, float)) else float("inf") for e in row.entries[:2]]
    return float(values[0]), float(values[1]), row.key


def _mean(samples: list[Sample] | None) -> Entry:
    """Return the accuracy that samples of the error leave, with its interval."""
    found = intervals.rate_interval(samples) if samples is not None else None
    return Entry(1 - found.value, interval=(1 - found.high, 1 - found.low)) if found else Entry(None, NOT_RANKED)


def _of(cells: dict[Place, Cell], where: list[Place]) -> Entry:
    mine = [cells[place] for place in where if place in cells]
    if len(mine) < len(where):
        return Entry(None, captions.NO_CELL)
    parts = [found for cell in mine if (found := missed(cell)) is not None]
    if len(parts) < len(mine):
        return Entry(None, NOT_DEFINED)
    return _mean(combine((1 / len(parts), part) for part in parts))


def erasing_csv(cells: Iterable[Cell]) -> str:
    """Return the leaderboards of all groups as CSV, a row an attack: shares at full precision, empty is missing."""
    tables = [erasing_table(group) for group in groups(cells) if group.of_cameras.others]
    facts = list(dict.fromkeys(key for table in tables for key in table.facts))
    keys = list(dict.fromkeys(column.key for table in tables for column in table.columns))
    header = [*facts, "attack", "title"]
    for key in keys:
        header += [key, f"{key}_low", f"{key}_high"] if key == "accuracy" else [key]
    rows: list[dict[str, Scalar]] = []
    for table in tables:
        for row in table.rows:
            made: dict[str, Scalar] = {**table.facts, "attack": row.key, "title": row.label}
            for column, entry in zip(table.columns, row.entries, strict=True):
                made[column.key] = entry.value
                if column.key == "accuracy" and entry.interval is not None:
                    made["accuracy_low"], made["accuracy_high"] = entry.interval
            rows.append(made)
    return csv_text(header, rows)
