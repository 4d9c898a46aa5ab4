"""Outdoors: skies with clouds, and ridges that fade into haze."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from .sketch import Float, color, fractal, glow, grid, halved, lit, mix, pick, rough_line, slopes, step, wide_blur


def _dome(n: int, rng: np.random.Generator, horizon: float) -> tuple[Float, tuple[float, float], Float]:
    """Return a cloudless sky (n, n, 3), where its sun is, and the sun's color."""
    _, y = grid(n)
    up = np.clip((horizon - y) / max(horizon, 0.2), 0, 1)
    low_sun = rng.random() < 0.35
    height = horizon - rng.uniform(0.02, 0.15) if low_sun else rng.uniform(-0.5, 0.15)
    sun = (float(rng.uniform(-0.2, 1.2)), float(height))
    if low_sun:
        zenith, rim, beam = color(0.08, -0.75, -0.05), color(0.8, rng.uniform(0.25, 0.7), -0.02), color(1.0, 0.5, 0.05)
    else:
        zenith = color(rng.uniform(0.15, 0.35), rng.uniform(-0.8, -0.35), 0.02)
        rim, beam = color(0.75, rng.uniform(-0.35, -0.02)), color(1.0, 0.08)
    bend = np.broadcast_to(up ** rng.uniform(0.4, 0.8), (n, n))
    dome = np.exp(mix(np.log(rim), np.log(zenith), np.asarray(bend, np.float32)))
    dome = dome * (1 + 1.2 * glow(n, sun[0], sun[1], 0.35, 1.2))[..., None]
    corona = 3.0 * glow(n, sun[0], sun[1], 0.05, 1.6) + 14 * glow(n, sun[0], sun[1], 0.02, 4.0)
    return np.asarray(dome + corona[..., None] * beam, np.float32), sun, beam


def _clouds(
    n: int, rng: np.random.Generator, dome: Float, sun: tuple[float, float], beam: Float, horizon: float
) -> Float:
    """Lay clouds over a sky: heaps that shade themselves on the side away from the sun, flatter towards the horizon."""
    x, y = grid(n)
    near = np.clip((horizon - y) / max(horizon, 0.2), 0.0, 1)
    field = fractal(n, rng, rng.uniform(1.3, 1.8), stretch=pick(rng, 1.0, 1.5, 2.5))
    if rng.random() < 0.6:
        # Perspective: a row at height h over the horizon looks 1 / h far into a flat layer of clouds.
        far = 0.9 / (near + 0.3)
        rows = np.asarray((far * n) % n, np.int64)
        columns = np.asarray((((x - 0.5) * far + 0.5) * n) % n, np.int64)
        field = field[np.broadcast_to(rows, (n, n)), columns]
        field = wide_blur(np.ascontiguousarray(field), 1.2)
    cover = rng.uniform(-0.6, 0.9)
    density = np.clip((field - cover - 0.5 * (1 - near)) * rng.uniform(0.5, 1.2), 0, 3) * step(0.04, near, 0.06)
    dx, dy = sun[0] - 0.5, sun[1] - 0.4
    length = max(float(np.hypot(dx, dy)), 0.1)
    gx, gy = slopes(wide_blur(density, 0.008 * n))
    facing = -(gx * dx + gy * dy) / length
    thick = wide_blur(density, 0.02 * n)
    bright = np.exp(-1.3 * thick + 0.06 * np.clip(facing, -6, 8))
    opacity = 1 - np.exp(-2.2 * density)
    body = 1.4 * bright[..., None] * (0.7 * beam + 0.4 * color(1.0, -0.15)) + 0.25 * dome
    return mix(dome, body, np.asarray(opacity, np.float32))


def clear_or_cloudy(n: int, rng: np.random.Generator, horizon: float) -> Float:
    """Return a sky alone, (n, n, 3)."""
    dome, sun, beam = _dome(n, rng, horizon)
    return _clouds(n, rng, dome, sun, beam, horizon) if rng.random() < 0.6 else dome


