"""Outdoors: skies with clouds, and ridges that fade into haze."""

from __future__ import annotations

import numpy as np

from .sketch import Float, color, fractal, glow, grid, lit, mix, rough_line, slopes, step, wide_blur


def _dome(n: int, rng: np.random.Generator, horizon: float) -> tuple[Float, tuple[float, float], Float]:
    """Return a cloudless sky (n, n, 3), where its sun is, and the sun's color."""
    _, y = grid(n)
    x = grid(n)[0]
    up = np.clip((horizon - y) / max(horizon, 0.2), 0, 1)
    low_sun = rng.random() < 0.35
    sun = (
        float(rng.uniform(-0.1, 1.1)),
        float(horizon - rng.uniform(0.02, 0.15) if low_sun else rng.uniform(-0.4, 0.3)),
    )
    if low_sun:
        zenith, rim, beam = color(0.10, -0.45, -0.05), color(0.9, 0.45, -0.02), color(1.0, 0.5, 0.05)
    else:
        zenith, rim = (
            color(rng.uniform(0.18, 0.4), rng.uniform(-0.55, -0.2), 0.04),
            color(0.85, rng.uniform(-0.15, 0.05)),
        )
        beam = color(1.0, 0.06)
    bend = np.broadcast_to(up ** rng.uniform(0.45, 0.8), (n, n))
    dome = np.exp(mix(np.log(rim), np.log(zenith), np.asarray(bend, np.float32)))
    around = glow(n, sun[0], sun[1], 0.35, 1.2)
    dome = dome * (1 + 1.2 * around)[..., None]
    dome += (3.0 * glow(n, sun[0], sun[1], 0.05, 1.6) + 14 * glow(n, sun[0], sun[1], 0.02, 4.0))[..., None] * beam
    assert x.shape == (1, n)
    return np.asarray(dome, np.float32), sun, beam


def _clouds(
    n: int, rng: np.random.Generator, dome: Float, sun: tuple[float, float], beam: Float, horizon: float
) -> Float:
    """Lay clouds over a sky: heaps that shade themselves on the side away from the sun, flatter towards the horizon."""
    x, y = grid(n)
    near = np.clip((horizon - y) / max(horizon, 0.2), 0.02, 1)
    field = fractal(n, rng, rng.uniform(1.25, 1.7), stretch=rng.choice([0.5, 0.7, 1.0]))
    # Perspective: a row at height h over the horizon looks 1 / h far into a flat layer of clouds.
    far = np.clip(0.35 / (near + 0.18), 0, 2.2)
    rows = np.asarray((far * 0.45 * n) % n, np.int64)
    columns = np.asarray((((x - 0.5) * (0.5 + far) + 0.5) * n) % n, np.int64)
    field = field[np.broadcast_to(rows, (n, n)), columns]
    cover = rng.uniform(-0.5, 1.0)
    density = np.clip((field - cover) * rng.uniform(0.6, 1.3), 0, 3).astype(np.float32)
    dx, dy = sun[0] - 0.5, sun[1] - 0.4
    length = max(float(np.hypot(dx, dy)), 0.1)
    gx, gy = slopes(wide_blur(density, 0.008 * n))
    facing = -(gx * dx + gy * dy) / length
    thick = wide_blur(density, 0.02 * n)
    bright = np.exp(-1.1 * thick + 0.10 * np.clip(facing, -6, 8))
    opacity = 1 - np.exp(-2.2 * density)
    body = 1.5 * bright[..., None] * (0.6 * beam + 0.5 * color(1.0, -0.08)) + 0.35 * dome
    return mix(dome, body, np.asarray(opacity, np.float32))


def sky(n: int, rng: np.random.Generator) -> Float:
    """A sky over a dark rim of trees or roofs."""
    horizon = float(rng.uniform(0.72, 1.1))
    dome, sun, beam = _dome(n, rng, min(horizon, 1.0))
    picture = _clouds(n, rng, dome, sun, beam, min(horizon, 1.0) + 0.05) if rng.random() < 0.85 else dome
    x, y = grid(n)
    for far in (0.7, 0.0):
        edge = horizon - 0.05 * (1 - far) + (0.05 + 0.03 * (1 - far)) * rough_line(n, rng, 0.9) - 0.08 * (1 - far)
        crown = 0.035 * fractal(n, rng, 0.8) * (1 - 0.5 * far)
        land = step(edge[None, :] + crown, y, 2.5 / n)
        tone = mix(color(0.02, 0.02, 0.2), color(0.3, -0.15), np.full((n, n), far, np.float32))
        tone = tone * np.exp(0.6 * fractal(n, rng, 0.8))[..., None] * 0.6
        picture = mix(picture, tone, land)
    return picture


