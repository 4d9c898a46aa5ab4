"""Draw the leaderboard of the reference results for the README: `make pictures`, or `python tools/draw_results.py`.

Bars are mean TSR with 95 % intervals, the paper's figures are ticks, and what a perfect forger scores within the budget
is a line.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchbench.report import groups
from benchbench.report.catalog import build
from benchbench.report.figures import new_figure, save
from benchbench.report.frames import read_cells
from benchbench.report.groups import LIMIT_PSNR

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "leaderboard.png"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=PICTURE, help="the picture to write")
    asked = parser.parse_args()
    found = [g for g in groups(read_cells("reference")) if (g.condition, g.track) == ("uint8", "native")]
    group = max(found, key=lambda g: len(g.cells)).without_baselines
    table = build("leaderboard", group, published=True)
    names = [column.key for column in table.columns]
    limit = group.limit.label if group.limit is not None else None
    rows = [(row.label, row.entries[names.index("tsr")]) for row in table.rows]
    rows = [(label, entry) for label, entry in rows if isinstance(entry.value, float)]
    bars = [(label, entry) for label, entry in rows if label != limit][::-1]
    figure, axes = new_figure(8.4, 0.42 * len(bars) + 1.1, 1, 1)
    axis = axes[0]
    for place, (_, entry) in enumerate(bars):
        low, high = entry.interval or (entry.value, entry.value)
        axis.barh(place, 100 * entry.value, color="#8fb3d9", height=0.7)
        axis.plot([100 * low, 100 * high], [place, place], color="#123f6d", linewidth=2)
        axis.text(100 * high + 1, place, f"{100 * entry.value:.1f}", va="center", fontsize=8)
        if entry.published and isinstance(entry.published[0], float):
            axis.plot([100 * entry.published[0]] * 2, [place - 0.35, place + 0.35], color="#a3221b", linewidth=2)
    for _, entry in (row for row in rows if row[0] == limit):
        low, high = entry.interval or (entry.value, entry.value)
        axis.axvspan(100 * low, 100 * high, color="#1c6b35", alpha=0.2, linewidth=0)
        axis.axvline(100 * entry.value, color="#1c6b35", linestyle="--")
        text = f"perfect forger within {LIMIT_PSNR:g} dB: {100 * entry.value:.1f}"
        axis.text(100 * low - 1, len(bars) - 0.35, text, color="#1c6b35", fontsize=8, ha="right")
    axis.set_yticks(range(len(bars)), [label for label, _ in bars], fontsize=9)
    axis.set_xlim(0, 100)
    axis.set_ylim(-0.6, len(bars) + 0.1)
    axis.set_xlabel("mean TSR, %: taken for the camera model that the attacker wants (red: the paper)", fontsize=8)
    save(figure, asked.output)
    print(asked.output)
