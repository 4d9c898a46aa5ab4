"""What people build and print: facades in perspective, and pages and signs with text."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .landscape import clear_or_cloudy
from .sketch import SKY, SUN, Float, color, fractal, grid, half_shadow, halved, lit, mix, pick, pigments, step

_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono", "STIXGeneral")


def architecture(n: int, rng: np.random.Generator) -> Float:
    """The corner of a building under the sky: windows, sills, courses of stone, and a shadow across."""
    m = 2 * n
    x, _ = grid(m)
    corner, eye, roof = float(rng.uniform(-0.2, 1.2)), rng.uniform(0.5, 1.1), rng.uniform(-0.6, 0.3)
    picture = _tile(clear_or_cloudy(n, rng, 1.2), m)
    towards, cut = int(rng.integers(2)), int(np.clip(corner, 0, 1) * m)
    stone = np.clip(1.7 * pigments(1, rng, accents=0.15)[0], 0.05, 0.7) * color(1.0, 0.12)
    slant, shadow_at = rng.normal(0, 0.8), rng.uniform(0.0, 0.9)
    windows, storey = float(rng.uniform(3, 9)), float(rng.uniform(0.7, 1.2))
    wide, high = float(rng.uniform(0.16, 0.36)), float(rng.uniform(0.26, 0.4))
    pool = np.exp(0.3 * fractal(n, rng, 2.4))
    for face, columns in enumerate((slice(0, cut), slice(cut, m))):
        if columns.start == columns.stop:
            continue
        beside = np.abs(x[:, columns] - corner)
        shadow = (shadow_at, slant * (1 if face else -1)) if face == towards else (-9.0, 0.0)
        turn = float(rng.uniform(0.15, 1.1))
        worn = _tile(0.18 * fractal(n, rng, 1.5) + 0.14 * fractal(n, rng, 1.4, stretch=0.2), m)[:, columns]
        _front(picture[:, columns], beside, turn, (eye, roof), (windows, storey, wide, high), stone, worn, shadow, rng)
    return np.asarray(halved(picture) * pool[..., None], np.float32)


def _front(
    picture: Float,
    beside: Float,
    turn: float,
    place: tuple[float, float],
    plan: tuple[float, float, float, float],
    stone: Float,
    worn: Float,
    shadow: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Paint one front of a building into the columns `picture` (m, width, 3).

    Args:
        beside: how far from the corner, (1, width).
        turn: how fast the front recedes.
        place: height of the eye and of the roof.
        plan: windows and storeys a side; half a window's width and height in its field.
        stone, worn: color, and log of its wear (m, width).
        shadow: where, and how steep, the shadow of a neighbor ends.
    """
    m, (eye, roof), (windows, storey, wide, high) = picture.shape[0], place, plan
    y = grid(m)[1]
    scale = 1 / np.maximum(1 - turn * beside * 0.75, 0.12)
    u = beside * scale * windows * (0.6 + turn)
    level = (y - eye) * scale + eye
    v, top = level * windows * storey, level - roof
    iu, iv = np.floor(u).astype(np.int64) % 64, np.floor(v).astype(np.int64) % 64
    fu, fv = u - np.floor(u), v - np.floor(v)
    du, dv = np.abs(fu - 0.5), np.abs(fv - 0.5)
    glass = (du < wide) & (dv < high)
    frame = (du < wide + 0.05) & (dv < high + 0.05)
    below = fv - (0.5 + high)
    sill = (du < wide + 0.09) & (below > 0.03) & (below < 0.08)
    under = (du < wide + 0.09) & (below >= 0.08) & (below < 0.14)
    course = rng.integers(3, 12)
    joint = ((fv * course) % 1 < 0.09) | (((fu * 3 + 0.5 * (np.floor(fv * course) % 2)) % 1) < 0.04)
    eaves, drip = (top < 0.035), (top >= 0.035) & (top < 0.08)
    # What reflects how much and how light it is, then one light over all.
    albedo = np.where((frame | sill | eaves)[..., None], color(0.5, 0.08), stone)
    light = np.exp(worn) * np.where(joint, 0.8, 1.0) * np.where(under, 0.2, 1.0) * np.where(drip, 0.25, 1.0)
    sun = step(0, (shadow[0] + shadow[1] * beside) - y, 0.012) * 0.95 + 0.05
    body = albedo * light[..., None] * (sun[..., None] * SUN * 1.3 + 0.14 * SKY)
    # Panes: rooms are dark, some have curtains; the sky is in them by chance; the reveal lies in shade.
    table = np.minimum(np.exp(rng.normal(-2.6, 1.2, (64, 64))), 1.5).astype(np.float32)
    drawn = (rng.random((64, 64)) < 0.25) * rng.uniform(0.3, 1.0, (64, 64)).astype(np.float32)
    curtain = (fv - 0.5 + high) < drawn[iv, iu] * 2 * high
    reveal = (fv < 0.5 - high + 0.06) | (fu < 0.5 - wide + 0.04)
    bar = (du < 0.018) | (np.abs(fv - 0.42) < 0.018)
    dim = np.where(reveal, 0.2, 1.0) * (1 - 0.5 * fv)
    pane = (table[iv, iu] * dim)[..., None] * color(0.45, -0.15) + color(0.006, 0.1)
    pane += (np.where(curtain, 0.16, 0.0) * dim * sun)[..., None] * color(1.0, 0.12)
    body = np.where((glass & ~bar)[..., None], pane, body)
    picture[:] = np.where((top > 0)[..., None], body, picture)


