"""Scenes: linear RGB radiance before any camera. Dead leaves, packaged photographs, or a folder of the user's.

A scene is an array (H, W, 3) float16, linear, of arbitrary scale (the camera meters it). q, p and test have
their own scenes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchbench.base.errors import DataError
from benchbench.base.seeds import stream
from benchbench.contracts.layout import FORMATS
from benchbench.contracts.roles import ROLES, Role

Source = Literal["leaves", "mixed", "folder"]
Float = NDArray[np.float32]

SOFTNESS = 1.2
"""Gaussian blur of dead leaves, sigma in scene px (0.5 to 1.0 px of a photograph)."""

# Photographs in the wheels of core dependencies: package, path in it, role, sha256. Public domain or CC0, see
# those packages.
PACKAGED: tuple[tuple[str, str, Role, str], ...] = (
    ("skimage", "data/coffee.png", "q", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    ("skimage", "data/rocket.jpg", "q", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    ("skimage", "data/ihc.png", "q", "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
    ("skimage", "data/chelsea.png", "p", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    ("skimage", "data/motorcycle_left.png", "p", "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179"),
    ("skimage", "data/astronaut.png", "test", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
    (
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "test",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    ),
)
_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}


@dataclass(frozen=True)
class SceneSpec:
    """Where a scene comes from. kind: leaves | photograph; file: a photograph's path."""

    id: int
    role: Role
    kind: Literal["leaves", "photograph"]
    file: Path | None = None


def plan_scenes(source: Source, leaves: int, directory: str | None) -> tuple[SceneSpec, ...]:
    """All scenes of a data set with their roles: 2/5 of the dead leaves to q, 2/5 to p, 1/5 to test, in turn.

    Raises:
        DataError: for a folder without three readable photographs, or a packaged photograph that is not the
        expected one.
    """
    turn: tuple[Role, ...] = ("q", "p", "test", "q", "p")
    if source == "folder":
        files = list_scenes(directory)
        return tuple(SceneSpec(k, turn[k % 5], "photograph", f) for k, f in enumerate(files))
    scenes = [SceneSpec(k, turn[k % 5], "leaves") for k in range(leaves)]
    if source == "mixed":
        for k, (package, path, role, expected) in enumerate(PACKAGED):
            scenes.append(SceneSpec(leaves + k, role, "photograph", _packaged(package, path, expected)))
    return tuple(scenes)


def list_scenes(directory: str | None) -> list[Path]:
    """The photographs in a folder of scenes, by name."""
    root = Path(directory or "")
    if directory is None or not root.is_dir():
        raise DataError(f"--scenes '{directory}' is not a folder.")
    files = sorted(
        (f for f in root.rglob("*") if f.suffix.lower() in _SUFFIXES), key=lambda f: f.relative_to(root).as_posix()
    )
    if len(files) < len(ROLES):
        raise DataError(
            f"--scenes '{directory}' has {len(files)} photographs; "
            f"it takes at least {len(ROLES)}, as q, p and test share none."
        )
    return files


def _packaged(package: str, path: str, expected: str) -> Path:
    from importlib.util import find_spec

    found = find_spec(package)
    file = Path(found.origin).parent / path if found is not None and found.origin else Path(path)
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        raise DataError(
            f"the packaged photograph '{package}/{path}' is missing or not the expected file; "
            "install another version of the package or use dead leaves only (scene_source='leaves')."
        )
    return file


def render_scene(spec: SceneSpec, size: int, seed: int) -> NDArray[np.float16]:
    """A scene that is `size` px high: dead leaves are square; a photograph keeps its shape and is never enlarged."""
    if spec.kind == "leaves":
        return dead_leaves(size, stream(seed, "scene", spec.id)).astype(np.float16)
    assert spec.file is not None
    return photograph(spec.file, size).astype(np.float16)


