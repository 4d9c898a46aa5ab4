"""Figures from cells: confusion heat maps, TSR against PSNR. They need neither torch, nor a plugin, nor photographs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchbench.base.errors import BenchError, StoreError
from benchbench.metrics import intervals, rates
from benchbench.records.cell import Cell
from benchbench.report.erasing import erasing_table
from benchbench.report.groups import AttackRow, Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure, in inches, and its axes row by row; it needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).ravel())


def check_place(path: Path) -> None:
    """Refuse, before long work, a place where `save` could write no picture.

    Raises:
        StoreError: the folder cannot be made or written to, or matplotlib has no such format.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise StoreError(f"'{path}' cannot be written: '{path.suffix}' is none of .{', .'.join(known)}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise StoreError(f"'{path}' cannot be written: {error.strerror or error}.") from error


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that its suffix names.

    Raises:
        StoreError: the file cannot be written, or matplotlib has no such format.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise StoreError(f"'{path}' cannot be written: {getattr(error, 'strerror', None) or error}.") from error


def confusion(cells: Sequence[Cell]) -> Figure:
    """Draw a heat map a cell: the share of photographs by wanted (down) and predicted (across) camera model.

    Args:
        cells: of one attack and one target, a split each.
    """
    models = cells[0].dataset.camera_models
    classes, known = cells[0].target.classes, cells[0].dataset.known
    figure, axes = new_figure(1.2 + len(cells) * (0.42 * classes + 1.4), 1.8 + 0.42 * known + 1.1, 1, len(cells))
    for cell, axis in zip(cells, axes, strict=True):
        table = cell.counts.sum(axis=0).astype(np.float64)
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        image = axis.imshow(share, vmin=0, vmax=1, cmap="cividis")
        axis.set_xticks(range(classes), models[:classes], rotation=90, fontsize=7)
        axis.set_yticks(range(known), models[:known], fontsize=7)
        asked = table.sum(axis=1) > 0
        for (i, j), value in np.ndenumerate(share):
            if not asked[i]:  # no photograph was wanted as this model: there is no share
                continue
            color = "black" if value > 0.55 else "white"
            axis.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=6, color=color)
        rate = rates.tsr(cell)
        axis.set_title(
            f"{cell.split.name}, TSR {100 * rate:.1f} %" if rate is not None else cell.split.name, fontsize=9
        )
        axis.set_xlabel("predicted", fontsize=8)
        axis.set_ylabel("wanted", fontsize=8)
    figure.colorbar(image, ax=axes, shrink=0.7, label="share of photographs")
    figure.suptitle(f"{cells[0].attack.title} against {cells[0].target.name}", fontsize=10)
    return figure


@dataclass(frozen=True)
class Point:
    """One place of a curve."""

    psnr: float
    """dB, as reached."""
    estimate: intervals.Estimate
    cells: int


def curves(found: Sequence[Group], condition: str) -> dict[str, list[Point]]:
    """Return mean TSR against PSNR for each attack that has been judged under at least two budgets.

    The mean is over the targets and splits that all budgets of the attack have; PSNR is the mean that was reached,
    since a photograph that did not change cannot be rescaled.

    Args:
        found: groups of the same photographs, profile and seed.
        condition: the one that is drawn.
    """
    levels = [g for g in found if g.condition == condition and g.track != "native"]
    attacks: dict[str, AttackRow] = {a.key: a for g in levels for a in g.attacks}
    made: dict[str, list[Point]] = {}
    for attack in attacks.values():
        mine = [g for g in levels if g.of(attack, "in") or g.of(attack, "out")]
        places = [{(c.target.name, c.split.name) for s in ("in", "out") for c in g.of(attack, s)} for g in mine]
        shared = sorted(set.intersection(*places)) if len(mine) > 1 else []
        points = []
        for group in mine:
            cells = [c for name, split in shared if (c := group.cell(attack, name, split)) is not None]
            reached = [p for c in cells if (p := rates.psnr_mean(c)) is not None]
            estimate = intervals.mean_rate(cells, "tsr")
            if estimate is not None and reached:
                points.append(Point(float(np.mean(reached)), estimate, len(cells)))
        if len(points) > 1:
            made[attack.label] = sorted(points, key=lambda point: point.psnr)
    return made


