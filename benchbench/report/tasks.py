"""The table of tasks beside classification: a row a target and attack, a column a metric and split."""

from __future__ import annotations

from benchbench.contracts.task import TASKS, Metric
from benchbench.metrics.intervals import metric_interval
from benchbench.metrics.samples import value_of
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.groups import Group, attack_key
from benchbench.report.model import Column, Entry, Row, Table

NOT_INSTALLED = "the task is not installed here"
NOT_DEFINED = "not defined for these photographs"


def tasks_table(group: Group) -> Table:
    """Build the table of what targets of other tasks answered, each metric with its interval."""
    metrics: dict[tuple[str, str], Metric] = {}
    missing: set[str] = set()
    for task in sorted({cell.target.task for cell in group.others}):
        if task in TASKS:
            metrics |= {(task, metric.key): metric for metric in TASKS.create(task).metrics}
        else:
            missing.add(task)
    # A detector's splits are not a verification's: each task has columns of its own alone.
    splits = {task: sorted({c.split.name for c in group.others if c.target.task == task}) for task, _ in metrics}
    columns = tuple(
        Column(f"{task}_{key}_{split}", f"{metric.title} {split}", "rate" if metric.unit == "%" else "number")
        for (task, key), metric in metrics.items()
        for split in splits[task]
    )
    places: dict[tuple[str, str, tuple[str, str]], dict[str, Cell]] = {}
    for cell in group.others:
        places.setdefault((cell.target.task, cell.target.name, attack_key(cell)), {})[cell.split.name] = cell
    labels = {(a.name, a.params): a.label for a in group.judged_attacks}
    rows = []
    for (task, target, (name, params)), cells in sorted(places.items()):
        entries = [
            _entry(cells.get(split), metric if mine == task else None, task in missing)
            for (mine, _), metric in metrics.items()
            for split in splits[mine]
        ]
        label = labels[name, params]
        rows.append(Row(f"{name} {params}", label, tuple(entries), block=f"{target} ({task})", ranked=False))
    return Table(
        number="tasks",
        title="Other tasks",
        caption=(
            "What targets of other tasks than classification answered, by their metrics: "
            + ("; ".join(f"{m.title} is {m.text}" for m in metrics.values()) or "there is none")
            + ".",
            captions.setting(group),
            captions.command("tasks", group, show_published=False),
        ),
        corner="Attack",
        columns=columns,
        rows=tuple(rows),
        block_title="Target",
        remarks=(
            *captions.left_out(group),
            *(f"Task '{task}' is not installed here, so its numbers are not shown." for task in sorted(missing)),
        ),
        facts=group.facts,
    )


def _entry(cell: Cell | None, metric: Metric | None, absent: bool) -> Entry:
    if metric is None:
        return Entry(None, NOT_INSTALLED) if absent else Entry("")
    if cell is None:
        return Entry(None, captions.NO_CELL)
    value = value_of(cell, metric)
    if value is None:
        return Entry(None, metric.undefined(cell.target.classes, cell.split.classes) or NOT_DEFINED)
    found = metric_interval([cell], metric)
    return Entry(value, interval=(found.low, found.high) if found is not None else None)
