"""Light itself: backgrounds out of focus, and nights with lamps."""

from __future__ import annotations

import numpy as np

from .leaves import foliage, objects
from .sketch import (
    LEAF,
    Float,
    color,
    defocus,
    fractal,
    front,
    glow,
    grid,
    halved,
    lit,
    mix,
    pick,
    resize,
    rough_line,
    shapes,
    step,
)


def bokeh(n: int, rng: np.random.Generator) -> Float:
    """A few leaves or stems in focus before what lies far out of focus, its glints drawn out to discs."""
    small = max(n // 2, 16)
    scene = (foliage if rng.random() < 0.5 else objects)(small, rng)
    scene = scene / max(float(scene.mean()), 1e-6)
    spots = int(rng.integers(5, 60))
    at = rng.integers(0, small, (2, spots))
    radius = rng.uniform(0.02, 0.07) * small
    strength = np.exp(rng.normal(0.3, 0.8, spots)) * np.pi * radius**2
    hues = np.exp(np.stack((w := rng.normal(0.15, 0.3, spots), np.zeros(spots), -w), axis=1))
    np.add.at(scene, (at[0], at[1]), (strength[:, None] * hues).astype(np.float32))
    back = resize(defocus(scene, float(radius)), n)
    back *= np.exp(0.5 * fractal(n, rng, 2.4))[..., None]
    m, count = 2 * n, int(rng.integers(3, 14))
    stem = rng.uniform(0, 2 * np.pi)
    a = rng.uniform(0.08, 0.28) * np.exp(rng.normal(0, 0.3, count))
    x, y = rng.uniform(0.1, 0.9) + rng.normal(0, 0.25, count), rng.uniform(0.1, 0.9) + rng.normal(0, 0.25, count)
    index, u, v = front(m, shapes(x, y, a, a * rng.uniform(0.2, 0.5), stem + rng.normal(0, 0.7, count), LEAF))
    seen, k = index >= 0, np.maximum(index, 0)
    lean, level = rng.normal(0, 0.6, count).astype(np.float32), np.exp(rng.normal(-1.5, 0.6, count)).astype(np.float32)
    side = np.exp(np.tanh(8 * v) * 0.35 * lean[k] + 0.5 * u * lean[k])
    vein = np.exp(-np.square(v * 25)) + 0.4 * np.exp(-np.square(np.sin(16 * (u + 0.7 * np.abs(v))) * 4))
    petals = rng.random() < 0.3
    tone = (
        color(2.0, rng.normal(0.5, 0.6), rng.uniform(-0.5, 0.0)) if petals else color(1.0, rng.normal(0.35, 0.2), 0.45)
    )
    leaf = tone * (level[k] * side * (1 + 0.35 * vein))[..., None]
    gleam = np.exp(-np.square((u - 0.3) * 2.5) - np.square((v - 0.35) * 3.5)) * np.abs(lean[k])
    leaf = leaf + 0.2 * gleam[..., None]
    leaf = leaf * np.exp(0.15 * np.repeat(np.repeat(fractal(n, rng, 0.9), 2, 0), 2, 1))[..., None]
    cover = halved(seen.astype(np.float32))
    return mix(back, halved(np.asarray(leaf, np.float32)), cover)


def night(n: int, rng: np.random.Generator) -> Float:
    """A street at night: dark fronts with lit windows, lamps with halos, their streaks on a wet ground."""
    x, y = grid(n)
    ground = float(rng.uniform(0.55, 0.8))
    afterglow = np.asarray(np.broadcast_to(np.exp(-np.square((ground - y) / 0.45)), (n, n)), np.float32)
    picture = mix(color(0.004, -0.35), color(0.035, pick(rng, -0.3, 0.35)), afterglow)
    picture = picture * np.exp(0.25 * fractal(n, rng, 1.7))[..., None]
    left = -0.1
    while left < 1.05:
        wide, top = rng.uniform(0.12, 0.35), ground - rng.uniform(0.15, 0.65)
        on = (x >= left) & (x < left + wide) & (y > top) & (y < ground + 0.05)
        columns, rows = rng.uniform(18, 60), rng.uniform(18, 50)
        iu, iv = np.floor((x - left) * columns).astype(int), np.floor((y - top) * rows).astype(int)
        fu, fv = ((x - left) * columns) % 1, ((y - top) * rows) % 1
        pane = (np.abs(fu - 0.5) < 0.3) & (np.abs(fv - 0.5) < 0.32)
        burning = (rng.random((64, 64)) < rng.uniform(0.05, 0.3)) * np.exp(rng.normal(-0.3, 0.9, (64, 64)))
        warm = rng.normal(0.35, 0.25, (64, 64))
        lamp = burning[iv % 64, iu % 64] * pane * (0.5 + 0.6 * fv)
        hue = np.exp(np.stack((w := warm[iv % 64, iu % 64], 0 * w, -w), axis=2))
        front_ = color(float(np.exp(rng.normal(-4.8, 0.6))), 0.1) * np.exp(0.3 * fractal(n, rng, 1.0))[..., None]
        body = front_ * np.where(pane, 0.4, 1.0)[..., None] + lamp[..., None] * hue * 0.45
        picture = np.where(on[..., None], body, picture)
        left += wide + max(rng.normal(0.01, 0.05), -0.02)
    light = np.zeros((n, n, 3), np.float32)
    for _ in range(int(rng.integers(3, 10))):
        px, py = float(rng.uniform(0, 1)), float(ground - rng.uniform(-0.05, 0.35))
        hue = color(1.0, pick(rng, 0.55, 0.4, 0.1, -0.3), float(rng.normal(0, 0.1)))
        size = float(rng.uniform(0.004, 0.012))
        strength = float(np.exp(rng.normal(0, 0.5)))
        light += (strength * (9 * glow(n, px, py, size, 3.0) + 0.13 * glow(n, px, py, 6 * size, 1.1)))[..., None] * hue
    pools = glow(n, float(rng.uniform(0, 1)), ground, 0.4, 1.5)
    picture = picture + light + picture * 3 * pools[..., None]
    # The wet ground shows all of it upside down, drawn out.
    ripple = fractal(n, rng, 0.9, stretch=6.0)
    mirror = 2 * ground - y + (0.01 + 0.12 * np.clip(y - ground, 0, 1)) * ripple
    reflected = picture[np.clip(mirror * n, 0, n - 1).astype(np.int64), np.arange(n)[None, :]]
    wet = np.clip(0.45 + 0.35 * fractal(n, rng, 1.5, stretch=2.5), 0.08, 1)
    asphalt = lit(
        color(0.05, 0.05),
        np.asarray(0.25 * pools * np.exp(0.35 * ripple), np.float32),
        np.full((n, n), 0.02, np.float32),
    )
    below = step(ground + 0.004 * rough_line(n, rng)[None, :], y, 3.0 / n)
    picture = mix(picture, asphalt + 0.6 * wet[..., None] * reflected, below)
    return defocus(picture, float(rng.uniform(0.008, 0.03)) * n) if rng.random() < 0.3 else picture
