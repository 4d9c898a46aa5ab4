"""Chimeras: photographs whose traces come from two camera models, which only virtual cameras can take.

A chimera shows the same scene through the same window in the same light as its photograph of the data set; of the
imaging chain, the chosen traces are another model's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchbench.base.seeds import stream
from benchbench.data.build import Progress, data_id, make_scenes
from benchbench.data.virtual import processing
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.cameras import Camera
from benchbench.data.virtual.recipe import Item, VirtualRecipe

TRACES: Mapping[str, tuple[str, ...]] = {
    "optics": ("lens",),
    "sensor": ("sensor",),
    "demosaicing": ("demosaic",),
    "color and tone": ("exposure", "white_bias", "matrix", "tone"),
    "sharpening and denoising": ("denoise", "sharpen"),
    "JPEG": ("jpeg",),
}
"""Fields of a camera by trace, in the order of the imaging chain. The sensor brings its device with it: Bayer phase,
color response, PRNU, fixed pattern and noise."""


def switched(camera: Camera, other: Camera, traces: Collection[str]) -> Camera:
    """Return `camera` with these traces of `other`; all of them give `other` but for its name.

    Raises:
        KeyError: a trace that does not exist.
    """
    fields = [field for trace in traces for field in TRACES[trace]]
    return camera.model_copy(update={field: getattr(other, field) for field in fields})


@dataclass(frozen=True)
class Chimeras:
    """Takes chimeras of the test photographs of a recipe; picklable, for worker processes.

    Attributes:
        recipe: not the neutral control, whose models are all alike.
        cache: rendered test scenes are kept under it.
    """

    recipe: VirtualRecipe
    cache: Path

    @cached_property  # the identity of a recipe takes as long as a photograph of 32 pixels
    def scene_dir(self) -> Path:
        """Where the rendered scenes lie."""
        return self.cache / "scenes" / data_id(self.recipe)

    def prepare(self, workers: int, progress: Progress | None = None) -> None:
        """Render the test scenes that are missing, once."""
        specs = [scene for scene in virtual.scenes(self.recipe) if scene.role == "test"]
        make_scenes(self.recipe, specs, self.scene_dir, workers, progress)

    def items(self) -> Sequence[Item]:
        """Return the test photographs in the order of the data set."""
        return virtual.plan(self.recipe)["test"]

    def take(self, index: int, other: int, traces: Collection[str]) -> NDArray[np.uint8]:
        """Take test photograph `index` again, with these traces of camera model `other`.

        Returns:
            (H, W, 3) uint8; without traces, the photograph of the data set to the bit.
        """
        item = self.items()[index]
        cameras = virtual.cameras(self.recipe)
        label = virtual.labels(self.recipe)[item.camera]
        view, scene = virtual.view_of(self.recipe, item, self.scene_dir)
        # The other model's own device of this number: its PRNU and fixed pattern come with its sensor.
        of = replace(item, camera=other) if "sensor" in traces else item
        shot = virtual.take(
            switched(cameras[item.camera], cameras[other], traces),
            virtual.device(self.recipe, of.camera, of.device),
            scene,
            view,
            stream(self.recipe.seed, "noise", item.camera, item.device, item.number),
            make=label.make,
            model=label.model,
        )
        return processing.center(shot.pixels, self.recipe.size)
