"""What an ablation shows: a tidy table, a page, and heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from benchbench.contracts.source import Facts
from benchbench.data.chimera import TRACES
from benchbench.metrics.intervals import Estimate
from benchbench.report.figures import new_figure
from benchbench.studies.ablation import BANDS, HIGH, LOW, SIGMA, SWITCHES
from benchbench.studies.traces import RATES, Ablation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def table(ablation: Ablation) -> str:
    """Return every figure as CSV, a row each: kind, name, trace, band, value, low, high."""
    import pandas as pd

    text: str = pd.DataFrame(ablation.rows()).to_csv(index=False, lineterminator="\n")
    return text


def document(ablation: Ablation, titles: Mapping[str, str], command: str, facts: Facts, profile: str) -> str:
    """Return the page, in Markdown.

    Args:
        titles: of attacks, by name.
        command: that made it.
    """
    from tabulate import tabulate

    def grid(head: list[str], rows: list[list[str]]) -> str:
        return tabulate(
            rows, head, tablefmt="pipe", disable_numparse=True, colalign=("left", *["right"] * (len(head) - 1))
        )

    switches = list(SWITCHES)
    psnr = ablation.psnr()
    parts = [
        "# Which traces targets use, and which of them attacks fake",
        f"{len(ablation.readings)} test photographs of {facts.known} virtual camera models (data set {facts.name} "
        f"{facts.data_id[:8]}, profile {profile}), each taken again with traces of the {facts.known - 1} other models: "
        "the same scene, window and light. 95 % intervals in brackets, photographs being the clusters. Made by "
        f"`{command}`.",
        "## Targets: switching a trace",
        "How often a target that named the model correctly no longer does (left), and how often it names the model "
        "that the trace is of (followed), in percent. PSNR: what a switch changes in the photograph, dB. "
        f"Low band: {'; '.join(LOW)}. High band: {'; '.join(HIGH)}.",
        grid(["", "", *switches], [["PSNR", "", *(f"{psnr[name]:.1f}" for name in switches)]]
             + [[t, rate, *(_percent(e) for e in ablation.used(t, rate).values())]
                for t in ablation.targets for rate in RATES]),
    ]  # fmt: skip
    if ablation.attacks:
        parts += [
            "## Attacks: what they fake",
            "The attack's change as a sum of the changes that the six switches make, least squares over all pixels: "
            "1.00 is a trace faked whole, 0.00 one that is left alone. explained: the share of the attack's change "
            f"that the traces explain. The low band is what a Gaussian of {SIGMA:g} px passes, the high band the rest.",
            grid(["attack", "band", *TRACES, "explained"],
                 [[titles[a], band, *(_number(e) for e in ablation.fakes(a, band).values()),
                   f"{100 * ablation.explained(a, band):.0f} %"]
                  for a in ablation.attacks for band in BANDS]),
            "## Attacks: what they lack",
            "Success in percent (mean over the targets), and by how many points it grows where the photograph has the "
            "wanted model's trace already.",
            grid(["attack", "success", *TRACES], [_lacks(ablation, a, titles[a]) for a in ablation.attacks]),
        ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _lacks(ablation: Ablation, attack: str, title: str) -> list[str]:
    success = float(np.mean([ablation.success(attack, t) for t in ablation.targets]))
    gains = ablation.lacks(attack, ablation.targets)
    cells = ["not looked at (--no-supply)"] * len(TRACES) if gains is None else [_gain(e) for e in gains.values()]
    return [title, f"{100 * success:.0f}", *cells]


def _percent(e: Estimate | None) -> str:
    return "-" if e is None else f"{100 * e.value:.0f} [{100 * e.low:.0f}, {100 * e.high:.0f}]"


def _gain(e: Estimate | None) -> str:
    return "-" if e is None else f"{100 * e.value:+.0f} [{100 * e.low:+.0f}, {100 * e.high:+.0f}]"


def _number(e: Estimate) -> str:
    return f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def figure(ablation: Ablation, titles: Mapping[str, str]) -> Figure:
    """Draw heat maps: switch x target, and attack x trace in both bands and as what is lacking."""
    maps: list[tuple[str, list[str], list[str], np.ndarray, str]] = []
    used = np.array([[_value(e) for e in ablation.used(t, "left").values()] for t in ablation.targets])
    maps.append(("targets that change their mind, %", list(ablation.targets), list(SWITCHES), 100 * used, "cividis"))
    names = [titles[a] for a in ablation.attacks]
    for band in BANDS if names else ():
        found = np.array([[e.value for e in ablation.fakes(a, band).values()] for a in ablation.attacks])
        maps.append((f"faked, {band} band (1 = whole)", names, list(TRACES), found, "cividis"))
    if names and all(ablation.lacks(a, ablation.targets) is not None for a in ablation.attacks):
        gains = np.array(
            [[_value(e) for e in (ablation.lacks(a, ablation.targets) or {}).values()] for a in ablation.attacks]
        )
        maps.append(("lacking: points of success gained", names, list(TRACES), 100 * gains, "cividis"))
    height = sum(1.9 + 0.3 * len(rows) for _, rows, *_ in maps)
    drawn, axes = new_figure(8.5, height, len(maps), 1)
    for axis, (title, rows, columns, values, cmap) in zip(axes, maps, strict=True):
        _heat(axis, title, rows, columns, values, cmap)
    return drawn


def _value(e: Estimate | None) -> float:
    return float("nan") if e is None else e.value


def _heat(axis: Axes, title: str, rows: list[str], columns: list[str], values: np.ndarray, cmap: str) -> None:
    there = values[np.isfinite(values)]
    top = float(np.abs(there).max(initial=0.0)) or 1.0
    axis.imshow(values, vmin=float(there.min(initial=0.0)), vmax=top, cmap=cmap, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=20, ha="right", fontsize=8)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    for (i, j), value in np.ndenumerate(values):
        text = "-" if np.isnan(value) else f"{value:.0f}" if top > 2 else f"{value:.2f}"
        axis.text(j, i, text, ha="center", va="center", fontsize=7, color="black" if value > 0.6 * top else "white")
    axis.set_title(title, fontsize=9)
