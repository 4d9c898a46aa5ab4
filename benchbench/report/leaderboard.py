"""leaderboard.csv, a row an attack, data set, profile and condition; cells.csv, a row a cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

import numpy as np

from benchbench.contracts.task import TASKS, Metric
from benchbench.metrics import intervals, rates
from benchbench.metrics.ranks import ranks as ranks_of
from benchbench.metrics.samples import Rate, Sample, value_of
from benchbench.records.cell import CLASSIFICATION, Cell
from benchbench.report import means
from benchbench.report.formats import csv_text
from benchbench.report.groups import AttackRow, Group, attack_key, groups, mean_or_none, track
from benchbench.report.model import Scalar
from benchbench.report.paper import grid, settings

SPLITS = ("in", "out")
RATES: tuple[Rate, ...] = ("tsr", "usr")


@cache
def leaderboard_columns() -> tuple[str, ...]:
    """Return the columns of leaderboard.csv; the last are of the settings of the papers that are installed here."""
    head = [
        "dataset",
        "data_id",
        "profile",
        "condition",
        "budget",
        "seed",
        "protocol",
        "attack",
        "version",
        "params",
        "title",
        "knowledge",
    ]
    head += [
        "control",
        "baseline",
        "rank",
        "tsr",
        "tsr_low",
        "tsr_high",
        "usr",
        "usr_low",
        "usr_high",
        "share_of_limit",
        "share_of_limit_low",
        "share_of_limit_high",
        "seeds",
        "tsr_seeds_mean",
        "tsr_seeds_sd",
        *(f"{what}_{split}" for what in ("psnr", "unchanged", "ssim", "l1", "own_evaluator") for split in SPLITS),
        "cells",
        "cells_in_grid",
    ]
    for setting in settings():
        for split in SPLITS:
            head.append(f"tsr_{setting.name}_{split}")
            if rates.usr_is_defined(setting.overlap, split):
                head.append(f"usr_{setting.name}_{split}")
            head.append(f"targets_{setting.name}_{split}")
    return tuple(head)


def leaderboard_rows(group: Group) -> list[dict[str, Scalar]]:
    """Return one row an attack, best mean TSR first, then limits, controls and plain filters.

    A mean is over all targets of its setting or it is missing; `targets_...` says how many were scored. `tsr`
    and `usr` are the means over the settings and splits where they are defined (8 and 6), each weighing the same;
    `_low` and `_high` are their 95 % intervals. `rank` counts the attacks that are better by more than a paired
    comparison on the same photographs explains, so that attacks may share it. `share_of_limit` is TSR by that of the
    attack that knows the scene, at `LIMIT_PSNR`, where it was run against the same targets.
    """
    if group.whole is not None:
        shown = {(attack.name, attack.params) for attack in group.attacks}
        return [row for row in leaderboard_rows(group.whole) if (row["attack"], row["params"]) in shown]
    if "leaderboard" not in group.derived:
        group.derived["leaderboard"] = _rows(group)
    found: list[dict[str, Scalar]] = group.derived["leaderboard"]
    return [dict(row) for row in found]


def _rows(group: Group) -> list[dict[str, Scalar]]:
    samples = {attack.key: _samples(group, attack, "tsr") for attack in group.attacks}
    rivals = [attack.key for attack in group.attacks if attack.ranked]
    places = dict(zip(rivals, ranks_of([samples[key] for key in rivals]), strict=True))
    limit = samples[group.limit.key] if group.limit is not None else None
    rows = []
    for attack in group.attacks:
        row = _row(group, attack)
        mine = samples[attack.key]
        share = intervals.ratio(mine, limit) if mine and limit and not attack.limit else None
        if share is not None:
            row |= {"share_of_limit": share.value, "share_of_limit_low": share.low, "share_of_limit_high": share.high}
        row["rank"] = places.get(attack.key)
        for rate in RATES:
            found = samples[attack.key] if rate == "tsr" else _samples(group, attack, rate)
            estimate = intervals.rate_interval(found) if found is not None and row[rate] is not None else None
            if estimate is not None:
                row[f"{rate}_low"], row[f"{rate}_high"] = estimate.low, estimate.high
        rows.append(row)
    return sorted(rows, key=_order)


def _samples(group: Group, attack: AttackRow, rate: Rate) -> list[Sample] | None:
    """Return what each photograph adds to an attack's mean rate, or None where a cell of the grid is missing."""
    places = [
        [group.cell(attack, name, split) for name in setting.targets]
        for setting in settings()
        for split in SPLITS
        if rate == "tsr" or rates.usr_is_defined(setting.overlap, split)
    ]
    whole = [cell for cells in places for cell in cells if cell is not None]
    return means.samples(whole, rate) if len(whole) == sum(len(cells) for cells in places) else None


