"""Surfaces from near: fabric in folds, and skin."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from .sketch import (
    Float,
    color,
    fractal,
    grid,
    half_shadow,
    halved,
    lit,
    mix,
    overlap,
    pick,
    pigments,
    slopes,
    step,
    wide_blur,
)


def fabric(n: int, rng: np.random.Generator) -> Float:
    """Cloth in folds: woven, striped, checked or printed; folds throw shade."""
    x, y = grid(n)
    turn = rng.uniform(0, np.pi)
    along, across = math.cos(turn) * x + math.sin(turn) * y, math.cos(turn) * y - math.sin(turn) * x
    drape, bend = fractal(n, rng, 3.0), fractal(n, rng, 3.0)
    # Folds run the same way, part, and end; their backs are round and their valleys narrow.
    folds = rng.uniform(1.0, 3.5)
    phase = folds * (across + 0.10 * bend + rng.normal(0, 0.3) * along * along)
    deep = np.clip(0.7 + 0.5 * drape, 0.1, 1.6)
    height = deep * np.abs(np.cos(np.pi * phase)) ** rng.uniform(0.8, 1.6) * 0.16 / folds + 0.035 * drape
    gx, gy = slopes(np.asarray(height, np.float32))
    # The pattern is printed on the cloth: it bends with the folds.
    s, t = along + 0.6 * height, across + 1.1 * height + 0.02 * drape
    dyes = pigments(4, rng, accents=0.3)
    albedo = np.broadcast_to(dyes[0], (n, n, 3))
    what, pitch = rng.integers(4), float(rng.uniform(5, 16))
    if what == 0:
        albedo = mix(dyes[0], dyes[1], step(0.5, np.abs((t * pitch) % 1 - 0.5) * 2, 0.12))
        albedo = mix(albedo, dyes[2], 0.8 * step(0.86, np.abs((t * pitch + 0.3) % 1 - 0.5) * 2, 0.08))
    elif what == 1:
        warp_, weft = (
            step(0.55, np.abs((t * pitch) % 1 - 0.5) * 2, 0.1),
            step(0.55, np.abs((s * pitch) % 1 - 0.5) * 2, 0.1),
        )
        albedo = mix(mix(dyes[0], dyes[1], 0.5 * warp_ + 0.5 * weft * warp_), dyes[2], 0.45 * weft)
        line = step(0.93, np.abs((s * pitch + 0.5) % 1 - 0.5) * 2, 0.06)
        albedo = mix(albedo, dyes[3], 0.6 * line)
    elif what == 2:
        row = np.floor(t * pitch)
        dot = np.hypot((t * pitch) % 1 - 0.5, (s * pitch + 0.5 * (row % 2)) % 1 - 0.5)
        albedo = mix(dyes[0], dyes[1], 1 - step(rng.uniform(0.2, 0.36), dot, 0.08))
    threads = n / rng.uniform(3.5, 6.5)  # each a few px wide
    weave = np.cos(2 * np.pi * threads * s) * np.cos(2 * np.pi * threads * t)
    yarn = fractal(n, rng, 0.5) + 0.7 * weave * rng.uniform(0.3, 1.2)
    light = rng.uniform(0, 2 * np.pi)
    facing = 0.62 + 1.1 * (gx * math.cos(light) + gy * math.sin(light)) / np.sqrt(1 + gx * gx + gy * gy)
    shade = np.exp(-16 * overlap(np.asarray(height, np.float32), (0, 0), 0.03 * n))
    pool = np.exp(0.35 * fractal(n, rng, 2.6)) * half_shadow(n, rng, rng.uniform(0.0, 0.5))
    sun = np.maximum(facing, 0.01) * np.exp(rng.uniform(0.08, 0.22) * yarn) * pool
    picture = lit(albedo, np.asarray(sun * shade, np.float32), np.asarray(0.09 * shade * shade, np.float32))
    silk = pick(rng, 0.0, 0.1, 0.6)
    sheen = silk * np.clip(facing - 0.75, 0, 1) ** 2 * shade * (1 + 0.15 * yarn)
    return np.asarray(picture + sheen[..., None].astype(np.float32), np.float32)


def skin(n: int, rng: np.random.Generator) -> Float:
    """Skin from near, in light from one side: pores, freckles, sheen, and hair before it."""
    x, y = grid(n)
    turn = rng.uniform(0, 2 * np.pi)
    across = math.cos(turn) * (x - 0.5) + math.sin(turn) * (y - 0.5)
    form = 0.24 * np.sin(3.0 * across + rng.normal(0, 0.8) + 0.12 * fractal(n, rng, 3.5)) + 0.012 * fractal(n, rng, 3.5)
    pores = fractal(n, rng, 0.5, coarsest=24)
    gx, gy = slopes(np.asarray(form, np.float32))
    light = turn + rng.normal(0, 0.7)
    facing = (0.36 + 0.9 * (gx * math.cos(light) + gy * math.sin(light))) / np.sqrt(1 + 0.5 * (gx * gx + gy * gy))
    # Where a limb or a cheek ends: it turns away from the eye, and there is a dim room behind it.
    inside = rng.uniform(0.0, 0.35) + 0.10 * np.sin(3 * y + 2 * x + rng.uniform(0, 6)) - across
    ends = rng.random() < 0.65
    if ends:
        facing = facing * np.sqrt(np.clip(inside / 0.22, 0, 1)) - 0.25 * np.exp(-np.clip(inside, 0, 1) / 0.05)
    melanin = float(rng.beta(1.3, 1.5))
    pale, deep = np.array((0.62, 0.36, 0.25), np.float32), np.array((0.085, 0.038, 0.02), np.float32)
    tone = pale ** (1 - melanin) * deep**melanin
    flush = np.array((1.06, 0.92, 0.93), np.float32) ** (0.8 * fractal(n, rng, 2.2))[..., None]
    spots = np.clip(fractal(n, rng, 1.2, coarsest=14) - rng.uniform(1.3, 2.8), 0, 1)
    # Fine lines cross in a net, drawn out where the skin is stretched.
    net = fractal(n, rng, 1.3, coarsest=10, stretch=pick(rng, 0.3, 1.0, 3.0))
    lines = np.exp(-np.square(net / 0.1)) * rng.uniform(0.03, 0.16)
    albedo = tone * flush * np.exp(0.02 * pores - 0.8 * spots - lines)[..., None]
    # Light that goes under the skin comes out red: red fades later into the shade.
    wrap = np.stack([np.logaddexp(0, 9 * (facing + bleed)) / (9 + 9 * bleed) for bleed in (0.06, 0.0, -0.02)], axis=2)
    sun = wrap[..., 1]
    wrap *= half_shadow(n, rng, rng.uniform(0.1, 0.5))[..., None]
    picture = albedo * (1.4 * wrap * np.exp(0.035 * pores)[..., None] + 0.01 * color(1.0, -0.15))
    oil = rng.uniform(0.05, 0.8)
    gleam = oil * np.minimum(2 * sun, 1) * np.clip(facing - 0.5, 0, 1) ** 2 * 2.5 * np.clip(0.7 + 0.4 * pores, 0, 2.5)
    picture = picture + gleam[..., None].astype(np.float32) * color(1.0, -0.03)
    if ends:
        room = mix(
            pigments(1, rng)[0] * 0.1, pigments(1, rng)[0] * pick(rng, 0.15, 1.5), step(0, fractal(n, rng, 3.0), 2.5)
        )
        picture = mix(np.asarray(picture, np.float32), room, step(0, -inside, 2.0 / n))
    if rng.random() < 0.8:
        cover, gloss = _hair(n, rng)
        strand = color(float(np.exp(rng.normal(-4.4, 0.6))), rng.uniform(0.1, 0.5))
        hair = strand * (0.35 + 1.0 * sun)[..., None] * (1 + 4 * gloss)[..., None]
        picture = picture * np.exp(-1.1 * wide_blur(cover, 0.02 * n))[..., None]
        picture = mix(picture, hair, cover)
    return np.asarray(picture, np.float32)


def _hair(n: int, rng: np.random.Generator) -> tuple[Float, Float]:
    """Return how much hair hides (n, n) and how bright each strand is: bundles of strands from beyond one side."""
    side, m = rng.uniform(0, 2 * np.pi), 2 * n
    cover, gloss = Image.new("L", (m, m), 0), Image.new("L", (m, m), 0)
    draw, draw_gloss = ImageDraw.Draw(cover), ImageDraw.Draw(gloss)
    s = np.linspace(0, 1, 14)
    for _ in range(int(rng.integers(2, 6))):
        start, bend, reach = rng.normal(0, 0.35), rng.normal(0, 0.9), rng.uniform(0.7, 1.5)
        for _ in range(int(rng.integers(25, 80))):
            off, curl = start + rng.normal(0, 0.05), bend + rng.normal(0, 0.15)
            along = -0.75 + reach * (0.6 + 0.7 * rng.random()) * s * 1.4
            across = off + 0.35 * curl * s**2 + 0.008 * np.sin(9 * s + 6 * rng.random())
            px = (0.5 + math.cos(side) * along - math.sin(side) * across) * m
            py = (0.5 + math.sin(side) * along + math.cos(side) * across) * m
            points = [(float(p), float(q)) for p, q in zip(px, py, strict=True)]
            width = max(round(m / 220 * rng.uniform(0.6, 1.4)), 1)
            draw.line(points, 255, width)
            draw_gloss.line(points, int(rng.integers(0, 160)), width)
    hides, shines = (halved(np.asarray(plane, np.float32)) / np.float32(255) for plane in (cover, gloss))
    return np.asarray(hides, np.float32), np.asarray(shines, np.float32)
