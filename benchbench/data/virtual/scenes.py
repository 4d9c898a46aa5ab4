"""Scenes: linear RGB radiance before any camera. Drawn in ten kinds, packaged photographs, or a folder of the user's.

A scene is an array (H, W, 3) float16, linear, of arbitrary scale (the camera meters it). q, p and test have
their own scenes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchbench.base.errors import DataError
from benchbench.base.files import file_digest
from benchbench.base.seeds import stream
from benchbench.contracts.layout import FORMATS
from benchbench.contracts.roles import ROLES, Role
from benchbench.data.virtual.scenery import KINDS, SOFTNESS, Float, blur, draw, resize

Source = Literal["drawn", "mixed", "folder"]
PHOTOGRAPH = "photograph"
"""The kind of a scene that is no drawing."""
SHARE = 0.02
"""No packaged photograph makes more of a role's scenes."""

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
    """Where a scene comes from.

    Attributes:
        number: in its role, from 0.
        kind: one of `scenery.KINDS`, or PHOTOGRAPH.
        file: a photograph's path.
    """

    role: Role
    number: int
    kind: str
    file: Path | None = None

    @property
    def id(self) -> int:
        """Return its number among the scenes of all roles; other roles' sizes do not move it."""
        return len(ROLES) * self.number + ROLES.index(self.role)


def plan_scenes(source: Source, counts: Mapping[Role, int], directory: str | None) -> tuple[SceneSpec, ...]:
    """Return all scenes of a data set, role by role.

    Args:
        source: drawn: kinds in turn; mixed: a few are packaged photographs; folder: the photographs of `directory`,
            2/5 of them to q, 2/5 to p, 1/5 to test.
        counts: scenes of each role, unless they come from a folder.

    Raises:
        DataError: for a folder without three readable photographs that differ, or a packaged photograph that is not
            the expected one.
    """
    if source == "folder":
        turn: tuple[Role, ...] = ("q", "p", "test", "q", "p")
        numbers = dict.fromkeys(ROLES, 0)
        found = []
        for k, file in enumerate(list_scenes(directory)):
            role = turn[k % 5]
            found.append(SceneSpec(role, numbers[role], PHOTOGRAPH, file))
            numbers[role] += 1
        return tuple(found)
    kinds = tuple(KINDS)
    plan = []
    for role in ROLES:
        files = _packaged_of(role, counts[role]) if source == "mixed" else []
        at = {(2 * j + 1) * counts[role] // (2 * len(files)): file for j, file in enumerate(files)}
        for number in range(counts[role]):
            kind = PHOTOGRAPH if number in at else kinds[number % len(kinds)]
            plan.append(SceneSpec(role, number, kind, at.get(number)))
    return tuple(plan)


def _packaged_of(role: Role, count: int) -> list[Path]:
    """Return the packaged photographs of a role with `count` scenes, each as often as it may stand there.

    In q and p half of SHARE: a photograph chooses its scene by chance. In test, where each has its own, once.
    """
    often = min(int(count * SHARE), max(int(count * SHARE / 2), 1))
    files = [_packaged(package, path, digest) for package, path, where, digest in PACKAGED if where == role]
    return files * (min(often, 1) if role == "test" else often)


def list_scenes(directory: str | None) -> list[Path]:
    """Return the photographs in a folder of scenes, by name; of files with the same content the first."""
    root = Path(directory or "")
    if directory is None or not root.is_dir():
        raise DataError(f"--scenes '{directory}' is not a folder.")
    files = sorted(
        (f for f in root.rglob("*") if f.suffix.lower() in _SUFFIXES), key=lambda f: f.relative_to(root).as_posix()
    )
    different: dict[str, Path] = {}
    for file in files:
        different.setdefault(file_digest(file), file)
    files = list(different.values())
    if len(files) < len(ROLES):
        raise DataError(
            f"--scenes '{directory}' has {len(files)} different photographs; "
            f"it takes at least {len(ROLES)}, as q, p and test share none."
        )
    return files


def packaged() -> list[Path]:
    """Return all packaged photographs.

    Raises:
        DataError: one is missing or not the expected file.
    """
    return [_packaged(package, path, digest) for package, path, _, digest in PACKAGED]


def _packaged(package: str, path: str, expected: str) -> Path:
    from importlib.util import find_spec

    found = find_spec(package)
    file = Path(found.origin).parent / path if found is not None and found.origin else Path(path)
    if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
        raise DataError(
            f"the packaged photograph '{package}/{path}' is missing or not the expected file; "
            "install another version of the package or use drawn scenes only (scene_source='drawn')."
        )
    return file


def render_scene(spec: SceneSpec, size: int, seed: int) -> NDArray[np.float16]:
    """Render a scene that is `size` px high: drawings are square; a photograph keeps its shape and is not enlarged."""
    rng = stream(seed, "scene", spec.role, spec.number)
    picture = draw(spec.kind, size, rng) if spec.file is None else photograph(spec.file, size, rng.uniform(*SOFTNESS))
    # Radiance of a scale that float16 holds.
    return (picture / max(float(picture.mean()), 1e-6)).astype(np.float16)


def photograph(file: Path, size: int, sigma: float) -> Float:
    """Return a photograph as radiance: sRGB undone, shrunk at least twofold so that its own camera's traces vanish.

    Args:
        size: height or width of the result, px, whichever is less; at most as many as the file has.
        sigma: of the blur that makes it as soft as drawings are, px of the result.

    Raises:
        DataError: it cannot be decoded.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            rgb = np.asarray(image.convert("RGB"), np.float32) / 255
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"scene '{file.name}' cannot be decoded ({error}); remove it from the folder of scenes."
        ) from None
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)
    h, w = linear.shape[:2]
    shrink = max(2.0, 2 * min(h, w) / size)
    half = (max(int(h / shrink), 16), max(int(w / shrink), 16))
    soft = blur(resize(linear, half), sigma / 2)
    return np.asarray(np.maximum(resize(soft, (2 * half[0], 2 * half[1])), 0), np.float32)