def _order(row: dict[str, Scalar]) -> tuple[bool, bool, bool, bool, float, str, str]:
    tsr = row["tsr"]
    score = -tsr if isinstance(tsr, float) else 0.0
    return (
        row["control"] == "true" and row["knowledge"] != "oracle",
        row["baseline"] == "true",
        row["knowledge"] == "oracle",
        tsr is None,
        score,
        str(row["attack"]),
        str(row["params"]),
    )


def _row(group: Group, attack: AttackRow) -> dict[str, Scalar]:
    first = (group.of(attack, "in") + group.of(attack, "out"))[0].attack
    row: dict[str, Scalar] = dict.fromkeys(leaderboard_columns())
    row |= {
        "dataset": group.dataset,
        "data_id": group.data_id,
        "profile": group.profile,
        "condition": group.condition,
        "budget": group.track,
        "seed": group.seed,
        "protocol": group.protocol,
        "attack": attack.name,
        "version": first.version,
        "params": attack.params,
        "title": first.title,
        "knowledge": first.knowledge,
        "control": "true" if attack.control else "false",
        "baseline": "true" if attack.baseline else "false",
        "cells": 0,
        "cells_in_grid": len(SPLITS) * len(grid()),
    }
    means: dict[str, list[float | None]] = {"tsr": [], "usr": []}
    scored = 0
    for setting in settings():
        for split in SPLITS:
            cells = [c for name in setting.targets if (c := group.cell(attack, name, split)) is not None]
            scored += len(cells)
            row[f"targets_{setting.name}_{split}"] = len(cells)
            for rate, of in (("tsr", rates.tsr), ("usr", rates.usr)):
                key = f"{rate}_{setting.name}_{split}"
                if key in row:
                    whole = len(cells) == len(setting.targets)
                    row[key] = value = mean_or_none([of(c) for c in cells]) if whole else None
                    means[rate].append(value)
    row["cells"] = scored
    row["tsr"], row["usr"] = mean_or_none(means["tsr"]), mean_or_none(means["usr"])
    for split in SPLITS:
        value, unchanged, made = group.psnr(attack, split)
        row[f"psnr_{split}"] = value
        row[f"unchanged_{split}"] = unchanged if made else None
        row[f"ssim_{split}"], row[f"l1_{split}"] = group.similarity(attack, split)
        row[f"own_evaluator_{split}"] = group.surrogate(attack, split)
    return row


def leaderboard_csv(cells: Iterable[Cell]) -> str:
    """Return the leaderboard of all cells as CSV: rates are fractions at full precision, empty is missing."""
    return csv_text(leaderboard_columns(), all_rows(groups(cells)))


def all_rows(found: Iterable[Group]) -> list[dict[str, Scalar]]:
    """Return the leaderboard's rows of all groups; rows that differ in their seed alone share the spread over seeds."""
    rows = [row for group in found for row in leaderboard_rows(group)]
    alike: dict[tuple[Scalar, ...], list[tuple[Scalar, float]]] = {}
    for row in rows:
        if isinstance(row["tsr"], float):
            alike.setdefault(_but_seed(row), []).append((row["seed"], row["tsr"]))
    for row in rows:
        values = alike.get(_but_seed(row), [])
        seeds = {seed for seed, _ in values}
        # Several rows of one seed differ in something that no column says, such as the pixels: no spread over seeds.
        row["seeds"] = len(seeds)
        if len(values) == len(seeds) > 1:
            row["tsr_seeds_mean"] = mean_or_none([tsr for _, tsr in values])
            row["tsr_seeds_sd"] = float(np.std(sorted(tsr for _, tsr in values), ddof=1))
    return rows


def _but_seed(row: dict[str, Scalar]) -> tuple[Scalar, ...]:
    protocol = {key: value for key, value in json.loads(str(row["protocol"])).items() if key != "seed"}
    same = (row[k] for k in ("dataset", "data_id", "profile", "attack", "version", "params"))
    return *same, json.dumps(protocol, sort_keys=True)


CELL_COLUMNS = (
    *(
        "dataset",
        "data_id",
        "profile",
        "condition",
        "budget",
        "seed",
        "protocol",
        "attack",
        "attack_version",
        "params",
        "knowledge",
    ),
    *(
        "control",
        "baseline",
        "goal",
        "target",
        "task",
        "target_version",
        "target_params",
        "backbone",
        "preprocessor",
        "overlap",
        "split",
        "images",
    ),
    *("trials", "tsr", "tsr_low", "tsr_high", "usr", "usr_low", "usr_high"),
    *("psnr", "ssim", "l1", "own_evaluator", "changed", "unchanged", "clipped", "target_calls", "clean_accuracy"),
    *("fingerprint", "craft_id", "cell_id"),
)


