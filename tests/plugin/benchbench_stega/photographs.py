"""Photographs in memory: a camera model is a color, so that a classifier can be written down."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchbench.base.identity import digest
from benchbench.base.jpeg import JpegCoding, jpeg_header
from benchbench.contracts.source import Facts

MODELS = ("red", "green", "blue", "yellow", "cyan")
COLORS = np.array([[180, 90, 90], [90, 180, 90], [90, 90, 180], [170, 170, 60], [60, 170, 170]])
QUALITY = (3, 60, 95, 30, 10)
"""Of each camera model's JPEG files; the first changes even the mean color of what it compresses."""


@dataclass(frozen=True)
class Pictures:
    images: np.ndarray
    camera: np.ndarray
    device: np.ndarray
    scene: np.ndarray
    name: tuple[str, ...]


@dataclass(frozen=True)
class Album:
    """Quacks like a benchbench.data.Dataset."""

    data_id: str
    known: int
    size: int
    each: int
    jpegs: bool = True
    camera_models: tuple[str, ...] = MODELS
    name: str = "colors"
    root: Path = Path("nowhere")

    def photos(self, role: str, part: str = "all", known_only: bool = False) -> Pictures:
        count = self.known if role == "q" or known_only else len(self.camera_models)
        camera = np.repeat(np.arange(count), self.each)
        rng = np.random.default_rng({"q": 1, "p": 2, "test": 3}[role])
        noise = rng.integers(-50, 51, (len(camera), self.size, self.size, 3))
        images = np.clip(COLORS[camera][:, None, None] + noise, 0, 255).astype(np.uint8)
        names = tuple(f"{MODELS[c]}_{i}" for i, c in enumerate(camera))
        device = np.full(len(camera), {"q": 0, "p": 1, "test": 2}[role])
        return Pictures(images, camera.astype(np.int64), device, np.full(len(camera), -1), names)

    def jpeg_codings(self) -> dict[int, JpegCoding]:
        """Return how each known camera model compresses: with quantization tables of its own."""
        found = {}
        for c in range(self.known if self.jpegs else 0):
            file = BytesIO()
            Image.new("RGB", (8, 8)).save(file, "JPEG", quality=QUALITY[c])
            found[c] = jpeg_header(file.getvalue()).coding
        return found

    scenes_apart = False
    warning = ""
    whole = True

    def classes(self, role: str) -> np.ndarray:
        """Return the class of each photograph."""
        return self.photos(role).camera

    def require(self, *roles: str) -> None:
        """No role is ever empty."""

    def fingerprint(self, role: str) -> str:
        return digest("colors", {"role": role, "data": self.data_id})


@dataclass(frozen=True)
class Colors:
    """A source that needs no disk."""

    known: int = 3
    size: int = 8
    each: int = 3
    jpegs: bool = True

    @property
    def data_id(self) -> str:
        return digest("colors", self)

    def facts(self, cache: Path) -> Facts:
        album = self.open(cache)
        labels, jpegs = album.photos("test").camera, frozenset(range(self.known if self.jpegs else 0))
        return Facts(self.data_id, album.name, album.camera_models, self.known, self.size, labels, jpegs)

    def build(self, cache: Path, workers: int, progress: object, test_alone: bool = False) -> Album:
        return self.open(cache)

    def open(self, cache: Path) -> Album:
        return Album(self.data_id, self.known, self.size, self.each, self.jpegs)