def _tile(plane: Float, m: int) -> Float:
    factor = m // plane.shape[0]
    return np.repeat(np.repeat(plane, factor, axis=0), factor, axis=1)


def text(n: int, rng: np.random.Generator) -> Float:
    """Printed sheets on a table, seen from aside, with headlines, columns and pictures; some are light on dark."""
    ground = pigments(1, rng)[0] * np.exp(0.3 * fractal(n, rng, 1.2, stretch=pick(rng, 0.1, 1.0, 8.0)))[..., None]
    picture = lit(ground, np.ones((n, n), np.float32), np.full((n, n), 0.25, np.float32))
    x, y = grid(n)
    pool = np.exp(0.8 * fractal(n, rng, 2.4))
    for k in range(int(rng.integers(2, 5))):
        sheet = _sheet(n, rng)
        turn, zoom = rng.normal(0, 0.4), rng.uniform(0.7, 1.2) if k == 0 else rng.uniform(0.9, 1.9)
        cx, cy = rng.uniform(0.2, 0.8, 2)
        px, py = (
            math.cos(turn) * (x - cx) + math.sin(turn) * (y - cy),
            math.cos(turn) * (y - cy) - math.sin(turn) * (x - cx),
        )
        tilt = rng.normal(0, 0.25, 2)
        away = 1 + tilt[0] * px + tilt[1] * py
        s, t = px * zoom / away + 0.5, py * zoom / away + 0.5
        t = t + 0.02 * rng.normal() * np.sin(3 * s)
        outside = np.maximum(np.abs(s - 0.5) - 0.36, np.abs(t - 0.5) - 0.48)
        shadow = np.exp(-np.square(np.maximum(outside, 0) / 0.03)) * 0.8
        picture = picture * (1 - shadow * (outside > 0))[..., None].astype(np.float32)
        side = sheet.shape[0]
        rows = np.clip(t * side, 0, side - 1).astype(np.int64)
        columns = np.clip((s - 0.14) / 0.72 * side, 0, side - 1).astype(np.int64)
        curl = 1 + 0.25 * rng.normal() * np.sin(3 * s + rng.uniform(0, 3)) + 0.1 * rng.normal() * t
        page = lit(sheet[rows, columns], np.asarray(curl, np.float32), np.full((n, n), 0.25, np.float32))
        picture = mix(picture, page, np.asarray(step(0, -outside, 1.5 / n), np.float32))
    picture = picture * pool[..., None]
    return np.asarray(picture * half_shadow(n, rng, rng.uniform(0.1, 0.5))[..., None], np.float32)


def _sheet(n: int, rng: np.random.Generator) -> Float:
    """Return a printed sheet (m, m, 3), reflectance."""
    m = 2 * n
    page, ink = Image.new("L", (m, m), 0), 255
    draw = ImageDraw.Draw(page)
    size = m * rng.uniform(0.022, 0.06)
    face, title = (_font(str(rng.choice(_FONTS)), max(int(s), 6)) for s in (size, size * rng.uniform(1.8, 4)))
    top = 0.05 * m
    draw.text((0.07 * m, top), _words(rng, 3).title(), ink, title)
    top += 1.4 * title.size
    boxes = []
    while top < 0.95 * m:
        if rng.random() < 0.06 and top < 0.7 * m:
            high = rng.uniform(0.12, 0.3) * m
            boxes.append((int(top), int(top + high)))
            top += high + size
            continue
        end = 0.93 if rng.random() < 0.85 else rng.uniform(0.3, 0.8)
        draw.text((0.07 * m, top), _words(rng, int(2.2 * m / size * 0.13 * end) + 1), ink, face)
        top += 1.35 * size * (1.8 if end < 0.93 else 1.0)
    draw.rectangle((int(0.94 * m), 0, m, m), 0)
    cover = np.asarray(page, np.float32) / 255
    paper, letters = color(0.72, rng.normal(0.04, 0.03)), color(0.02, rng.normal(0, 0.1))
    if rng.random() < 0.3:
        paper, letters = pigments(1, rng, 0.6)[0] * 0.6, color(0.75, 0.03)
    sheet = mix(paper, letters, cover)
    for y0, y1 in boxes:
        x0, x1 = int(0.07 * m), int(rng.uniform(0.6, 0.93) * m)
        noise = np.resize(fractal(n, rng, 1.5), (m, m))[y0:y1, x0:x1]
        sheet[y0:y1, x0:x1] = mix(pigments(1, rng, 0.5)[0], pigments(1, rng, 0.5)[0], np.clip(0.5 + 0.5 * noise, 0, 1))
    return sheet


@lru_cache(maxsize=64)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    found = find_spec("matplotlib")
    assert found is not None and found.origin is not None
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
    # Pillow's other layout places letters elsewhere, and is there only where the system has a library for it.
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _words(rng: np.random.Generator, count: int) -> str:
    """Return words of no language."""
    starts, vowels, ends = [*"bcdfghlmnprstv", "st", "tr", "pl"], list("aeiou"), ["", "n", "r", "s", "t", "l"]
    parts: list[str] = []
    for _ in range(max(count, 1)):
        syllables = int(rng.integers(1, 4))
        picks = rng.integers(0, 1 << 16, (syllables, 3))
        parts.append("".join(starts[a % 17] + vowels[b % 5] + ends[c % 6] for a, b, c in picks.tolist()))
    return " ".join(parts)
