"""What all kinds of scene are drawn with: fractal noise, shapes of which only what is in front costs, light, blur.

Pictures are square, (n, n, 3) float32 in linear light; places and lengths are shares of the side, from the top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # it imports its parts as they are used
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Float = NDArray[np.float32]
SUN = np.array((1.10, 1.0, 0.84), np.float32)
SKY = np.array((0.86, 0.98, 1.20), np.float32)
LUMA = np.array((0.2126, 0.7152, 0.0722), np.float32)
ELLIPSE, BOX, LEAF = 0, 1, 2
_BATCH = 24
"""Half side, px, up to which shapes are painted many at once."""


def grid(n: int) -> tuple[Float, Float]:
    """Return x as a row (1, n) and y as a column (n, 1), in (0, 1)."""
    at = ((np.arange(n) + 0.5) / n).astype(np.float32)
    return at[None, :], at[:, None]


def fractal(n: int, rng: np.random.Generator, slope: float = 1.0, coarsest: float = 1.0, stretch: float = 1.0) -> Float:
    """Periodic Gaussian noise (n, n), standard deviation 1, amplitude ~ 1 / frequency^slope.

    Args:
        coarsest: waves a side below which it fades out.
        stretch: how much longer than high its features are.
    """
    fy, fx = np.fft.fftfreq(n, 1 / n)[:, None], np.fft.rfftfreq(n, 1 / n)[None, :] * stretch
    frequency = np.sqrt(fx * fx + fy * fy)
    frequency[0, 0] = 1.0
    amplitude = (frequency**-slope * (1 - np.exp(-((frequency / coarsest) ** 4)))).astype(np.float32)
    amplitude[0, 0] = 0
    parts = rng.standard_normal((2, n, n // 2 + 1), np.float32) * amplitude
    noise = scipy.fft.irfft2(parts[0] + 1j * parts[1], s=(n, n), overwrite_x=True)
    return np.asarray(noise / max(float(noise.std()), 1e-9), np.float32)


def rough_line(n: int, rng: np.random.Generator, slope: float = 1.3) -> Float:
    """Return fractal noise of one dimension (n,), standard deviation 1, its ends apart."""
    frequency = np.fft.rfftfreq(2 * n, 1 / (2 * n))
    frequency[0] = np.inf
    parts = rng.standard_normal((2, len(frequency))) * frequency**-slope
    noise = np.fft.irfft(parts[0] + 1j * parts[1])[:n]
    return np.asarray(noise / max(float(noise.std()), 1e-9), np.float32)


def pick(rng: np.random.Generator, *options: float) -> float:
    """Return one of the numbers by chance."""
    return options[int(rng.integers(len(options)))]


def step(edge: ArrayLike, value: ArrayLike, width: float) -> Float:
    """Return a smooth step from 0 to 1 where `value` passes `edge`, `width` wide."""
    t = np.clip((np.asarray(value, np.float32) - np.asarray(edge, np.float32)) / np.float32(width) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(one: ArrayLike, other: ArrayLike, share: ArrayLike) -> Float:
    """Return (n, n, 3): `one`, with a share (n, n) of `other`; both are pictures or colors."""
    first = np.asarray(one, np.float32)
    part = np.asarray(share, np.float32)[..., None]
    return np.asarray(first + part * (np.asarray(other, np.float32) - first), np.float32)


def color(level: float, warmth: float = 0.0, tint: float = 0.0) -> Float:
    """Return a linear RGB of this luminance; warmth > 0 is red, < 0 blue; tint > 0 green, < 0 magenta."""
    rgb = np.exp(np.array((warmth, tint, -warmth)))
    return np.asarray(level * rgb / (rgb @ LUMA), np.float32)


def pigments(count: int, rng: np.random.Generator, accents: float = 0.08) -> Float:
    """(count, 3): colors of things. Muted round a cast of the scene; a share of accents is strongly colored."""
    level = np.clip(np.exp(rng.normal(np.log(0.17), 0.68, count)), 0.012, 0.75)
    cast = rng.normal(0.22, 0.18)
    strong = np.where(rng.random(count) < accents, 2.6, 1.0)
    warmth = cast + rng.normal(0, 0.29, count) * strong
    tint = rng.normal(-0.02, 0.09, count) * strong
    rgb = np.exp(np.stack((warmth, tint, -warmth), axis=1))
    return np.asarray(level[:, None] * rgb / (rgb @ LUMA)[:, None], np.float32)


def lit(albedo: ArrayLike, sun: ArrayLike, sky: ArrayLike, sunlight: Float = SUN, skylight: Float = SKY) -> Float:
    """Return what light (n, n) from the sun and the sky makes of colors: shade is bluer than light."""
    light = np.asarray(sun, np.float32)[..., None] * sunlight + np.asarray(sky, np.float32)[..., None] * skylight
    return np.asarray(np.asarray(albedo, np.float32) * light, np.float32)


def half_shadow(n: int, rng: np.random.Generator, cover: float, depth: float = 0.9) -> Float:
    """Return what is left of the light (n, n) beside large things out of the picture; about `cover` of it is dark."""
    field = fractal(n, rng, 4.0)
    dark = step(np.quantile(field[::8, ::8], 1 - cover), field, rng.uniform(0.6, 1.8))
    return np.asarray(1 - depth * dark, np.float32)


def slopes(height: Float) -> tuple[Float, Float]:
    """Return the derivatives of a height (n, n) along x and y, in heights a side."""
    n = height.shape[0]
    dy, dx = np.gradient(height)
    return np.asarray(dx * n, np.float32), np.asarray(dy * n, np.float32)


def blur(image: Float, sigma: float) -> Float:
    """Gaussian blur over the two first axes, sigma in px."""
    once = scipy.ndimage.gaussian_filter1d(image, sigma, axis=0, mode="nearest", truncate=3.0)
    return np.asarray(scipy.ndimage.gaussian_filter1d(once, sigma, axis=1, mode="nearest", truncate=3.0), np.float32)


def wide_blur(image: Float, sigma: float) -> Float:
    """Blur a plane (n, n) by a sigma of many px: shrunk first, enlarged after."""
    n = image.shape[0]
    factor = max(int(sigma / 2.5), 1)
    if factor == 1:
        return blur(image, sigma)
    side = max(n // factor, 4)
    return resize(blur(resize(image, side), sigma * side / n), n)


def resize(image: Float, side: int | tuple[int, int]) -> Float:
    """Return a plane or picture at another size (side or height, width): means if smaller, smooth if larger."""
    if image.ndim == 3:
        return np.stack([resize(np.ascontiguousarray(image[:, :, c]), side) for c in range(3)], axis=2)
    height, width = (side, side) if isinstance(side, int) else side
    how = Image.Resampling.BOX if height < image.shape[0] else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize((width, height), how), np.float32)


def halved(image: NDArray[np.floating[Any]]) -> Float:
    """Return the means over 2 x 2 px of a plane or picture of even side."""
    once = np.asarray(image, np.float32)
    rows = once[0::2] + once[1::2]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25), np.float32)


def defocus(image: Float, radius: float) -> Float:
    """Blur by a disc, radius in px: what lies out of focus."""
    n = image.shape[0]
    d = np.minimum(np.arange(n), n - np.arange(n))
    distance = np.sqrt((d[:, None] ** 2 + d[None, :] ** 2).astype(np.float32))
    # Lenses are a little brighter at the rim of the disc.
    disc = np.clip(radius - distance + 0.5, 0, 1) * (0.8 + 0.3 * (distance / max(radius, 1)) ** 2)
    spectrum = scipy.fft.rfft2((disc / disc.sum()).astype(np.float32))
    planes = [scipy.fft.irfft2(scipy.fft.rfft2(image[:, :, c]) * spectrum, s=(n, n)) for c in range(3)]
    return np.asarray(np.maximum(np.stack(planes, axis=2), 0), np.float32)


def glow(n: int, x: float, y: float, radius: float, power: float = 1.5) -> Float:
    """Light scattered round a point: 1 there, falling off beyond `radius`."""
    gx, gy = grid(n)
    return np.asarray((1 + ((gx - x) ** 2 + (gy - y) ** 2) / radius**2) ** -power, np.float32)


@dataclass(frozen=True)
class Shapes:
    """Flat shapes from back to front, each value (count,) float32.

    x, y: centers. a, b: half axes. angle: of a, radians. outline: ELLIPSE, BOX (rounded) or LEAF (pointed along a).
    """

    x: Float
    y: Float
    a: Float
    b: Float
    angle: Float
    outline: NDArray[np.int64]


def shapes(x: ArrayLike, y: ArrayLike, a: ArrayLike, b: ArrayLike, angle: ArrayLike, outline: ArrayLike) -> Shapes:
    """Return shapes; a number stands for all of them."""
    values = [np.asarray(v, np.float32) for v in (x, y, a, b, angle)]
    size = np.broadcast_shapes(*(v.shape for v in values))
    px, py, pa, pb, turn = (np.ascontiguousarray(np.broadcast_to(v, size)) for v in values)
    return Shapes(px, py, pa, pb, turn, np.broadcast_to(np.asarray(outline, np.int64), size))


def front(n: int, drawn: Shapes) -> tuple[NDArray[np.int64], Float, Float]:
    """Return what is in front at each pixel, so that only what is seen need be painted.

    Returns:
        index (n, n), -1 where nothing is; u, v (n, n): where on the shape, along a and b, within [-1, 1].
    """
    cos, sin = np.cos(drawn.angle), np.sin(drawn.angle)
    reach = np.sqrt(np.maximum(drawn.a, drawn.b) ** 2 + np.where(drawn.outline == BOX, drawn.b**2, 0)) * n
    flat = np.full(n * n, -1, np.int64)
    half = np.ceil(reach).astype(np.int64) + 1
    classes = np.array((3, 4, 6, 8, 12, 16, _BATCH))
    size_class = np.searchsorted(classes, half)
    for c, r in enumerate(classes.tolist()):
        which = np.flatnonzero(size_class == c)
        if len(which):
            flat = np.maximum(flat, _many(n, drawn, which, r, cos, sin))
    index = flat.reshape(n, n)
    for large in np.flatnonzero(size_class == len(classes)).tolist():
        _one(n, drawn, large, int(half[large]), float(cos[large]), float(sin[large]), index)
    k = np.maximum(index, 0)
    px, py = grid(n)
    dx, dy = px - drawn.x[k], py - drawn.y[k]
    cosine, sine = cos[k], sin[k]
    u, v = (cosine * dx + sine * dy) / drawn.a[k], (cosine * dy - sine * dx) / drawn.b[k]
    return index, np.asarray(u, np.float32), np.asarray(v, np.float32)


def _many(n: int, drawn: Shapes, which: NDArray[np.int64], r: int, cos: Float, sin: Float) -> NDArray[np.int64]:
    offset = np.arange(-r, r + 1)
    left, top = np.floor(drawn.x[which] * n).astype(np.int64), np.floor(drawn.y[which] * n).astype(np.int64)
    columns, rows = left[:, None] + offset, top[:, None] + offset  # (count, side)
    dx = (((columns + 0.5) / n).astype(np.float32) - drawn.x[which, None])[:, None, :]
    dy = (((rows + 0.5) / n).astype(np.float32) - drawn.y[which, None])[:, :, None]
    c, s = cos[which, None, None], sin[which, None, None]
    u2 = np.square((c * dx + s * dy) / drawn.a[which, None, None])
    v2 = np.square((c * dy - s * dx) / drawn.b[which, None, None])
    outline = drawn.outline[which]
    inside = np.empty(u2.shape, bool)
    for kind in (ELLIPSE, BOX, LEAF):
        some = outline == kind
        if some.any():
            inside[some] = _inside(kind, u2[some], v2[some])
    inside &= ((columns >= 0) & (columns < n))[:, None, :] & ((rows >= 0) & (rows < n))[:, :, None]
    shape, i, j = np.nonzero(inside)
    found = np.full(n * n, -1, np.int64)
    found[rows[shape, i] * n + columns[shape, j]] = which[shape]  # the last one stays: it is in front
    return found


def _one(n: int, drawn: Shapes, k: int, half: int, cos: float, sin: float, index: NDArray[np.int64]) -> None:
    x, y = int(drawn.x[k] * n), int(drawn.y[k] * n)
    x0, x1, y0, y1 = max(x - half, 0), min(x + half + 1, n), max(y - half, 0), min(y + half + 1, n)
    if x0 >= x1 or y0 >= y1:
        return
    px, py = grid(n)
    dx, dy = px[:, x0:x1] - drawn.x[k], py[y0:y1] - drawn.y[k]
    u2 = np.square((cos * dx + sin * dy) / drawn.a[k])
    v2 = np.square((cos * dy - sin * dx) / drawn.b[k])
    window = index[y0:y1, x0:x1]
    window[_inside(int(drawn.outline[k]), u2, v2) & (window < k)] = k


def _inside(outline: int, u2: Float, v2: Float) -> NDArray[np.bool_]:
    if outline == ELLIPSE:
        return np.asarray(u2 + v2 < 1)
    if outline == BOX:
        return np.asarray(u2 * u2 * u2 + v2 * v2 * v2 < 1)
    return np.asarray((u2 < 1) & (v2 < np.square(1 - u2)))


def overlap(height: Float, shift: tuple[float, float], sigma: float) -> Float:
    """Return how far each pixel lies below its blurred neighborhood (n, n), >= 0: where shadows and dirt gather.

    Args:
        shift: towards the light, shares of the side.
        sigma: of the neighborhood, px.
    """
    n = height.shape[0]
    dx, dy = round(shift[0] * n), round(shift[1] * n)
    padded = np.pad(height, ((abs(dy), abs(dy)), (abs(dx), abs(dx))), mode="edge")
    moved = padded[abs(dy) + dy : abs(dy) + dy + n, abs(dx) + dx : abs(dx) + dx + n]
    return np.asarray(np.maximum(wide_blur(np.ascontiguousarray(moved), sigma) - height, 0), np.float32)