def photograph(file: Path, size: int) -> Float:
    """A photograph as radiance: sRGB undone, shrunk at least twofold so that the traces of its own camera vanish."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            rgb = np.asarray(image.convert("RGB"), np.float32) / 255
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"scene '{file.name}' cannot be decoded ({error}); remove it from the folder of scenes."
        ) from None
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    h, w = linear.shape[:2]
    shrink = max(2.0, min(h, w) / size)
    shape = (max(int(w / shrink), 16), max(int(h / shrink), 16))
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(linear[:, :, c])).resize(shape, Image.Resampling.BOX))
        for c in range(3)
    ]
    return np.stack(planes, axis=2)


def dead_leaves(size: int, rng: np.random.Generator) -> Float:
    """Dead leaves (Lee, Mumford & Huang 2001): opaque shapes of random place and color, radii r with density ~ r^-3.

    Natural images share its statistics: edges by occlusion and scale invariance. The shapes are ellipses and
    rounded rectangles with a soft edge of about 1 px, each shaded by a ramp and, in part, by a fractal texture.
    Returns (size, size, 3), linear.
    """
    smallest, largest = max(size / 180, 2.0), size / 3
    # Enough leaves to hide the background about three times over: mean area ~ 2 pi smallest^2 ln(largest / smallest).
    count = int(3 * size * size / (2 * np.pi * smallest**2 * np.log(largest / smallest)))
    u = rng.random(count)
    # Inverse of the cumulative distribution of r^-3 on [smallest, largest].
    radius = 1 / np.sqrt(smallest**-2 - u * (smallest**-2 - largest**-2))
    x, y = rng.uniform(-0.05 * size, 1.05 * size, (2, count))
    aspect = np.exp(rng.normal(0, 0.35, count))
    angle = rng.uniform(0, np.pi, count)
    power = np.where(rng.random(count) < 0.65, 2, 8)  # |u|^p + |v|^p = 1: an ellipse or a rounded rectangle
    color = leaf_colors(count, rng)
    ramp = rng.normal(0, 0.25, (count, 2))
    rough = np.where(rng.random(count) < 0.55, rng.uniform(0.15, 0.6, count), 0.02)
    shift = rng.integers(0, size, (count, 2))
    texture = fractal_noise(size, rng)
    twice = np.tile(texture, (2, 2))  # any window at any offset, without wrapping indices

    image = np.empty((size, size, 3), np.float32)
    image[:] = leaf_colors(1, rng)[0]
    for k in range(count):
        reach = radius[k] * max(aspect[k], 1 / aspect[k]) * (1.42 if power[k] > 2 else 1.0) + 1
        x0, x1 = max(int(x[k] - reach), 0), min(int(x[k] + reach) + 2, size)
        y0, y1 = max(int(y[k] - reach), 0), min(int(y[k] + reach) + 2, size)
        if x0 >= x1 or y0 >= y1:
            continue
        dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(x[k])
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y[k])
        c, s = np.float32(np.cos(angle[k])), np.float32(np.sin(angle[k]))
        a, b = np.float32(radius[k] * aspect[k]), np.float32(radius[k] / aspect[k])
        u2 = np.square((c * dx + s * dy) / a)
        v2 = np.square((c * dy - s * dx) / b)
        distance = np.sqrt(u2 + v2) if power[k] == 2 else np.sqrt(np.sqrt(np.sqrt(u2**4 + v2**4)))
        alpha = np.clip((1 - distance) * np.float32(radius[k]) + np.float32(0.5), 0, 1)
        i, j = shift[k]
        grain = twice[i : i + y1 - y0, j : j + x1 - x0]
        shade = np.exp(np.float32(rough[k]) * grain + np.float32(ramp[k, 0]) * dx / a + np.float32(ramp[k, 1]) * dy / b)
        window = image[y0:y1, x0:x1]
        window += alpha[:, :, None] * (shade[:, :, None] * color[k] - window)
    # Photographs of the world are soft at the pixel: their spectrum falls off well before the sampling limit.
    return np.asarray(gaussian_filter(image, (SOFTNESS, SOFTNESS, 0), mode="nearest"), np.float32)


def leaf_colors(count: int, rng: np.random.Generator) -> Float:
    """(count, 3) linear RGB: log-normal luminance over ~5 stops; three quarters near gray or earthy, one
    quarter strongly colored.

    A tenth lies in deep shadow and a twentieth in glaring light, as most photographs have both: there a camera
    shows its black and white.
    """
    level = np.exp(rng.normal(-1.9, 0.55, count))
    light = rng.random(count)
    level *= np.where(light < 0.10, 0.01, np.where(light > 0.95, 8.0, 1.0))
    spread = np.where(rng.random(count) < 0.25, 0.6, 0.10)
    red, blue = rng.normal(0.06, spread), rng.normal(-0.10, spread)
    rgb = np.exp(np.stack((red, np.zeros(count), blue), axis=1))
    luminance = rgb @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(level[:, None] * rgb / luminance[:, None], np.float32)


def fractal_noise(size: int, rng: np.random.Generator) -> Float:
    """Periodic Gaussian noise (size, size) with amplitude ~ 1 / frequency, standard deviation 1."""
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    frequency: NDArray[Any] = np.sqrt(fx * fx + fy * fy)
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) / frequency, s=(size, size))
    return np.asarray(noise / noise.std(), np.float32)
