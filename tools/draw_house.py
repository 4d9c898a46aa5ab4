"""Draw the rooms of benchbench by floors, with the imports between them as arrows: `make docs`.

Rooms and floors are the layers of the import contract in pyproject.toml; arrows are counted on the import graph, as
import-linter sees it. The same imports give the same bytes.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import grimp
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
# Inches.
WIDTH, STEP = 9.6, 1.16
BOX = (1.7, 0.5)
EDGE = (0.42, 0.68)
"""Below the lowest floor and above the highest."""
BENDS = (0.0, 0.06, -0.06, 0.12, -0.12, 0.2, -0.2, 0.3, -0.3)
"""How far an arrow may swerve, as a share of its length, so as not to pass behind rooms; the first of the best wins."""
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#e377c2", "#7f7f7f")

House = tuple[tuple[str, ...], ...]
Pair = tuple[str, str]
Place = tuple[float, float]


def floors(pyproject: Path = ROOT / "pyproject.toml") -> House:
    """Return the rooms floor by floor, the highest first."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers" and c["containers"] == ["benchbench"])
    return tuple(tuple(room.strip() for room in floor.split("|")) for floor in layers)


def counted(house: House) -> tuple[dict[str, int], dict[Pair, int]]:
    """Return how many files each room has, and how many imports go from one room to another."""
    graph = grimp.build_graph("benchbench", cache_dir=None)
    rooms = {module: module.split(".")[1] for module in graph.modules if "." in module}
    known = {room for floor in house for room in floor}
    files = Counter(rooms.values())
    arrows: Counter[Pair] = Counter()
    for module, room in rooms.items():
        for imported in graph.find_modules_directly_imported_by(module):
            other = rooms.get(imported, "")
            if room != other and {room, other} <= known:
                arrows[room, other] += 1
    return {room: files[room] for room in known}, dict(arrows)


def places(house: House) -> dict[str, Place]:
    """Return the middle of each room. One that has its floor to itself stands left or right in turn."""
    found = {}
    side = 1
    for height, floor in enumerate(reversed(house)):
        if len(floor) == 1:
            side = -side
        gap = (WIDTH - BOX[0] - 1.3) / max(1, len(floor) - 1)
        for i, room in enumerate(floor):
            x = WIDTH / 2 + side * 1.3 if len(floor) == 1 else 0.9 + BOX[0] / 2 + gap * i
            found[room] = (x, EDGE[0] + height * STEP)
    return found


def ends(arrows: Mapping[Pair, int], where: Mapping[str, Place]) -> dict[Pair, tuple[Place, Place]]:
    """Return where each arrow begins and ends: side by side along the rooms' edges, in the order of the other ends."""
    found = {}
    for one, other in arrows:
        out = sorted((b for a, b in arrows if a == one), key=lambda room: (where[room][0], -where[room][1]))
        into = sorted((a for a, b in arrows if b == other), key=lambda room: (where[room][0], where[room][1]))
        begin = where[one][0] + BOX[0] * 0.86 * ((out.index(other) + 0.5) / len(out) - 0.5)
        end = where[other][0] + BOX[0] * 0.86 * ((into.index(one) + 0.5) / len(into) - 0.5)
        found[one, other] = ((begin, where[one][1] - BOX[1] / 2), (end, where[other][1] + BOX[1] / 2))
    return found


def curve(start: Place, stop: Place, bend: float) -> NDArray[np.float64]:
    """Return points of the quadratic curve that matplotlib's `arc3` draws, (41, 2)."""
    first, last = np.array(start), np.array(stop)
    along = last - first
    middle = (first + last) / 2 + bend * np.array([along[1], -along[0]])
    t = np.linspace(0, 1, 41)[:, None]
    found: NDArray[np.float64] = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
    return found


def bend(start: Place, stop: Place, others: Sequence[Place]) -> float:
    """Return the least bend with which an arrow passes behind the fewest rooms."""

    def hidden(amount: float) -> int:
        points = curve(start, stop, amount)
        beyond = int(((points[:, 0] < 0.3) | (points[:, 0] > WIDTH)).sum())
        inside = [(np.abs(points - np.array(place)) < np.array(BOX) / 2 + 0.05).all(axis=1).sum() for place in others]
        return beyond + int(sum(inside))

    return min(BENDS, key=hidden)


def draw(house: House, files: Mapping[str, int], arrows: Mapping[Pair, int]) -> Figure:
    """Return the picture."""
    where = places(house)
    height = sum(EDGE) + (len(house) - 1) * STEP
    figure = Figure(figsize=(WIDTH, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, WIDTH), ylim=(0, height))
    axis.set_axis_off()
    colors = dict(zip(where, cycle(COLORS), strict=False))
    for (one, other), (start, stop) in sorted(ends(arrows, where).items()):
        thick = arrows[one, other] ** 0.5
        rest = [place for room, place in where.items() if room not in (one, other)]
        axis.add_patch(
            FancyArrowPatch(
                start,
                stop,
                arrowstyle="-|>",
                mutation_scale=8 + 0.5 * thick,
                connectionstyle=f"arc3,rad={bend(start, stop, rest):g}",
                shrinkA=0,
                shrinkB=0,
                linewidth=0.4 + 0.5 * thick,
                color=colors[one],
                alpha=0.7,
            )
        )
    for room, (x, y) in where.items():
        corner = (x - BOX[0] / 2, y - BOX[1] / 2)
        shape = "round,pad=0,rounding_size=0.08"
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": colors[room], "linewidth": 2, "zorder": 2}
        axis.add_patch(FancyBboxPatch(corner, *BOX, boxstyle=shape, gid=f"room-{room}", **look))
        count = f"{files[room]} file{'s' if files[room] > 1 else ''}"
        axis.text(x, y + 0.07, room, ha="center", va="center", fontsize=12, zorder=3)
        axis.text(x, y - 0.14, count, ha="center", va="center", fontsize=8, color="#555555", zorder=3)
    for floor in range(len(house)):
        axis.text(0.25, EDGE[0] + floor * STEP, str(floor), ha="center", va="center", color="#888888")
    told = "An arrow: files of one room import files of another, all of them downward. The wider, the more."
    axis.text(WIDTH / 2, height - 0.2, told, ha="center", va="center", fontsize=10, color="#555555")
    return figure


def write(path: Path) -> None:
    """Count and draw."""
    house = floors()
    figure = draw(house, *counted(house))
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "house", "svg.fonttype": "none"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to write")
    write(parser.parse_args().output)
