"""Pictures beside a data set: renderings that no camera took, and photographs by drawn camera models."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchbench.base.seeds import stream
from benchbench.contracts.roles import ROLES, Role
from benchbench.data.virtual import processing, sensor
from benchbench.data.virtual.cameras import Camera
from benchbench.data.virtual.recipe import BORDER, Item, VirtualRecipe, look, seen, take
from benchbench.data.virtual.scenes import render_scene

EXPOSURE = 0.16
"""Mean luminance of a rendering, 1 = white: what the virtual cameras' meters aim at."""
SCENES = 150
"""Scenes that pictures of a series show in q, and as many others in p."""


@lru_cache(maxsize=4)
def _recipe(size: int, seed: int, purpose: str) -> VirtualRecipe:
    # A seed of its own: none of these scenes is one of the data set.
    own = int(stream(seed, "beside the data set", purpose).integers(2**31))
    return VirtualRecipe(size=size, scenes=SCENES, seed=own)


# Pictures show scenes by chance, so many are kept.
_rendered = lru_cache(maxsize=96)(render_scene)


def rendering(size: int, seed: int, purpose: str, role: Role, number: int) -> NDArray[np.uint8]:
    """Return a picture that no camera took: a scene through a window, exposed, in the sRGB tone curve, of 8 bits.

    No lens, sensor, demosaicing, sharpening or JPEG has a part in it. Roles share no
    scene, and purposes none but packaged photographs, which are in the role of the data set too.

    Args:
        size: side, px, a multiple of 8 of at least 32.
        purpose: names a series of pictures.
        number: of the picture in its series and role.

    Returns:
        (size, size, 3).
    """
    item = Item(role, 0, ROLES.index(role), number, "")
    view, scene = seen(_recipe(size, seed, purpose), item, _rendered)
    linear = np.clip(look(scene, view, size, 0) * EXPOSURE * 2**view.stops, 0, 1)
    tone = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(tone * 255), np.uint8)


def photographs_by(camera: Camera, place: int, each: int, size: int, seed: int, purpose: str) -> NDArray[np.uint8]:
    """Return `each` photographs by one device of a camera model, (each, size, size, 3).

    They show scenes of role q of a data set of their own.

    Args:
        place: number of the model in its series; another number, other views.
        size: side, px, a multiple of 8 of at least 32.
        purpose: names a series of photographs.
    """
    recipe = _recipe(size, seed, purpose)
    unit = sensor.make_device(camera.sensor, size + 2 * BORDER, stream(seed, "device", purpose, camera.name))
    found = []
    for number in range(each):
        view, scene = seen(recipe, Item("q", place, 0, number, ""), _rendered)
        noise = stream(seed, "noise", purpose, camera.name, number)
        shot = take(camera, unit, scene, view, noise, make=camera.make, model=camera.model)
        found.append(processing.center(shot.pixels, size))
    return np.stack(found)