def curve(found: Sequence[Group], condition: str = "uint8") -> Figure:
    """Draw TSR against PSNR with 95 % bands.

    Raises:
        BenchError: no attack has been judged under two budgets.
    """
    made = curves(found, condition)
    if not made:
        raise BenchError(
            f"no attack has cells under two budgets with condition '{condition}'; for example: bench run --attack cama "
            "--targets 'resnet18/*/complete' --budget 25,30,35,40,45,50"
        )
    figure, (axis,) = new_figure(7, 4.6)
    for label, points in made.items():
        x = [p.psnr for p in points]
        (line,) = axis.plot(x, [100 * p.estimate.value for p in points], marker="o", label=label)
        low, high = ([100 * getattr(p.estimate, end) for p in points] for end in ("low", "high"))
        axis.fill_between(x, low, high, alpha=0.18, color=line.get_color(), linewidth=0)
    group = found[0]
    cells = {p.cells for points in made.values() for p in points}
    axis.set_xlabel("PSNR of the photographs that attackers hand over, dB")
    axis.set_ylabel("mean TSR, %")
    axis.set_ylim(0, 100)
    axis.set_title(
        f"{group.dataset}, profile {group.profile}, condition {condition}, "
        f"{' or '.join(map(str, sorted(cells)))} cells a point",
        fontsize=9,
    )
    axis.grid(alpha=0.3)
    axis.legend()
    return figure


def erasing_curves(group: Group) -> dict[str, list[tuple[float, intervals.Estimate]]]:
    """Return (L1, accuracy of the examiners) of each attack, one point for each set of its parameters, by L1.

    An attack that was run at several strengths, or any other numbers, is a curve; one with another switch set is
    another. The ranking's own mean is drawn.
    """
    table = erasing_table(group)
    names = _curve_names([row for row in group.of_cameras.judged_attacks if not row.control])
    made: dict[str, list[tuple[float, intervals.Estimate]]] = {}
    for row in table.rows:
        value, between = table.entry(row.key, "accuracy").value, table.entry(row.key, "accuracy").interval
        changes = [e.value for c, e in zip(table.columns, row.entries, strict=True) if c.key in ("l1_in", "l1_out")]
        known = [float(v) for v in changes if isinstance(v, (int, float))]
        if row.key in names and isinstance(value, (int, float)) and between is not None and known:
            point = (float(np.mean(known)), intervals.Estimate(float(value), *between))
            made.setdefault(names[row.key], []).append(point)
    return {name: sorted(points, key=lambda point: point[0]) for name, points in made.items()}


def _curve_names(rows: Sequence[AttackRow]) -> dict[str, str]:
    """Return the curve that each row belongs to, by key: its name, and switches that are set as in few of that name."""
    switches = {
        row.key: {k: v for k, v in json.loads(row.params or "{}").items() if isinstance(v, (bool, str))} for row in rows
    }
    usual: dict[tuple[str, str], Counter[bool | str]] = {}
    for row in rows:
        for name, value in switches[row.key].items():
            usual.setdefault((row.name, name), Counter())[value] += 1
    made = {}
    for row in rows:
        own = [
            f"{name}={json.dumps(value)}"
            for name, value in switches[row.key].items()
            if value != usual[row.name, name].most_common(1)[0][0]
        ]
        made[row.key] = f"{row.name} [{', '.join(own)}]" if own else row.name
    return made


def erasing_curve(group: Group) -> Figure:
    """Draw what accuracy examiners keep against how much was changed: the lower and the further left, the better.

    Raises:
        BenchError: no examiner of traces has judged an attack.
    """
    made = erasing_curves(group)
    if not made:
        raise BenchError("no attack has been judged by all examiners of traces; `bench table erasing` says what lacks.")
    figure, (axis,) = new_figure(8.4, 4.6)
    for place, (name, points) in enumerate(made.items()):
        x, y = [p[0] for p in points], [100 * p[1].value for p in points]
        below, above = ([100 * abs(p[1].value - getattr(p[1], end)) for p in points] for end in ("low", "high"))
        mark = "osDv^"[place // 10 % 5]  # ten colors: what comes after them has other marks
        axis.errorbar(x, y, yerr=[below, above], marker=mark, markersize=4, capsize=2, linewidth=1, label=name)
    axis.set_xscale("log")  # what is left unchecked changes tens of gray levels, the others one or two
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("mean absolute difference, gray levels")
    axis.set_ylabel("accuracy of examiners, %")
    axis.set_ylim(0, 100)
    axis.set_title(f"{group.dataset}, profile {group.profile}, condition {group.condition}", fontsize=9)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