def landscape(n: int, rng: np.random.Generator) -> Float:
    """Ridges behind each other, the farther the hazier, over a meadow or a lake."""
    x, y = grid(n)
    horizon = float(rng.uniform(0.3, 0.55))
    dome, sun, beam = _dome(n, rng, horizon)
    picture = _clouds(n, rng, dome, sun, beam, horizon + 0.03)
    haze = picture[max(int(horizon * n) - 2, 0)].mean(axis=0)
    layers = int(rng.integers(3, 6))
    snow = rng.random() < 0.35
    hue = rng.normal(0, 0.12)
    from_left = 1.0 if sun[0] < 0.5 else -1.0
    for k in range(layers):
        near = (k + 1) / layers
        edge = horizon + 0.16 * (near - 0.5) + (0.13 * (1.1 - near) + 0.03) * rough_line(n, rng, 1.6 - 0.5 * near)
        wood = 0.008 + 0.02 * near
        edge2 = edge[None, :] + wood * fractal(n, rng, 0.8, coarsest=12)
        land = step(edge2, y, 2.0 / n)
        relief = fractal(n, rng, 1.4) + 0.6 * near * fractal(n, rng, 0.7, coarsest=20)
        gx, gy = slopes(relief / n * 4)
        light = np.exp(np.clip(0.35 * (from_left * -gx + 0.4 * gy), -2.2, 1.2) + 0.25 * relief)
        albedo = mix(
            color(0.06, hue, 0.22), color(0.13, hue + 0.2, 0.05), np.clip(0.5 + 0.4 * fractal(n, rng, 1.2), 0, 1)
        )
        if snow and k == 0:
            above = step(0.05 * relief + 0.03, edge[None, :] + 0.16 - y, 0.05)
            albedo = mix(albedo, color(0.75, -0.03), above)
        ground = lit(albedo, 1.1 * light, 0.25 * np.ones((n, n), np.float32), beam * 1.2)
        ground = mix(ground, haze, np.full((n, n), 0.75 * (1 - near) ** 1.3, np.float32))
        picture = mix(picture, ground, land)
    shore = horizon + rng.uniform(0.1, 0.22)
    if rng.random() < 0.4:  # a lake: the picture upside down, darker, drawn out by ripples
        ripple = fractal(n, rng, 1.0, coarsest=6, stretch=0.12)
        depth = np.clip((y - shore) / (1 - shore), 0, 1)
        mirror = 2 * shore - y - 0.05 * (y - shore) + (0.004 + 0.05 * depth) * ripple
        rows = np.clip(mirror * n, 0, n - 1).astype(np.int64)
        water = picture[rows, np.arange(n)[None, :]] * np.array((0.45, 0.5, 0.55), np.float32)
        water = water * np.exp(0.25 * ripple)[..., None] + color(0.012, -0.2, 0.1)
        return mix(picture, water, step(shore + 0.004 * rough_line(n, rng)[None, :], y, 2.5 / n))
    # A meadow in perspective: the same grass, larger the nearer it is.
    depth = np.clip((y - shore) / (1 - shore), 0.0, 1)
    coarse, fine = fractal(n, rng, 1.2, stretch=0.5), fractal(n, rng, 0.6, coarsest=10)
    near = np.asarray(np.broadcast_to(depth, (n, n)), np.float32)
    rows = np.asarray((0.25 / (near + 0.2) * n) % n, np.int64)
    columns = np.asarray(((x - 0.5) / (near + 0.25) * 0.5 * n) % n, np.int64)
    blades = fine[rows, columns]
    shadow = step(0.4, fractal(n, rng, 1.7, stretch=0.3), 0.9)
    albedo = mix(color(0.10, 0.05 + hue, 0.25), color(0.2, 0.3, 0.12), np.clip(0.4 + 0.45 * coarse, 0, 1))
    light = np.exp((0.35 + 0.5 * near) * blades) * (1 - 0.75 * shadow)
    meadow = lit(albedo, 1.2 * light, 0.22 * np.exp(0.5 * blades), beam * 1.2)
    meadow = mix(meadow, haze, 0.35 * (1 - near) ** 4)
    return mix(picture, meadow, step(shore + 0.015 * rough_line(n, rng, 1.0)[None, :], y, 3.0 / n))


def clear_or_cloudy(n: int, rng: np.random.Generator, horizon: float) -> Float:
    """A sky alone, (n, n, 3)."""
    dome, sun, beam = _dome(n, rng, horizon)
    return _clouds(n, rng, dome, sun, beam, horizon) if rng.random() < 0.6 else dome
