"""Photographs of random pixels and networks with random weights: what costs as much as the real ones, at once.

The time of a network does not depend on its weights, nor that of any stage here on the pixels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.base.identity import digest
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.contracts.photographs import FORMAT, Dataset
from benchbench.contracts.roles import is_validation
from benchbench.contracts.source import BuildProgress, Facts
from benchbench.contracts.target import TARGETS, Target
from benchbench.learn.arrays import StackFit
from benchbench.learn.image_to_image import ImageToImage
from benchbench.learn.residual import ResidualNetworkFit
from benchbench.learn.training import ClassifierFit
from benchbench.records.cache import Cache

KNOWN, MODELS = 6, tuple(f"model {c}" for c in range(12))
CHUNK = 32
"""Photographs written at a time."""


@dataclass(frozen=True)
class RandomPhotographs:
    """A source of photographs of random pixels, on disk as a real data set's are.

    Attributes:
        size: side, px.
        test: test photographs of each known camera model; the others have one each.
        train: photographs of each camera model in q and in p.
    """

    size: int
    test: int
    train: int = 2

    @property
    def data_id(self) -> str:
        """The identity of the photographs."""
        return digest("benchmark photographs", self)

    def camera(self, role: str) -> NDArray[np.int64]:
        """Return the class of each photograph of a role."""
        if role == "test":
            each = [self.test] * KNOWN + [1] * (len(MODELS) - KNOWN)
        else:
            each = [self.train] * (KNOWN if role == "q" else len(MODELS))
        return np.repeat(np.arange(len(each)), each)

    def facts(self, cache: Path) -> Facts:
        """Describe the photographs."""
        return Facts(self.data_id, "random", MODELS, KNOWN, self.size, self.camera("test"))

    def build(self, cache: Path, workers: int, progress: BuildProgress, test_alone: bool = False) -> Dataset:
        """Write the photographs, unless they are there."""
        folder = cache / "data" / self.data_id
        if not (folder / "meta.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng(0)
            prints = {role: self._write(folder, role, rng) for role in ("q", "p", "test")}
            meta = {
                "format": FORMAT,
                "data_id": self.data_id,
                "name": "random",
                "camera_models": MODELS,
                "known": KNOWN,
                "size": self.size,
                "recipe": {},
                "fingerprints": prints,
            }
            (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        return Dataset(folder)

    def _write(self, folder: Path, role: str, rng: np.random.Generator) -> str:
        camera = self.camera(role)
        shape = (len(camera), self.size, self.size, 3)
        seen = hashlib.sha256()
        # Plain writes, not a memory map, so that these pages are never part of this process's memory.
        with (folder / f"{role}.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for start in range(0, len(camera), CHUNK):
                pixels = rng.bytes(min(CHUNK, len(camera) - start) * self.size**2 * 3)
                file.write(pixels)
                seen.update(pixels)
        np.savez(
            folder / f"{role}.npz",
            camera=camera,
            device=np.full(len(camera), {"q": 0, "p": 1, "test": 2}[role]),
            scene=np.full(len(camera), -1),
            name=np.array([f"{role}_{i}" for i in range(len(camera))]),
            validation=is_validation(camera, 0),
        )
        return seen.hexdigest()

    def open(self, cache: Path) -> Dataset:
        """Open what `build` made."""
        return Dataset(cache / "data" / self.data_id)


def no_progress(label: str, done: int, total: int) -> None:
    """Show nothing."""


def targets(*patterns: str) -> list[Target]:
    """Return the targets of the grid that match any of the globs, e.g. 'resnet18/*/complete'."""
    return TARGETS.resolve(patterns)


def prefill(cache: Path, setup: Setup, things: Iterable[Attack | Target]) -> None:
    """Put untrained networks into the cache for all that attacks and targets build on, so that nothing trains."""
    fits = {f"{i}/{name}": fit for i, thing in enumerate(things) for name, fit in thing.fits(setup).items()}
    store = Cache(cache)
    for fit_id, fit in collect(fits, setup.data_id).items():
        if store.has(fit_id):
            continue
        folder = store.workspace(fit_id)
        torch.manual_seed(fit.seed)
        if isinstance(fit, StackFit):  # training alone reads it
            np.save(folder / "stack.npy", np.zeros((1, 8, 8, 3), np.float16))
        store.save(fit_id, folder, state_of(fit), {"label": fit.label, "cost": 0.0, "seconds": 0.0})


def state_of(fit: Fit) -> Mapping[str, torch.Tensor]:
    """Return the state of an untrained network, as its fit would return it."""
    if isinstance(fit, ClassifierFit):
        return fit.build().state_dict()
    if isinstance(fit, ResidualNetworkFit):
        return ImageToImage(fit.shape, planes=0, bounded=False).state_dict()
    if isinstance(fit, StackFit):
        return {}
    if hasattr(fit, "classes") and hasattr(fit, "shape"):  # a cGAN's generator
        return ImageToImage(fit.shape, fit.classes, bounded=True).state_dict()
    raise TypeError(f"no untrained state for '{fit.label}'")
