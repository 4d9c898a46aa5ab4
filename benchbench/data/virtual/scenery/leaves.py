"""Things that hide each other: objects in a heap, and foliage (dead leaves, after Lee, Mumford & Huang 2001)."""

from __future__ import annotations

import numpy as np

from .sketch import (
    BOX,
    ELLIPSE,
    LEAF,
    Float,
    color,
    fractal,
    front,
    halved,
    lit,
    mix,
    overlap,
    pick,
    pigments,
    shapes,
    wide_blur,
)


def power_law(count: int, smallest: float, largest: float, rng: np.random.Generator) -> Float:
    """Radii with density ~ r^-3 on [smallest, largest]: as many things at each scale as in a natural image."""
    u = rng.random(count)
    return np.asarray(1 / np.sqrt(smallest**-2 - u * (smallest**-2 - largest**-2)), np.float32)


def objects(n: int, rng: np.random.Generator) -> Float:
    """A heap of round and flat things, matt and glossy, plain, rough and striped, in light from one side."""
    m, largest, smallest = 2 * n, rng.uniform(0.2, 0.45), rng.uniform(0.012, 0.035)
    count = int(2.2 / (2 * np.pi * smallest**2 * np.log(largest / smallest)))
    radius = power_law(count, smallest, largest, rng)
    order = np.argsort(-np.log(radius) + rng.normal(0, 0.9, count))  # small things lie on large ones
    radius = radius[order]
    aspect = np.exp(rng.normal(0, 0.3, count))
    round_share = pick(rng, 0.15, 0.6, 0.9)
    outline = np.where(rng.random(count) < round_share, ELLIPSE, BOX)
    tilt = rng.normal(0, 1.2, count) + rng.uniform(0, np.pi)
    x, y = rng.uniform(-0.05, 1.05, (2, count))
    drawn = shapes(x, y, radius * aspect, radius / aspect, tilt, outline)
    index, u, v = front(m, drawn)
    seen = index >= 0
    k = np.maximum(index, 0)

    bulge = np.where(rng.random(count) < 0.6, rng.uniform(0.5, 1.0, count), rng.uniform(0.0, 0.3, count)).astype(
        np.float32
    )
    gloss = np.where(rng.random(count) < 0.3, np.exp(rng.normal(-0.6, 0.7, count)), 0.02).astype(np.float32)
    rough = np.where(rng.random(count) < 0.5, rng.uniform(0.15, 0.45, count), 0.05).astype(np.float32)
    towards, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0)
    light = np.array((np.cos(towards) * np.cos(rise), np.sin(towards) * np.cos(rise), np.sin(rise)), np.float32)
    c, s = np.cos(drawn.angle)[k], np.sin(drawn.angle)[k]
    lift = bulge[k]
    nx, ny = lift * (c * u - s * v), lift * (s * u + c * v)
    lean = rng.normal(0, 0.25, (2, count)).astype(np.float32)
    nx, ny = nx + lean[0][k], ny + lean[1][k]
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.02))
    towards_light = np.maximum(nx * light[0] + ny * light[1] + nz * light[2], 0)
    half = light + np.array((0, 0, 1), np.float32)
    half /= np.linalg.norm(half)
    mirror = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** 36

    grain = fractal(m, rng, 0.9)
    stripes = np.where(rng.random(count) < 0.12, rng.uniform(4, 14, count), 0).astype(np.float32)
    shift = rng.integers(0, m, (2, count))
    rows, columns = np.arange(m)[:, None], np.arange(m)[None, :]
    worn = grain[(rows + shift[0][k]) % m, (columns + shift[1][k]) % m]
    texture = np.exp(rough[k] * worn + np.where(stripes[k] > 0, 0.5 * np.sign(np.sin(stripes[k] * v)), 0))
    dyes = pigments(count + 1, rng)
    albedo = np.where(seen[..., None], dyes[k], dyes[-1]) * texture[..., None]

    height = np.where(seen, (k + 1) / count, 0).astype(np.float32)
    low = np.ascontiguousarray(height[::2, ::2])
    toward = (float(light[0]) * 0.012, float(light[1]) * 0.012)
    contact = overlap(low, toward, 0.010 * n) + overlap(low, (3 * toward[0], 3 * toward[1]), 0.03 * n)
    pool = np.exp(0.45 * fractal(n, rng, 2.4))
    shade = np.exp(-3.6 * contact)
    direct = halved(np.where(seen, towards_light, light[2]))
    picture = lit(halved(albedo), direct * shade * pool, 0.22 * shade * shade)
    shine = halved(np.where(seen, gloss[k] * mirror, 0).astype(np.float32))
    return np.asarray(picture + (2.5 * shine * shade * pool)[..., None], np.float32)


