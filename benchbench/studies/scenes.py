"""Pictures and statistics of the scenes of virtual cameras, beside those of the packaged photographs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchbench.base.seeds import stream
from benchbench.data.virtual.scenery import KINDS, SOFTNESS, Float, draw
from benchbench.data.virtual.scenery.sketch import LUMA
from benchbench.data.virtual.scenes import packaged, photograph
from benchbench.report.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PHOTOGRAPHS = "photographs"
SIZE = 512
"""Side of the scenes that are measured, px: those of a photograph of 256 px."""
_PATCH = 96
"""Side of a patch, scene px: what 64 px of a photograph show, in the middle."""


@dataclass(frozen=True)
class Measured:
    """What a scene is like.

    Attributes:
        slope: of the power spectrum of its log luminance, d log power / d log frequency, from 4 waves a side to
            0.1 per px.
        shadow, highlight: shares of patches with a hundredth of their pixels under 0.08, or over 3 times, what the
            meter takes for the mean.
        either: share of patches with one of them.
        contrast: standard deviation of the natural log of luminance.
        saturation: mean of 1 - least / largest of R, G and B, after a gamma of 2.2.
    """

    slope: float
    shadow: float
    highlight: float
    either: float
    contrast: float
    saturation: float


def measure(scene: Float) -> Measured:
    """Measure the central square of a scene (H, W, 3)."""
    square = np.asarray(_square(scene), np.float32)
    luminance = square @ LUMA
    luminance = luminance / _metered(luminance)
    log = np.log(luminance + 0.01)
    side = len(square)
    count = max(side // _PATCH, 1)
    patch = side // count
    patches = luminance[: count * patch, : count * patch].reshape(count, patch, count, patch)
    shadow = np.quantile(patches, 0.01, axis=(1, 3)) < 0.08
    highlight = np.quantile(patches, 0.99, axis=(1, 3)) > 3
    shown = np.clip(square / square.mean() * 0.2, 0.001, 1) ** (1 / 2.2)
    return Measured(
        slope=spectral_slope(log),
        shadow=float(shadow.mean()),
        highlight=float(highlight.mean()),
        either=float((shadow | highlight).mean()),
        contrast=float(log.std()),
        saturation=float((1 - shown.min(axis=2) / shown.max(axis=2)).mean()),
    )


def _square(scene: Float) -> Float:
    """Return the central square of a scene (H, W, 3)."""
    side = min(scene.shape[:2])
    top, left = (scene.shape[0] - side) // 2, (scene.shape[1] - side) // 2
    return scene[top : top + side, left : left + side]


def _metered(luminance: NDArray[np.floating]) -> float:
    """Return what a meter takes for the mean: the brightest three hundredths count as the next darker."""
    return float(np.minimum(luminance, np.quantile(luminance, 0.97)).mean())


def spectrum(plane: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frequencies, waves per px, and the mean power of a plane (n, n) round each, under a Hann window."""
    n = plane.shape[0]
    window = np.hanning(n)[:, None] * np.hanning(n)[None, :]
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    edges = np.geomspace(4 / n, 0.1, 9)
    found = [power[(frequency >= low) & (frequency < high)].mean() for low, high in itertools.pairwise(edges)]
    return np.sqrt(edges[:-1] * edges[1:]), np.array(found)


def spectral_slope(plane: NDArray[np.floating]) -> float:
    """Return the slope of a plane's power spectrum on log axes; natural images have about -2 before any blur."""
    frequency, power = spectrum(plane)
    return float(np.polyfit(np.log(frequency), np.log(power + 1e-12), 1)[0])


def examples(count: int, seed: int = 0) -> dict[str, list[Float]]:
    """Return scenes of each kind, `count` of them, and the packaged photographs of at least 256 px, equally soft."""
    found = {kind: [draw(kind, SIZE, stream(seed, "example", kind, k)) for k in range(count)] for kind in KINDS}
    soft = float(np.mean(SOFTNESS))
    pictures = [photograph(file, SIZE, soft) for file in packaged()]
    return found | {PHOTOGRAPHS: [picture for picture in pictures if min(picture.shape[:2]) >= SIZE // 2]}


def contact_sheet(scenes: Mapping[str, Sequence[Float]], thumbnail: int = 112) -> Image.Image:
    """Return a picture with a row a kind, developed like a photograph: metered, gamma, a soft shoulder."""
    columns = max(len(row) for row in scenes.values())
    sheet = Image.new("RGB", (columns * thumbnail, len(scenes) * thumbnail), (255, 255, 255))
    for r, row in enumerate(scenes.values()):
        for c, scene in enumerate(row):
            picture = Image.fromarray(_developed(_square(scene)))
            sheet.paste(picture.resize((thumbnail, thumbnail), Image.Resampling.BOX), (c * thumbnail, r * thumbnail))
    return sheet


def _developed(scene: Float) -> NDArray[np.uint8]:
    luminance = scene @ LUMA
    light = np.clip(scene / _metered(luminance) * 0.25, 0, None)
    shown = (light / (1 + 0.35 * light**2) ** 0.5) ** (1 / 2.2)
    return np.asarray(np.clip(shown * 255, 0, 255), np.uint8)


def statistics_figure(scenes: Mapping[str, Sequence[Float]]) -> Figure:
    """Draw mean spectra of log luminance, contrast and saturation, and the shares of patches with shadows and lights.

    Each point is a scene; photographs are black.
    """
    figure, (left, middle, right) = new_figure(13, 4.2, 1, 3)
    for k, (kind, row) in enumerate(scenes.items()):
        color, width, marker = ("black", 2.5, "*") if kind == PHOTOGRAPHS else (f"C{k}", 1.0, "o")
        curves = []
        for scene in row:
            luminance = _square(scene) @ LUMA
            frequency, power = spectrum(np.log(luminance / luminance.mean() + 0.01))
            curves.append(np.interp(np.log(_AXIS), np.log(frequency), np.log10(power / power.sum())))
        left.plot(_AXIS, 10 ** np.mean(curves, axis=0), color=color, linewidth=width, label=kind)
        measured = [measure(scene) for scene in row]
        contrast, saturation = [m.contrast for m in measured], [m.saturation for m in measured]
        middle.plot(contrast, saturation, marker, color=color, markersize=5, label=kind)
        shares = [np.mean([getattr(m, name) for m in measured]) for name in ("shadow", "highlight", "either")]
        right.plot(shares, [k] * 3, color="0.8", zorder=0)
        for share, style in zip(shares, ("v", "^", "o"), strict=True):
            right.plot(share, k, style, color=color)
    left.set(xscale="log", yscale="log", xlabel="waves per scene px", ylabel="power of log luminance, share")
    left.minorticks_off()
    left.set_xticks((0.0125, 0.025, 0.05), ("1/80", "1/40", "1/20"))
    left.legend(fontsize=7)
    middle.set(xlabel="contrast: std of log luminance", ylabel="saturation")
    right.set(xlabel="patches with shadow (v), highlight (^), either (o)", xlim=(-0.02, 1.02))
    right.set_yticks(range(len(scenes)), list(scenes))
    return figure


_AXIS = np.geomspace(0.012, 0.09, 24)


def write(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Write scenes.jpg, the contact sheet, and scene-statistics.png; return the files."""
    from benchbench.report.figures import save

    scenes = examples(count, seed)
    folder.mkdir(parents=True, exist_ok=True)
    sheet, figure = folder / "scenes.jpg", folder / "scene-statistics.png"
    contact_sheet(scenes).save(sheet, quality=62)
    save(statistics_figure(scenes), figure)
    return [sheet, figure]
