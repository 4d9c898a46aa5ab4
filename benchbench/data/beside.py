"""Photographs beside a data set's roles, which virtual cameras take when they are asked for.

The role `enrol`: photographs of the test devices, of scenes of p, which no test photograph shows. Pairs: what a camera
gives with and without its sensor's noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.seeds import stream
from benchbench.contracts.photographs import Dataset, Photos
from benchbench.data.virtual import processing, sensor
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.cameras import Camera
from benchbench.data.virtual.recipe import BORDER, Item, VirtualRecipe

FIRST = 100_000
"""Number of the first photograph of a device that no role has."""
Told = Callable[[int, int], None]
"""Called with (photographs done, photographs in all)."""


def untold(done: int, total: int) -> None:
    """Tell nobody."""


def recipe_of(dataset: Dataset) -> VirtualRecipe:
    """Return the recipe of a data set of virtual cameras.

    Raises:
        DataError: its photographs are real, or its models are all alike.
    """
    found = dict(dataset.meta["recipe"])
    if "path" in found:
        raise DataError(f"'{dataset.name}' has no further photographs of its devices; virtual cameras can take some.")
    recipe = VirtualRecipe(**found)
    if recipe.neutral:
        raise DataError("the cameras of virtual-neutral are all alike; use --data virtual.")
    return recipe


def devices_of_test(dataset: Dataset) -> list[tuple[int, int]]:
    """Return (camera model, device) of each device that took test photographs, in order."""
    labels = dataset.labels("test")
    return sorted(set(zip(labels["camera"].tolist(), labels["device"].tolist(), strict=True)))


def enrolled(dataset: Dataset, each: int, told: Told = untold) -> Photos:
    """Return `each` photographs of every test device, of scenes that no test photograph shows.

    Raises:
        DataError: see `recipe_of`.
    """
    recipe = recipe_of(dataset)
    cameras, labels = virtual.cameras(recipe), virtual.labels(recipe)
    items = [
        Item("p", camera, device, FIRST + number, f"{labels[camera].name}_{device}_{FIRST + number}.JPG")
        for camera, device in devices_of_test(dataset)
        for number in range(each)
    ]
    images = np.empty((len(items), recipe.size, recipe.size, 3), np.uint8)
    scenes = np.empty(len(items), np.int64)
    for k, item in enumerate(items):
        view, scene = virtual.seen(recipe, item)
        shot = virtual.take(
            cameras[item.camera],
            virtual.device(recipe, item.camera, item.device),
            scene,
            view,
            stream(recipe.seed, "noise", item.camera, item.device, item.number),
            make=labels[item.camera].make,
            model=labels[item.camera].model,
        )
        images[k], scenes[k] = processing.center(shot.pixels, recipe.size), shot.scene
        told(k + 1, len(items))
    return Photos(
        images,
        np.array([item.camera for item in items], np.int64),
        np.array([item.device for item in items], np.int64),
        scenes,
        tuple(item.name for item in items),
    )


def sensitivities(dataset: Dataset) -> NDArray[np.float32]:
    """Return the photo-response non-uniformity of every test device, (devices, H, W), 0 for a pixel like all others.

    What an examiner estimates from photographs, known here: the sensor's own pixels behind the photographs.

    Raises:
        DataError: see `recipe_of`.
    """
    recipe = recipe_of(dataset)
    inside = slice(BORDER, BORDER + recipe.size)
    gains = [virtual.device(recipe, camera, device).gain[inside, inside] for camera, device in devices_of_test(dataset)]
    return np.stack(gains) - np.float32(1)


def noise_pairs(
    cameras: Sequence[Camera], each: int, size: int, seed: int, told: Told = untold
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return photographs and the same without noise, fixed pattern and PRNU, (cameras x each, size, size, 3) both.

    Scenes are of a recipe of their own, so that no data set shows them.
    """
    own = int(stream(seed, "noise pairs").integers(2**31))
    recipe = VirtualRecipe(size=size, scenes=max(3, min(60, len(cameras) * each)), seed=own)
    side = size + 2 * BORDER
    still = sensor.Device(np.ones((side, side), np.float32), np.zeros((side, side), np.float32))
    total = len(cameras) * each
    noisy, clean = (np.empty((total, size, size, 3), np.uint8) for _ in range(2))
    for k, camera in enumerate(cameras):
        unit = sensor.make_device(camera.sensor, side, stream(own, "device", camera.name))
        quiet = camera.model_copy(update={"sensor": camera.sensor.model_copy(update={"noise_a": 0.0, "noise_b": 0.0})})
        for number in range(each):
            item = Item("q", 0, 0, k * each + number, "")
            view, scene = virtual.seen(recipe, item)
            for stack, model, device in ((noisy, camera, unit), (clean, quiet, still)):
                rng = stream(own, "noise", item.number)
                shot = virtual.take(model, device, scene, view, rng, make=camera.make, model=camera.model)
                stack[item.number] = processing.center(shot.pixels, size)
            told(item.number + 1, total)
    return noisy, clean
