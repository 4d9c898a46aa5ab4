"""The ceiling: what a perfect forger scores within each budget, and where attacks stand below it.

A perfect forgery shows the same scene through the same window and optics, taken by the wanted camera; where it is
louder than the budget it is turned down, and it is never amplified. An attack cannot be expected to move a target more
often at the same distortion, unless by what is adversarial, which no camera does.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from benchbench.base.errors import BenchError
from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.metrics import rates
from benchbench.metrics.intervals import Estimate, mean_rate
from benchbench.records.cell import Cell
from benchbench.report.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL = "all targets"
"""In the place of a target's name: the mean over all."""
MARGIN = 1.0
"""dB, beside the largest budget, where what is quieter is drawn."""


@dataclass(frozen=True)
class Place:
    """Where an attack stands against one target, or against all of them."""

    attack: str
    """Its title."""
    target: str
    budget: float | None
    """dB, of the forger; None for another attack."""
    psnr: float
    """dB, as reached."""
    tsr: Estimate


def oracle() -> str:
    """Return the name of the attack that knows the scene and keeps to a PSNR.

    Raises:
        BenchError: none is installed.
    """
    for name in ATTACKS.names():
        attack = ATTACKS.create(name)
        if attack.card.knowledge == "oracle" and hasattr(attack, "psnr"):
            return name
    raise BenchError("no attack with knowledge 'oracle' is installed; the ceiling is what such an attack scores.")


def forgers(budgets: Sequence[float]) -> list[Attack]:
    """Return the perfect forger at each budget, dB."""
    name = oracle()
    return [attack for level in budgets for attack in ATTACKS.resolve(f"{name}[psnr={level:g}]")]


def places(cells: Iterable[Cell]) -> list[Place]:
    """Return where each attack stands, by target and in the mean of those that it was judged by.

    Args:
        cells: of one data set, profile, protocol and split. A control takes no place, unless it is the forger, nor does
            an attack that has not been judged by all of the targets: its mean would be of others.
    """
    judged = _by_attack(cells)
    found = []
    for mine in judged:
        if len(mine) < len(judged[0]):
            continue
        groups = {cell.target.name: [cell] for cell in mine} | {ALL: mine}
        for target, group in groups.items():
            tsr = mean_rate(group, "tsr")
            psnr = [value for cell in group if (value := rates.psnr_mean(cell)) is not None]
            if tsr is not None and psnr:
                first = mine[0].attack
                budget = first.params.get("psnr") if first.knowledge == "oracle" else None
                found.append(Place(first.title, target, budget, sum(psnr) / len(psnr), tsr))
    return sorted(found, key=lambda place: (place.target != ALL, place.target, place.budget is None, place.psnr))


def left_out(cells: Iterable[Cell]) -> list[str]:
    """Return the titles of the attacks to which `places` gives none, each once for each set of parameters."""
    judged = _by_attack(cells)
    return sorted(mine[0].attack.title for mine in judged if len(mine) < len(judged[0]))


def _by_attack(cells: Iterable[Cell]) -> list[list[Cell]]:
    """Return the cells of each attack that may take a place; first what most targets have judged."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.attack.knowledge == "oracle" or not (cell.attack.control or cell.attack.baseline):
            found.setdefault(cell.attack.key, []).append(cell)
    return sorted(found.values(), key=len, reverse=True)


def reachable(found: Sequence[Place], target: str, psnr: float) -> float | None:
    """Return the forger's TSR at a PSNR, between its budgets by a straight line; None outside them."""
    line = sorted((p.budget, p.tsr.value) for p in found if p.target == target and p.budget is not None)
    for (left, low), (right, high) in pairwise(line):
        if left <= psnr <= right:
            share = (psnr - left) / (right - left)
            return low + share * (high - low)
    return None


def table(found: Sequence[Place]) -> str:
    """Return the places as CSV: rates with their 95 % intervals, and the share of the forger's at the same PSNR."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["target", "attack", "budget_db", "psnr_db", "tsr", "tsr_low", "tsr_high", "share_of_forger"])
    for p in found:
        limit = None if p.budget is not None else reachable(found, p.target, p.psnr)
        share = "" if not limit else f"{p.tsr.value / limit:.4f}"
        budget = "" if p.budget is None else f"{p.budget:g}"
        numbers = [f"{p.psnr:.2f}", *(f"{v:.4f}" for v in (p.tsr.value, p.tsr.low, p.tsr.high))]
        writer.writerow([p.target, p.attack, budget, *numbers, share])
    return text.getvalue()


def figure(found: Sequence[Place], title: str) -> Figure:
    """Draw the forger's curve and the attacks' points, a panel for the mean and for each target.

    An attack that is quieter than every budget stands at the right edge, as an arrow: it would squeeze the rest.
    """
    targets = list(dict.fromkeys(place.target for place in found))
    columns = min(4, len(targets))
    rows = -(-len(targets) // columns)
    drawn, axes = new_figure(3.4 * columns, 2.9 * rows + 0.6, rows, columns)
    colors: Mapping[str, str] = {
        name: f"C{k % 10}" for k, name in enumerate(dict.fromkeys(p.attack for p in found if p.budget is None), start=1)
    }
    for axis, target in zip(axes, targets, strict=False):
        line = sorted((p for p in found if p.target == target and p.budget is not None), key=lambda p: p.budget or 0)
        if line:
            x = [p.budget for p in line]
            axis.plot(x, [100 * p.tsr.value for p in line], color="black", marker=".", label=line[0].attack)
            low, high = ([100 * getattr(p.tsr, end) for p in line] for end in ("low", "high"))
            axis.fill_between(x, low, high, color="black", alpha=0.12, linewidth=0)
        quietest = max((p.budget + MARGIN for p in line if p.budget is not None), default=math.inf)
        for p in found:
            if p.target == target and p.budget is None:
                ends = [[100 * (p.tsr.value - p.tsr.low)], [100 * (p.tsr.high - p.tsr.value)]]
                at, form = (p.psnr, "o") if p.psnr <= quietest else (quietest, ">")
                axis.errorbar(
                    [at], [100 * p.tsr.value], ends, fmt=form, color=colors[p.attack], label=p.attack, markersize=5
                )
        axis.set_title(target, fontsize=9)
        axis.set_ylim(0, 100)
        axis.grid(alpha=0.3)
    for axis in axes[len(targets) :]:
        axis.set_visible(False)
    axes[0].legend(fontsize=7)
    drawn.supxlabel("budget of the forger, PSNR of the attacks, dB", fontsize=9)
    drawn.supylabel("TSR, %", fontsize=9)
    drawn.suptitle(title, fontsize=10)
    return drawn
