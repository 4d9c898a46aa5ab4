"""Pictures of what erases: traces in space and frequency, and photographs beside what an examiner says of them.

As figures 1 and 5 to 9 of Chen et al. 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.evaluate.tasks.crops import crops
from benchbench.evaluate.tasks.vote import CROPS
from benchbench.report.figures import new_figure
from benchbench.studies.pictures import Crafted, levels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PATCHES = 3
"""Of a photograph, the smoothest ones."""
Shown = NDArray[np.float64]


def trace_of(one: Crafted) -> torch.Tensor:
    """Return what was taken away, x - F(x), (3, H, W) in units of the [0, 1] scale."""
    return one.x[0] - one.y[0]


def smooth_places(x: torch.Tensor, side: int, count: int) -> list[tuple[int, int]]:
    """Return the corners of the `count` patches of a grid where a photograph (3, H, W) varies least."""
    height, width = x.shape[-2:]
    corners = [(i, j) for i in range(0, height - side + 1, side) for j in range(0, width - side + 1, side)]
    spread = [float(x[:, i : i + side, j : j + side].std(dim=(1, 2)).mean()) for i, j in corners]
    return [corners[k] for k in np.argsort(spread, kind="stable")[:count]]


def spectrum(trace: torch.Tensor) -> Shown:
    """Return the logarithm of the magnitude of a trace's DFT (3, H, W), mean over colors, (H, W), 0 in the middle."""
    centered = trace.double() - trace.double().mean(dim=(-2, -1), keepdim=True)
    magnitude = torch.fft.fft2(centered, norm="ortho").abs().mean(dim=0)
    found: Shown = np.log10(np.fft.fftshift(magnitude.cpu().numpy()) + 1e-6)
    return found


def traces(made: Sequence[Crafted], models: Sequence[str], title: str, gain: float = 30.0) -> Figure:
    """Draw the traces of each photograph's smoothest patches, times `gain` round gray, and their spectra.

    Where the trace is the camera's, patches of one photograph look alike and cameras differ.
    """
    columns = 1 + 2 * PATCHES
    cut = []
    for one in made:
        side = max(8, min(one.x.shape[-2:]) // 4)
        places = smooth_places(one.x[0], side, PATCHES)
        cut.append([trace_of(one)[:, i : i + side, j : j + side] for i, j in places])
    shown = [[spectrum(patch) for patch in mine] for mine in cut]
    low, high = np.percentile(np.concatenate([found.ravel() for mine in shown for found in mine]), (2, 99.8))
    figure, axes = new_figure(1.5 * columns, 1.6 * len(made) + 0.5, len(made), columns)
    for axis in axes:
        axis.set_axis_off()
    for row, one in enumerate(made):
        mine = axes[row * columns : (row + 1) * columns]
        mine[0].imshow(levels(one.x[0]))
        mine[0].set_title(models[one.true].replace("_", " "), fontsize=7)
        for k, (patch, found) in enumerate(zip(cut[row], shown[row], strict=True)):
            mine[1 + k].imshow(levels((0.5 + gain * patch).clamp(0, 1)), interpolation="nearest")
            mine[1 + PATCHES + k].imshow(found, cmap="magma", vmin=low, vmax=max(high, low + 1e-6))
    axes[1].set_title(f"traces x {gain:g}", fontsize=7)
    axes[1 + PATCHES].set_title("their spectra", fontsize=7)
    figure.suptitle(title, fontsize=10)
    return figure


def said(module: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, image: int) -> NDArray[np.float64]:
    """Return what an examiner says of a photograph (1, 3, H, W): its normalized logits, mean over a vote's crops."""
    with torch.inference_mode():
        logits = module(crops(x, [image], "vote", 0, CROPS)).float()
        found: NDArray[np.float64] = torch.softmax(logits, dim=1).mean(dim=0).double().cpu().numpy()
    return found


def comparison(
    made: Mapping[str, Crafted], bars: Mapping[str, NDArray[np.float64]], models: Sequence[str], title: str
) -> Figure:
    """Draw one photograph, what each attack makes of it, a detail, and bars of what an examiner says.

    Args:
        made: by what it is called; all of one photograph.
        bars: of the photograph under '' and of each attack; see `said`.
    """
    first = next(iter(made.values()))
    shown = [("", first.x[0]), *((name, one.y[0]) for name, one in made.items())]
    figure, axes = new_figure(2.0 * len(shown), 5.6, 3, len(shown))
    height, width = first.x.shape[-2:]
    side = max(8, min(height, width) // 4)
    i, j = (height - side) // 2, (width - side) // 2
    for k, (name, picture) in enumerate(shown):
        whole, detail, chart = axes[k], axes[len(shown) + k], axes[2 * len(shown) + k]
        whole.imshow(levels(picture))
        changed = float((picture - first.x[0]).abs().mean()) * 255
        whole.set_title(f"{name}\nL1 {changed:.2f}" if name else "photograph\n", fontsize=8)
        detail.imshow(levels(picture[:, i : i + side, j : j + side]), interpolation="nearest")
        for axis in (whole, detail):
            axis.set_axis_off()
        found = bars[name]
        colors = ["#c0392b" if c == first.true else "#7f8c8d" for c in range(len(found))]
        chart.barh(range(len(found)), found, color=colors)
        chart.set_xlim(0, 1)
        chart.set_yticks(
            range(len(found)), [m.replace("_", " ") for m in models[: len(found)]] if k == 0 else [], fontsize=6
        )
        chart.invert_yaxis()
        chart.tick_params(labelsize=6)
    figure.suptitle(title, fontsize=10)
    return figure