def cell_columns(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the columns of these cells: CELL_COLUMNS, then measures and other tasks' metrics that some have."""
    cells = list(cells)
    measures = {_measure(name) for cell in cells for name in cell.craft.measures}
    metrics = {name for task in {cell.target.task for cell in cells} for name in _metrics(task)}
    return (*CELL_COLUMNS, *sorted((measures | metrics).difference(CELL_COLUMNS)))


def _measure(name: str) -> str:
    """Return a measure's column: a stranger's may have the name of another."""
    return f"measure_{name}" if name in CELL_COLUMNS and name not in ("psnr", "ssim", "l1") else name


def _metrics(task: str) -> dict[str, Metric]:
    """Return the metrics of a task by column; none of classification, nor of a task that is not installed here."""
    known = task != CLASSIFICATION and task in TASKS
    return {f"{task}_{metric.key}": metric for metric in TASKS.create(task).metrics} if known else {}


def setting(cell: Cell) -> dict[str, Scalar]:
    """Return what a row says first: of which photographs a cell is, and how they were shown."""
    return {
        "dataset": cell.dataset.name,
        "data_id": cell.dataset.data_id,
        "profile": cell.profile,
        "condition": str(cell.protocol.get("condition", "uint8")),
        "budget": track(cell.protocol),
        "seed": int(cell.protocol.get("seed", 0)),
    }


def cell_row(cell: Cell) -> dict[str, Scalar]:
    """Return the tidy row of one cell."""
    name, params = attack_key(cell)
    row: dict[str, Scalar] = {_measure(measure): rates.measure_mean(cell, measure) for measure in cell.craft.measures}
    row |= {column: value_of(cell, metric) for column, metric in _metrics(cell.target.task).items()}
    for rate in RATES:
        found = intervals.mean_rate([cell], rate)
        row |= {f"{rate}_low": found.low if found else None, f"{rate}_high": found.high if found else None}
    row |= setting(cell)
    return row | {
        "protocol": cell.protocol_json,
        "attack": name,
        "attack_version": cell.attack.version,
        "params": params,
        "knowledge": cell.attack.knowledge,
        "control": "true" if cell.attack.control else "false",
        "baseline": "true" if cell.attack.baseline else "false",
        "goal": cell.attack.goal,
        "target": cell.target.name,
        "task": cell.target.task,
        "target_version": cell.target.version,
        "target_params": cell.target.key[1],
        "backbone": cell.target.backbone,
        "preprocessor": cell.target.preprocessor,
        "overlap": cell.target.overlap,
        "split": cell.split.name,
        "images": cell.split.images,
        "trials": len(cell.judged.true),
        "tsr": rates.tsr(cell),
        "usr": rates.usr(cell),
        "psnr": rates.psnr_mean(cell),
        "ssim": rates.ssim_mean(cell),
        "l1": rates.l1_mean(cell),
        "own_evaluator": rates.own_evaluator(cell),
        "changed": sum(rates.changed_images(cell)),
        "unchanged": sum(cell.craft.identical),
        "clipped": cell.craft.clipped,
        "target_calls": cell.craft.target_calls,
        "clean_accuracy": rates.clean_accuracy(cell),
        "fingerprint": cell.split.fingerprint,
        "craft_id": cell.craft.craft_id,
        "cell_id": cell.cell_id,
    }


def _cell_order(cell: Cell) -> tuple[str, ...]:
    """Return what rows are sorted by: data set, profile, condition, budget, seed, attack, target, split."""
    protocol = cell.protocol
    of_protocol = (str(protocol.get("condition", "uint8")), track(protocol), str(int(protocol.get("seed", 0))))
    return (
        cell.dataset.name,
        cell.profile,
        *of_protocol,
        *attack_key(cell),
        cell.target.name,
        cell.split.name,
        cell.cell_id,
    )


def cells_csv(cells: Iterable[Cell]) -> str:
    """Return every cell as a row of CSV, superseded ones too; rates are fractions at full precision.

    Measures beside PSNR, SSIM and L1 and the metrics of tasks other than classification are columns at the end.
    """
    ordered = sorted(cells, key=_cell_order)
    rows = (cell_row(cell) for cell in ordered)  # one at a time: all together they take more than the cells
    return csv_text(cell_columns(ordered), rows)
