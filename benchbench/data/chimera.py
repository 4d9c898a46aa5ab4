"""Chimeras: photographs whose traces come from two camera models, which only virtual cameras can take.

A chimera shows the same scene through the same window in the same light as its photograph of the data set; of the
imaging chain, the chosen traces are another model's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.base.seeds import stream
from benchbench.contracts.roles import Role
from benchbench.contracts.source import Source
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


FORGERY = tuple(trace for trace in TRACES if trace != "optics")
"""What a perfect forger switches: all that does not move the picture. Nobody moves geometry within a small budget."""


@dataclass(frozen=True)
class Chimeras:
    """Takes chimeras of the photographs of one role of a recipe; picklable, for worker processes.

    Attributes:
        recipe: not the neutral control, whose models are all alike.
    """

    recipe: VirtualRecipe
    role: Role = "test"

    def items(self) -> Sequence[Item]:
        """Return the photographs of the role in the order of the data set."""
        return virtual.plan(self.recipe)[self.role]

    def take(self, index: int, other: int, traces: Collection[str]) -> NDArray[np.uint8]:
        """Take photograph `index` of the role again, with these traces of camera model `other`.

        Returns:
            (H, W, 3) uint8; without traces, the photograph of the data set to the bit.
        """
        recipe, item = self.recipe, self.items()[index]
        cameras = virtual.cameras(recipe)
        label = virtual.labels(recipe)[item.camera]
        view, scene = virtual.seen(recipe, item)
        # The other model's own device of this number: its PRNU and fixed pattern come with its sensor.
        of = replace(item, camera=other) if "sensor" in traces else item
        shot = virtual.take(
            switched(cameras[item.camera], cameras[other], traces),
            virtual.device(recipe, of.camera, of.device),
            scene,
            view,
            stream(recipe.seed, "noise", item.camera, item.device, item.number),
            make=label.make,
            model=label.model,
        )
        return processing.center(shot.pixels, recipe.size)


def chimeras_of(source: Source, role: Role = "test") -> Chimeras:
    """Return what takes chimeras of the photographs of a role of `source`.

    Raises:
        BenchError: the photographs are not those of virtual cameras, or the models are all alike.
    """
    recipe = getattr(source, "recipe", None)
    if not isinstance(recipe, VirtualRecipe):
        raise BenchError("photographs can be taken again by virtual cameras alone; use --data virtual.")
    if recipe.neutral:
        raise BenchError("the cameras of virtual-neutral are all alike; use --data virtual.")
    return Chimeras(recipe, role)