def foliage(n: int, rng: np.random.Generator) -> Float:
    """Leaves of a few plants before shade and gaps of sky, some lit through."""
    m = 2 * n
    length = rng.uniform(0.03, 0.11)
    count = int(min(1.5 / length**2, 1400))
    slim = rng.uniform(0.22, 0.5)
    a = length * np.exp(rng.normal(0, 0.35, count))
    b = a * slim * np.exp(rng.normal(0, 0.2, count))
    flow = 1.1 * fractal(64, rng, 2.0)
    x, y = rng.uniform(-0.05, 1.05, (2, count))
    cell = (np.clip(y * 64, 0, 63).astype(int), np.clip(x * 64, 0, 63).astype(int))
    angle = flow[cell] + rng.normal(0, 0.7, count) + rng.uniform(0, 2 * np.pi)
    # Twigs stand out from the shade in clumps: leaves are many where a cloud of noise is dense.
    clump = fractal(64, rng, 1.6)[cell]
    keep = rng.random(count) < 1 / (1 + np.exp(-(2.2 * clump + 0.7)))
    x, y, a, b, angle = x[keep], y[keep], a[keep], b[keep], angle[keep]
    count = len(x)
    drawn = shapes(x, y, a, b, angle, LEAF)
    index, u, v = front(m, drawn)
    seen, k = index >= 0, np.maximum(index, 0)

    season = rng.random()
    hue = rng.normal(-0.02, 0.1) if season < 0.75 else rng.normal(0.55, 0.15)
    warmth = (hue + rng.normal(0, 0.12, count)).astype(np.float32)
    tint = (rng.normal(0.32 if season < 0.75 else 0.05, 0.08) + rng.normal(0, 0.05, count)).astype(np.float32)
    rgb = np.exp(np.stack((0.25 + warmth, tint, -0.55 - warmth), axis=1)).astype(np.float32)
    depth = np.arange(count) / max(count, 1)
    bright = np.exp(rng.normal(0, 0.35, count) + 1.5 * (depth - 1)).astype(np.float32)
    lean = rng.normal(0, 0.8, count).astype(np.float32)
    through = np.where(rng.random(count) < 0.15, rng.uniform(0.6, 2.0, count), 0.0).astype(np.float32)
    # The two halves of a leaf lie in different light; its vein is paler, its rim curls.
    side = np.tanh(6 * v)
    shading = np.exp(0.35 * side * lean[k] + 0.25 * u * lean[k])
    vein = np.exp(-np.square(v * (a / 0.002)[k] * slim)) + 0.35 * np.exp(
        -np.square((np.sin(14 * (u + 0.8 * np.abs(v)))) * 3)
    )
    albedo = 0.09 * rgb[k] * (bright[k] * shading * (1 + 0.4 * vein))[..., None]
    sheen = np.where(rng.random(count) < 0.25, rng.uniform(0.2, 1.2, count), 0.02).astype(np.float32)
    gleam = sheen[k] * np.exp(-np.square((u - 0.4 * lean[k]) * 2.2) - np.square((v - 0.3) * 2.5))

    back = mix(color(0.006, 0.0, 0.25), color(0.10, -0.05, 0.3), np.clip(0.35 + 0.5 * fractal(n, rng, 1.6), 0, 1) ** 2)
    gaps = np.clip(fractal(n, rng, 1.4) - rng.uniform(0.9, 1.8), 0, 1)
    back += gaps[..., None] * color(2.5, -0.12, 0.02)
    height = np.where(seen, (k + 1) / count, 0).astype(np.float32)
    low = np.ascontiguousarray(height[::2, ::2])
    shade = np.exp(-4.5 * overlap(low, (0.0, -0.02), 0.012 * n) - 2.0 * overlap(low, (0.0, -0.04), 0.05 * n))
    dapple = np.exp(0.8 * wide_blur(fractal(n, rng, 1.2), 0.01 * n))
    leaf = lit(halved(np.asarray(albedo, np.float32)), 2.6 * shade * dapple, 0.5 * shade)
    cover = halved(seen.astype(np.float32))
    extra = halved(np.asarray(np.where(seen, gleam, 0), np.float32)) * shade * dapple
    backlit = halved(np.asarray(np.where(seen, through[k], 0), np.float32)) * (0.4 + 0.6 * shade)
    leaf += extra[..., None] * color(0.55, -0.1) + backlit[..., None] * color(0.22, 0.1, 0.5) * cover[..., None]
    return np.asarray(leaf + (1 - cover)[..., None] * back, np.float32)
