"""leaderboard.csv, a row an attack, data set, profile and condition; cells.csv, a row a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from benchbench import metrics
from benchbench.cell import Cell
from benchbench.identity import canonical_json
from benchbench.report import published
from benchbench.report.groups import AttackRow, Group, attack_key, groups, mean_or_none
from benchbench.report.model import Scalar, exact
from benchbench.report.success import SAME

SPLITS = ("in", "out")
SETTINGS = ("same_complete", "same_partial", "transfer_complete", "transfer_partial")
"""The paper's four: the evaluators' architecture or others, complete or partial overlap."""


def settings() -> dict[str, tuple[str, ...]]:
    """Return the names of the grid's targets, by setting."""
    found: dict[str, list[str]] = {name: [] for name in SETTINGS}
    for overlap, backbone, preprocessor in published.grid():
        kind = "same" if backbone == SAME else "transfer"
        found[f"{kind}_{overlap}"].append(published.target_name(overlap, backbone, preprocessor))
    return {name: tuple(targets) for name, targets in found.items()}


def _columns() -> list[str]:
    head = [
        "dataset",
        "data_id",
        "profile",
        "condition",
        "protocol",
        "attack",
        "version",
        "params",
        "title",
        "knowledge",
    ]
    head += [
        "control",
        "tsr",
        "usr",
        "psnr_in",
        "psnr_out",
        "unchanged_in",
        "unchanged_out",
        "cells",
        "cells_in_grid",
    ]
    for setting in SETTINGS:
        for split in SPLITS:
            head.append(f"tsr_{setting}_{split}")
            if not (setting.endswith("complete") and split == "out"):
                head.append(f"usr_{setting}_{split}")
            head.append(f"targets_{setting}_{split}")
    return head


LEADERBOARD_COLUMNS = tuple(_columns())


def leaderboard_rows(group: Group) -> list[dict[str, Scalar]]:
    """Return one row an attack, best mean TSR first, controls last.

    A mean is over all targets of its setting or it is missing; `targets_...` says how many were scored. `tsr`
    and `usr` are the means over the settings and splits where they are defined (8 and 6), each weighing the same.
    """
    return sorted((_row(group, attack) for attack in group.attacks), key=_order)


def _order(row: dict[str, Scalar]) -> tuple[bool, bool, float, str, str]:
    tsr = row["tsr"]
    score = -tsr if isinstance(tsr, float) else 0.0
    return row["control"] == "true", tsr is None, score, str(row["attack"]), str(row["params"])


def _row(group: Group, attack: AttackRow) -> dict[str, Scalar]:
    first = (group.of(attack, "in") + group.of(attack, "out"))[0].attack
    row: dict[str, Scalar] = dict.fromkeys(LEADERBOARD_COLUMNS)
    row |= {
        "dataset": group.dataset,
        "data_id": group.data_id,
        "profile": group.profile,
        "condition": group.condition,
        "protocol": group.protocol,
        "attack": attack.name,
        "version": first.version,
        "params": attack.params,
        "title": first.title,
        "knowledge": first.knowledge,
        "control": "true" if attack.control else "false",
        "cells": 0,
        "cells_in_grid": 2 * len(published.grid()),
    }
    means: dict[str, list[float | None]] = {"tsr": [], "usr": []}
    scored = 0
    for setting, targets in settings().items():
        for split in SPLITS:
            cells = [c for name in targets if (c := group.cell(attack, name, split)) is not None]
            scored += len(cells)
            row[f"targets_{setting}_{split}"] = len(cells)
            for rate, of in (("tsr", metrics.tsr), ("usr", metrics.usr)):
                key = f"{rate}_{setting}_{split}"
                if key in row:
                    whole = len(cells) == len(targets)
                    row[key] = value = mean_or_none([of(c) for c in cells]) if whole else None
                    means[rate].append(value)
    row["cells"] = scored
    row["tsr"], row["usr"] = mean_or_none(means["tsr"]), mean_or_none(means["usr"])
    for split in SPLITS:
        value, unchanged, made = group.psnr(attack, split)
        row[f"psnr_{split}"] = value
        row[f"unchanged_{split}"] = unchanged if made else None
    return row


def leaderboard_csv(cells: Iterable[Cell]) -> str:
    """Return the leaderboard of all cells as CSV: rates are fractions at full precision, empty is missing."""
    rows = [row for group in groups(cells) for row in leaderboard_rows(group)]
    return _csv(LEADERBOARD_COLUMNS, rows)


CELL_COLUMNS = (
    *(
        "dataset",
        "data_id",
        "profile",
        "condition",
        "protocol",
        "attack",
        "attack_version",
        "params",
        "knowledge",
    ),
    *(
        "control",
        "target",
        "target_version",
        "target_params",
        "backbone",
        "preprocessor",
        "overlap",
        "split",
        "images",
    ),
    *("trials", "tsr", "usr", "psnr", "changed", "unchanged", "clipped", "target_calls", "clean_accuracy"),
    *("fingerprint", "craft_id", "cell_id"),
)


def cell_row(cell: Cell) -> dict[str, Scalar]:
    """Return the tidy row of one cell."""
    name, params = attack_key(cell)
    return {
        "dataset": cell.dataset.name,
        "data_id": cell.dataset.data_id,
        "profile": cell.profile,
        "condition": str(cell.protocol.get("condition", "uint8")),
        "protocol": canonical_json(cell.protocol),
        "attack": name,
        "attack_version": cell.attack.version,
        "params": params,
        "knowledge": cell.attack.knowledge,
        "control": "true" if cell.attack.control else "false",
        "target": cell.target.name,
        "target_version": cell.target.version,
        "target_params": canonical_json(cell.target.params),
        "backbone": cell.target.backbone,
        "preprocessor": cell.target.preprocessor,
        "overlap": cell.target.overlap,
        "split": cell.split.name,
        "images": cell.split.images,
        "trials": sum(sum(sum(predicted) for predicted in wanted) for wanted in cell.counts),
        "tsr": metrics.tsr(cell),
        "usr": metrics.usr(cell),
        "psnr": metrics.psnr_mean(cell),
        "changed": sum(cell.craft.psnr_images),
        "unchanged": sum(cell.craft.identical),
        "clipped": cell.craft.clipped,
        "target_calls": cell.craft.target_calls,
        "clean_accuracy": metrics.clean_accuracy(cell),
        "fingerprint": cell.split.fingerprint,
        "craft_id": cell.craft.craft_id,
        "cell_id": cell.cell_id,
    }


_CELL_ORDER = ("dataset", "profile", "condition", "attack", "params", "target", "split", "cell_id")


def cells_csv(cells: Iterable[Cell]) -> str:
    """Return every cell as a row of CSV, superseded ones too; rates are fractions at full precision."""
    rows = [cell_row(c) for c in cells]
    return _csv(CELL_COLUMNS, sorted(rows, key=lambda r: tuple(str(r[k]) for k in _CELL_ORDER)))


def _csv(columns: Sequence[str], rows: Iterable[dict[str, Scalar]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([exact(row[c]) for c in columns])
    return out.getvalue()