def sky(n: int, rng: np.random.Generator) -> Float:
    """A sky over a dark rim of trees or roofs."""
    horizon = float(rng.uniform(0.6, 0.95))
    dome, sun, beam = _dome(n, rng, horizon)
    picture = _clouds(n, rng, dome, sun, beam, horizon + 0.05) if rng.random() < 0.85 else dome
    _, y = grid(n)
    slope = rng.uniform(0.8, 1.6)
    for far in (0.7, 0.0):
        edge = horizon + 0.06 * (1 - far) + (0.05 + 0.03 * (1 - far)) * rough_line(n, rng, slope)
        crown = 0.03 * fractal(n, rng, 0.9) * (1 - 0.5 * far)
        land = step(edge[None, :] + crown, y, 2.5 / n)
        tone = mix(color(0.015, 0.1, 0.2), color(0.16, -0.15, 0.05), np.full((n, n), far, np.float32))
        tone = tone * np.exp(0.8 * fractal(n, rng, 0.9))[..., None] * 0.6
        picture = mix(picture, tone, land)
    if rng.random() < 0.5:
        bark = color(0.012, 0.25, 0.1) * np.exp(0.5 * fractal(n, rng, 1.0))[..., None]
        picture = mix(picture, bark, _branches(n, rng))
    return picture


def _branches(n: int, rng: np.random.Generator) -> Float:
    """Return how much the branches of a near tree hide (n, n); they grow in from one side and fork."""
    m = 2 * n
    image = Image.new("L", (m, m), 0)
    pen = ImageDraw.Draw(image)
    right = rng.random() < 0.5
    bare = rng.random() < 0.5
    growing = [
        (float(right), float(rng.uniform(-0.1, 0.6)), np.pi * right + rng.normal(0, 0.4), rng.uniform(0.012, 0.022))
        for _ in range(int(rng.integers(1, 4)))
    ]
    while growing:
        x, y, heading, width = growing.pop()
        points = [(x * m, y * m)]
        for _ in range(4):
            heading += rng.normal(0, 0.16)
            x, y = x + 0.7 * width**0.6 * np.cos(heading), y + 0.7 * width**0.6 * np.sin(heading)
            points.append((x * m, y * m))
        pen.line(points, 255, max(round(width * m), 1), "curve")
        if width > 0.003:
            forks = rng.normal(0, 0.55, 2 if rng.random() < 0.8 else 3)
            growing += [(x, y, heading + fork, width * rng.uniform(0.55, 0.8)) for fork in forks.tolist()]
        if not bare and width < 0.008:
            for _ in range(5):
                (px, py), r = points[int(rng.integers(5))], m * rng.uniform(0.006, 0.014)
                px, py = px + rng.normal(0, r), py + rng.normal(0, r)
                pen.ellipse((px - r, py - 0.6 * r, px + r, py + 0.6 * r), 235)
    return halved(np.asarray(image, np.float32) / 255)


def landscape(n: int, rng: np.random.Generator) -> Float:
    """Ridges behind each other, the farther the hazier, over a meadow or a lake, and trees."""
    _, y = grid(n)
    horizon = float(rng.uniform(0.25, 0.5))
    dome, sun, beam = _dome(n, rng, horizon)
    picture = _clouds(n, rng, dome, sun, beam, horizon + 0.03)
    haze = picture[max(int(horizon * n) - 2, 0)].mean(axis=0)
    layers = int(rng.integers(2, 6))
    snow = rng.random() < 0.35
    hue = rng.normal(-0.02, 0.12)
    from_left = 1.0 if sun[0] < 0.5 else -1.0
    thick = rng.uniform(0.5, 0.9)
    for k in range(layers):
        near = (k + 1) / layers
        edge = horizon + 0.16 * (near - 0.5) + (0.11 * (1.1 - near) + 0.03) * rough_line(n, rng, 1.8 - 0.5 * near)
        wood = 0.002 + 0.016 * near**2
        land = step(edge[None, :] + wood * fractal(n, rng, 0.9, coarsest=12), y, 2.0 / n)
        relief = fractal(n, rng, 2.0) + 0.3 * near * fractal(n, rng, 1.0, coarsest=12)
        gx, gy = slopes(relief)
        light = np.exp(np.clip(0.014 * (from_left * -gx + 0.5 * gy), -2.5, 0.9) + 0.3 * relief)
        dye = np.clip(0.5 + 0.4 * fractal(n, rng, 1.4), 0, 1)
        albedo = mix(color(0.025, hue, 0.28), color(0.085, hue + 0.2, 0.2), dye)
        if snow and k == 0:
            albedo = mix(albedo, color(0.75, -0.03), step(0.05 * relief + 0.03, edge[None, :] + 0.16 - y, 0.05))
        ground = lit(albedo, 1.3 * light, np.full((n, n), 0.10, np.float32), beam * 1.2)
        ground = mix(ground, haze, np.full((n, n), thick * (1 - near) ** 1.2, np.float32))
        picture = mix(picture, ground, land)
    shore = float(horizon + rng.uniform(0.12, 0.25))
    lake = rng.random() < 0.4
    if not lake:
        picture = _meadow(n, rng, picture, shore, haze, beam, hue)
    for _ in range(int(rng.integers(1, 8))):
        picture = _tree(n, rng, picture, shore + rng.uniform(0, 0.12), from_left, beam, hue)
    if lake:  # the picture upside down, darker, drawn out by ripples
        ripple = fractal(n, rng, 1.0, coarsest=6, stretch=8.0)
        depth = np.clip((y - shore) / (1 - shore), 0, 1)
        mirror = 2 * shore - y - 0.05 * (y - shore) + (0.003 + 0.03 * depth) * ripple
        rows = np.clip(np.abs(mirror) * n, 0, n - 1).astype(np.int64)
        water = picture[rows, np.arange(n)[None, :]] * np.array((0.42, 0.48, 0.52), np.float32)
        water = water * np.exp(0.2 * ripple)[..., None] + color(0.008, -0.2, 0.1)
        picture = mix(picture, water, step(shore + 0.03 + 0.004 * rough_line(n, rng)[None, :], y, 2.5 / n))
    if rng.random() < 0.4:
        picture = mix(picture, color(0.012, 0.2, 0.1), _branches(n, rng))
    return picture


