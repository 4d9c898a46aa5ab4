"""Where a run's photographs come from: described before they exist, built once, opened in every process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.contracts.source import BuildProgress, Facts

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset
    from benchbench.data.folder.recipe import FolderRecipe
    from benchbench.data.virtual.recipe import VirtualRecipe


@dataclass(frozen=True)
class RecipeSource:
    """A recipe of `benchbench.data`: virtual cameras or a folder of photographs."""

    recipe: VirtualRecipe | FolderRecipe
    data_id: str

    @classmethod
    def of(cls, recipe: VirtualRecipe | FolderRecipe) -> RecipeSource:
        """Find out the identity of the photographs; the files of a folder are read for it, once."""
        from benchbench.data.build import data_id

        return cls(recipe, data_id(recipe))

    def facts(self, cache: Path) -> Facts:
        """Describe the photographs from the finished data set, or else from the recipe."""
        try:
            found = self.open(cache)
        except DataError:
            return self._planned()
        return replace(facts_of(found), retakes=self._retakes) if found.whole else self._planned()

    @property
    def _retakes(self) -> bool:
        return not hasattr(self.recipe, "path") and not self.recipe.neutral

    def _planned(self) -> Facts:
        from benchbench.data.folder import recipe as folder
        from benchbench.data.folder.recipe import FolderRecipe
        from benchbench.data.virtual import recipe as virtual

        if isinstance(self.recipe, FolderRecipe):
            listing = folder.listing(self.recipe)
            name, known, models = Path(self.recipe.path).name, listing.known, listing.camera_models
            items = listing.items
        else:
            name, known = "virtual-neutral" if self.recipe.neutral else "virtual", self.recipe.known
            models = tuple(camera.name for camera in virtual.labels(self.recipe))
            items = virtual.plan(self.recipe)
        camera = np.array([item.camera for item in items["test"]], np.int64)
        firsts = {item.camera: item.name for item in reversed(items["q"])}
        real = isinstance(self.recipe, FolderRecipe)
        jpegs = frozenset(c for c, name in firsts.items() if c < known and (not real or is_jpeg(name)))
        return Facts(self.data_id, name, tuple(models), known, self.recipe.size, camera, jpegs, self._retakes)

    def build(self, cache: Path, workers: int, progress: BuildProgress, test_alone: bool = False) -> Dataset:
        """Render or decode what is missing and open it."""
        from benchbench.data.build import build

        return build(self.recipe, cache, workers=workers or None, progress=progress, test_alone=test_alone)

    def open(self, cache: Path) -> Dataset:
        """Open what `build` made."""
        from benchbench.data.build import open_dataset

        return open_dataset(cache, self.data_id)

    def retake(self, index: int, wanted: int) -> NDArray[np.uint8]:
        """Take a test photograph again with another camera; see `Source.retake`."""
        from benchbench.data.chimera import FORGERY, chimeras_of

        return chimeras_of(self).take(index, wanted, FORGERY)


def facts_of(dataset: Dataset) -> Facts:
    """Describe a finished data set."""
    q = dataset.photos("q")
    rows = {c: int(rows[0]) for c in range(dataset.known) if len(rows := np.flatnonzero(q.camera == c))}
    return Facts(
        dataset.data_id,
        dataset.name,
        dataset.camera_models,
        dataset.known,
        dataset.size,
        np.asarray(dataset.photos("test").camera, np.int64),
        frozenset(c for c, row in rows.items() if dataset.camera_file("q", row) is not None),
    )


def is_jpeg(name: str) -> bool:
    """Say whether a file name is a JPEG's."""
    return name.lower().endswith((".jpg", ".jpeg"))
