"""Scenes of the virtual cameras: a heap painted front to back, and what a scene of each kind takes.

The peer paints one thing after another over what is there, each in its own box: what is hidden has been paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchbench.base.seeds import stream
from benchbench.data.virtual.scenery import KINDS, draw
from benchbench.data.virtual.scenery.leaves import power_law
from benchbench.data.virtual.scenery.sketch import BOX, ELLIPSE, Float, Shapes, front, shapes

from .clock import median_seconds, paired_seconds, say
from .report import Options, Report, Row, Table

SIDE = 512
"""Of a scene of the profile `quick`, px; it is drawn at twice that and halved."""


def measure(options: Options) -> Report:
    """Time the painting of a heap both ways, and each kind of scene."""
    side, repeats = (64, 1) if options.quick else (SIDE, 5)
    drawn, dyes, rough = heap(stream(0, "benchmark heap"))
    work = f"a heap of {len(dyes)} things, {2 * side} px"
    say(work)
    ours, peer = (partial(paint, 2 * side, drawn, dyes, rough) for paint in (painted, painted_over))
    a, b = paired_seconds(ours, peer, repeats)
    report = Report("rendering", rows=[Row(work=work, ours=a, peer=b)])
    apart = float((np.abs(ours() - peer()) > 1e-3).any(axis=2).mean())
    report.notes.append(
        f"Pixels of the heap that differ from the peer's, none but by rounding at an edge: {100 * apart:.3f} %."
    )
    report.tables.append(
        Table(
            title=f"A scene of {side} px:",
            headers=("kind", "ms"),
            rows=tuple((kind, f"{1000 * median_seconds(scene(kind, side), repeats):.0f}") for kind in KINDS),
        )
    )
    return report


def scene(kind: str, side: int) -> Callable[[], Float]:
    """Return what draws one scene."""
    return lambda: draw(kind, side, stream(0, "benchmark scene", kind))


def heap(rng: np.random.Generator) -> tuple[Shapes, Float, Float]:
    """Return things as a scene of `objects` has at its most, their colors (count, 3) and how they shade (count,)."""
    smallest, largest = 0.012, 0.45
    count = int(2.2 / (2 * np.pi * smallest**2 * np.log(largest / smallest)))
    radius = power_law(count, smallest, largest, rng)
    radius = radius[np.argsort(-np.log(radius) + rng.normal(0, 0.9, count))]
    aspect = np.exp(rng.normal(0, 0.3, count))
    outline = np.where(rng.random(count) < 0.6, ELLIPSE, BOX)
    x, y = rng.uniform(-0.05, 1.05, (2, count))
    drawn = shapes(x, y, radius * aspect, radius / aspect, rng.uniform(0, np.pi, count), outline)
    return drawn, rng.random((count, 3)).astype(np.float32), rng.normal(0, 0.3, count).astype(np.float32)


def painted(n: int, drawn: Shapes, dyes: Float, rough: Float) -> Float:
    """Paint what is seen, (n, n, 3)."""
    index, u, v = front(n, drawn)
    k = np.maximum(index, 0)
    shaded = dyes[k] * np.exp(rough[k] * (u + v))[..., None]
    return np.where(index[..., None] >= 0, shaded, np.float32(0))


def painted_over(n: int, drawn: Shapes, dyes: Float, rough: Float) -> Float:
    """Paint one thing after another, (n, n, 3)."""
    picture = np.zeros((n, n, 3), np.float32)
    at = ((np.arange(n) + 0.5) / n).astype(np.float32)
    for k in range(len(dyes)):
        a, b, box = drawn.a[k], drawn.b[k], drawn.outline[k] == BOX
        reach = np.sqrt(max(a, b) ** 2 + b**2 * box)
        (left, right), (top, bottom) = (
            np.clip([np.floor((c - reach) * n), np.ceil((c + reach) * n) + 1], 0, n).astype(int)
            for c in (drawn.x[k], drawn.y[k])
        )
        dx, dy = at[None, left:right] - drawn.x[k], at[top:bottom, None] - drawn.y[k]
        cos, sin = np.cos(drawn.angle[k]), np.sin(drawn.angle[k])
        u, v = (cos * dx + sin * dy) / a, (cos * dy - sin * dx) / b
        inside = u**6 + v**6 < 1 if box else u**2 + v**2 < 1
        window = picture[top:bottom, left:right]
        shaded = dyes[k] * np.exp(rough[k] * (u + v))[..., None]
        window[inside] = shaded[inside]
    return picture
