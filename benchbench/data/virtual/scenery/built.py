"""What people build and print: facades in perspective, and pages and signs with text."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .landscape import clear_or_cloudy
from .sketch import Float, color, fractal, grid, lit, mix, pigments, rough_line, step, wide_blur

_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono", "STIXGeneral")


def architecture(n: int, rng: np.random.Generator) -> Float:
    """The corner of a building under the sky: windows, sills, courses of stone, and a shadow across."""
    m = 2 * n
    x, y = grid(m)
    corner, eye, roof = rng.uniform(-0.2, 1.2), rng.uniform(0.5, 1.1), rng.uniform(-0.6, 0.25)
    turn = rng.uniform(0.15, 1.1, 2)
    picture = np.repeat(np.repeat(clear_or_cloudy(n, rng, 1.2), 2, axis=0), 2, axis=1)
    towards = rng.integers(2)
    stone = np.clip(1.6 * pigments(2, rng, accents=0.05), 0.05, 0.7)
    windows = float(rng.uniform(4, 9))
    night = color(0.008, 0.1)
    slant, shadow_at = rng.normal(0, 0.8), rng.uniform(-0.2, 1.0)
    for face in range(2):
        sign = -1.0 if face == 0 else 1.0
        beside = sign * (x - corner)
        scale = 1 / np.maximum(1 - turn[face] * np.clip(beside, 0, None) * 0.75, 0.12)
        u = np.clip(beside, 0, None) * scale * windows * (0.6 + turn[face])
        v = ((y - eye) * scale + eye) * windows * 0.8
        top = ((y - eye) * scale + eye) - roof
        on = (beside > 0) & (top > 0)
        fu, fv = u % 1, v % 1
        iu, iv = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
        wide, high = rng.uniform(0.22, 0.34), rng.uniform(0.28, 0.4)
        du, dv = np.abs(fu - 0.5), np.abs(fv - 0.5)
        glass = (du < wide) & (dv < high)
        frame = ~glass & (du < wide + 0.05) & (dv < high + 0.05)
        bars = glass & ((np.abs(fu - 0.5) < 0.018) | (np.abs(fv - 0.42) < 0.018))
        sill = (du < wide + 0.09) & (fv > 0.5 + high + 0.04) & (fv < 0.5 + high + 0.10)
        under = (du < wide + 0.09) & (fv >= 0.5 + high + 0.10) & (fv < 0.5 + high + 0.17)
        joint = ((fv * 6) % 1 < 0.09) | (((fu * 3 + 0.5 * (np.floor(fv * 6) % 2)) % 1) < 0.04)
        worn = _tile(fractal(n, rng, 1.1), m)
        drips = _tile(fractal(n, rng, 1.0, stretch=5.0), m)
        wall = stone[face % 2] * np.exp(0.16 * worn + 0.12 * drips - 0.25 * joint)[..., None]
        exposed = 1.0 if face == towards else 0.06
        cast = (
            step(shadow_at + slant * (x - 0.5), y + 0.0 * x, 0.012) if face == towards else np.zeros((m, m), np.float32)
        )
        sun = exposed * (1 - 0.92 * cast)
        # A recess: the reveal over and beside the glass lies in shade.
        reveal = glass & ((fv < 0.5 - high + 0.07) | (fu < 0.5 - wide + 0.04))
        lightness = np.asarray(np.where(under, 0.25, 1.0) * sun, np.float32)
        body = lit(wall, lightness, np.asarray(np.where(under, 0.12, 0.3), np.float32) * np.ones((m, m), np.float32))
        trim = lit(color(0.6, 0.05), np.asarray(sun, np.float32), np.full((m, m), 0.3, np.float32))
        body = np.where((frame | sill)[..., None], trim, body)
        table = np.minimum(np.exp(rng.normal(-2.2, 1.1, (64, 64))), 1.5).astype(np.float32)
        reflect = table[iv % 64, iu % 64] * np.exp(0.5 * _tile(fractal(n, rng, 1.8), m)) * (0.35 + 0.65 * (1 - fv))
        pane = night + reflect[..., None] * color(0.5, -0.15)
        pane = np.where(reveal[..., None], 0.25 * pane, pane)
        pane = np.where(bars[..., None], trim * 0.5, pane)
        body = np.where(glass[..., None], pane, body)
        eaves = (top > 0.0) & (top < 0.035)
        body = np.where(eaves[..., None], trim * 0.8, body)
        body = body * np.where((top >= 0.035) & (top < 0.075), 0.3, 1.0)[..., None]
        picture = np.where(on[..., None], body, picture)
    return np.asarray(picture.reshape(n, 2, n, 2, 3).mean(axis=(1, 3)), np.float32)


def _tile(plane: Float, m: int) -> Float:
    factor = m // plane.shape[0]
    return np.repeat(np.repeat(plane, factor, axis=0), factor, axis=1)


def text(n: int, rng: np.random.Generator) -> Float:
    """Printed sheets on a table, seen from aside, with headlines, columns and pictures; some are light on dark."""
    ground = pigments(1, rng)[0] * np.exp(0.3 * fractal(n, rng, 1.2, stretch=rng.choice([0.1, 1.0, 8.0])))[..., None]
    picture = lit(ground, np.ones((n, n), np.float32), np.full((n, n), 0.25, np.float32))
    x, y = grid(n)
    pool = np.exp(0.8 * fractal(n, rng, 2.4))
    for k in range(int(rng.integers(2, 5))):
        sheet = _sheet(n, rng)
        turn, zoom = rng.normal(0, 0.4), rng.uniform(0.7, 1.2) if k == 0 else rng.uniform(0.9, 1.9)
        cx, cy = rng.uniform(0.2, 0.8, 2)
        px, py = np.cos(turn) * (x - cx) + np.sin(turn) * (y - cy), np.cos(turn) * (y - cy) - np.sin(turn) * (x - cx)
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
    dark = step(rng.uniform(0.0, 1.0), fractal(n, rng, 3.0), 0.5)
    return np.asarray(picture * (1 - 0.9 * wide_blur(dark, 0.01 * n))[..., None], np.float32)


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
    return ImageFont.truetype(str(Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"), size)


def _words(rng: np.random.Generator, count: int) -> str:
    """Return words of no language."""
    starts, vowels, ends = "b c d f g h l m n p r s t v st tr pl".split(), list("aeiou"), ["", "n", "r", "s", "t", "l"]
    parts: list[str] = []
    for _ in range(max(count, 1)):
        syllables = int(rng.integers(1, 4))
        picks = rng.integers(0, 1 << 16, (syllables, 3))
        parts.append("".join(starts[a % 17] + vowels[b % 5] + ends[c % 6] for a, b, c in picks.tolist()))
    return " ".join(parts)