def _meadow(
    n: int, rng: np.random.Generator, picture: Float, shore: float, haze: Float, beam: Float, hue: float
) -> Float:
    """Lay grass in perspective below `shore`: the same all over, larger the nearer it is."""
    x, y = grid(n)
    near = np.asarray(np.broadcast_to(np.clip((y - shore) / (1 - shore), 0.0, 1), (n, n)), np.float32)
    far = 0.5 / (near + 0.22)
    rows, columns = np.asarray((far * n) % n, np.int64), np.asarray(((x - 0.5) * far * n) % n, np.int64)
    blades = fractal(n, rng, 0.75, coarsest=8, stretch=0.6)[rows, columns]
    patches = fractal(n, rng, 1.3)[rows, columns]
    shadow = step(rng.uniform(-0.2, 1.0), fractal(n, rng, 2.0, stretch=4.0), 0.5)
    albedo = mix(color(0.07, 0.1 + hue, 0.32), color(0.15, 0.28 + hue, 0.2), np.clip(0.4 + 0.4 * patches, 0, 1))
    light = np.exp((0.25 + 0.45 * near) * blades) * (1 - 0.88 * shadow)
    grass = lit(albedo, 1.3 * light, 0.12 * np.exp(0.6 * blades), beam * 1.2)
    grass = mix(grass, haze, 0.3 * (1 - near) ** 5)
    return mix(picture, grass, step(shore + 0.012 * rough_line(n, rng, 1.4)[None, :], y, 3.0 / n))


def _tree(n: int, rng: np.random.Generator, picture: Float, foot: float, side: float, beam: Float, hue: float) -> Float:
    """Set a tree or bush with its foot at this height; its crown is lit from above and dark below."""
    x, y = grid(n)
    high = math.exp(rng.normal(-2.0, 0.55))
    cx, cy, wide = rng.uniform(0, 1), foot - 0.55 * high, high * rng.uniform(0.3, 0.6)
    dx, dy = (x - cx) / wide, (y - cy) / (0.5 * high)
    lumps = fractal(n, rng, 1.0, coarsest=5)
    crown = step(0, 1 - dx * dx - dy * dy + 0.42 * lumps, 0.12)
    trunk = step(0, 0.07 - np.abs(dx), 0.03) * (y > cy) * (y < foot)
    # Far from the crown, where nothing of it is painted, it would overflow, and 0 times infinity is no number.
    light = np.exp(np.minimum(-0.9 * dy - 0.7 * side * dx + 0.8 * lumps - 1.2, 30.0))
    leaves = lit(color(0.05, 0.05 + hue, 0.3), np.asarray(1.6 * light, np.float32), 0.1 * np.exp(0.4 * lumps), beam)
    ground = np.exp(-np.square((x - cx) / (1.3 * wide)) - np.square((y - foot) / (0.1 * high)))
    picture = picture * (1 - 0.75 * ground)[..., None].astype(np.float32)
    picture = mix(picture, color(0.012, 0.3), np.asarray(trunk, np.float32))
    return mix(picture, leaves, crown)
