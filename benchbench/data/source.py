"""Where a run's photographs come from: described before they exist, built once, opened in every process."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.jpeg import CameraFile, JpegCoding
from benchbench.contracts.source import BuildProgress, Facts
from benchbench.records.cache import default_cache

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
    def of(
        cls, recipe: VirtualRecipe | FolderRecipe, cache: Path | None = None, progress: BuildProgress | None = None
    ) -> RecipeSource:
        """Find out the identity of the photographs; those of a folder are read for it, into the cache.

        Args:
            cache: where a folder is read into; default: the user's.
            progress: called while a folder is read.
        """
        from benchbench.data.build import build, data_id
        from benchbench.data.virtual.recipe import VirtualRecipe

        if isinstance(recipe, VirtualRecipe):
            return cls(recipe, data_id(recipe))
        return cls(recipe, build(recipe, cache or default_cache(), progress=progress, test_alone=True).data_id)

    def facts(self, cache: Path) -> Facts:
        """Describe the photographs from the finished data set, or else from the recipe."""
        try:
            found = self.open(cache)
        except DataError:
            if self._real:
                found = self.build(cache, 0, lambda *_: None, test_alone=True)
            else:
                return self._planned()
        return replace(facts_of(found), retakes=self._retakes) if found.whole else self._planned()

    @property
    def _real(self) -> bool:
        return hasattr(self.recipe, "path")

    @property
    def _retakes(self) -> bool:
        return not hasattr(self.recipe, "path") and not self.recipe.neutral

    def _planned(self) -> Facts:
        """What virtual photographs will be; a folder's have been read by the time anybody asks."""
        from benchbench.data.virtual import recipe as virtual
        from benchbench.data.virtual.recipe import VirtualRecipe

        recipe = cast(VirtualRecipe, self.recipe)
        items = virtual.plan(recipe)
        return Facts(
            data_id=self.data_id,
            name="virtual-neutral" if recipe.neutral else "virtual",
            camera_models=tuple(camera.name for camera in virtual.labels(recipe)),
            known=recipe.known,
            size=recipe.size,
            camera=np.array([item.camera for item in items["test"]], np.int64),
            jpeg_models=frozenset(range(recipe.known)),
            retakes=self._retakes,
        )

    def build(self, cache: Path, workers: int, progress: BuildProgress, test_alone: bool = False) -> Dataset:
        """Render or decode what is missing and open it."""
        from benchbench.data.build import build

        if self._real:
            with suppress(DataError):
                return self.open(cache)
        return self._named(build(self.recipe, cache, workers=workers or None, progress=progress, test_alone=test_alone))

    def open(self, cache: Path) -> Dataset:
        """Open what `build` made."""
        from benchbench.data.build import open_dataset

        return self._named(open_dataset(cache, self.data_id))

    def _named(self, dataset: Dataset) -> Dataset:
        """A folder's name is the one it has now: the same photographs may have lain elsewhere when they were read."""
        if self._real:
            dataset.name = Path(getattr(self.recipe, "path")).resolve().name  # noqa: B009
        return dataset

    def camera_file(self, c: int, cache: Path) -> CameraFile | None:
        """How a known camera model writes its files, as far as that is known; nothing is rendered for it."""
        from benchbench.data.virtual.recipe import VirtualRecipe

        if not isinstance(self.recipe, VirtualRecipe):
            return self.open(cache).camera_files().get(c)
        from benchbench.data.virtual import recipe as virtual
        from benchbench.data.virtual.processing import quantization_tables

        camera = virtual.labels(self.recipe)[c]
        first, second = (tuple(table) for table in quantization_tables(camera.jpeg))
        finer = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[str(camera.jpeg.subsampling)]
        return CameraFile(JpegCoding((finer, (1, 1), (1, 1)), (first, second, second)), camera.make, camera.model)

    def retake(self, index: int, wanted: int) -> NDArray[np.uint8]:
        """Take a test photograph again with another camera; see `Source.retake`."""
        from benchbench.data.chimera import FORGERY, chimeras_of

        return chimeras_of(self).take(index, wanted, FORGERY)


def facts_of(dataset: Dataset) -> Facts:
    """Describe a finished data set."""
    jpegs = dataset.jpeg_codings()
    return Facts(
        dataset.data_id,
        dataset.name,
        dataset.camera_models,
        dataset.known,
        dataset.size,
        np.asarray(dataset.photos("test").camera, np.int64),
        frozenset(c for c, jpeg in jpegs.items() if jpeg.subsampling is not None),
        fingerprint=dataset.fingerprint("test"),
        jpeg_faults={c: jpeg.sampling_text for c, jpeg in jpegs.items() if jpeg.subsampling is None},
    )
