"""Chimeras: photographs with traces of two cameras, against the data set and against the chain itself."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.base.seeds import stream
from benchbench.data.build import build
from benchbench.data.chimera import TRACES, Chimeras, switched
from benchbench.data.virtual import processing
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.cameras import Camera, camera_table
from benchbench.data.virtual.recipe import VirtualRecipe

TINY = VirtualRecipe(size=64, scenes=3, q_per_device=1, p_per_device=1, test_per_class=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def chimeras():
    return Chimeras(TINY)


def test_traces_are_all_of_a_camera_and_none_twice():
    fields = [field for trace in TRACES.values() for field in trace]
    assert sorted(fields) == sorted(set(Camera.model_fields) - {"make", "model"})
    first, second = camera_table().camera[:2]
    assert switched(first, second, TRACES).model_copy(update={"make": second.make, "model": second.model}) == second
    assert switched(first, second, ()) == first


def test_without_a_switch_it_is_the_photograph_of_the_data_set(chimeras, cache):
    photos = build(TINY, cache, workers=1, test_alone=True).photos("test")
    for index in (0, 3, 11):
        assert np.array_equal(chimeras.take(index, 2, ()), photos.images[index])


def test_a_switch_changes_its_trace_and_no_other(chimeras):
    """Against the chain: JPEG by recompressing the same picture, all by taking the photograph with the other camera."""
    plain = chimeras.take(0, 1, ()).astype(float)
    found = {trace: np.sqrt(np.square(chimeras.take(0, 1, (trace,)) - plain).mean()) for trace in TRACES}
    assert all(value > 0.3 for value in found.values()), found
    item, cameras = chimeras.items()[0], virtual.cameras(TINY)
    view, scene = virtual.seen(TINY, item)
    other = virtual.take(
        cameras[1],
        virtual.device(TINY, 1, item.device),
        scene,
        view,
        stream(TINY.seed, "noise", item.camera, item.device, item.number),
        make="X",
        model="Y",
    )
    assert np.array_equal(chimeras.take(0, 1, tuple(TRACES)), processing.center(other.pixels, TINY.size))


def test_only_the_sensor_brings_another_device(chimeras, monkeypatch):
    asked = []
    device = virtual.device
    monkeypatch.setattr(
        virtual, "device", lambda recipe, camera, number: asked.append(camera) or device(recipe, camera, number)
    )
    chimeras.take(0, 1, ("optics", "demosaicing", "color and tone", "sharpening and denoising", "JPEG"))
    chimeras.take(0, 1, ("sensor",))
    assert asked == [0, 1]


def test_photographs_of_other_roles_are_taken_again_too(cache):
    """Those of q lie in the data set beside rendered scenes; here each scene is rendered anew."""
    recipe = VirtualRecipe(size=32, scenes=3, q_per_device=2, p_per_device=1, test_per_class=1, known=2, unknown=0)
    photos = build(recipe, cache, workers=1).photos("q")
    of_q = Chimeras(recipe, "q")
    assert [item.name for item in of_q.items()] == list(photos.name)
    for index in range(len(photos)):
        assert np.array_equal(of_q.take(index, 1, ()), photos.images[index])
    assert not np.array_equal(of_q.take(0, 1, ("JPEG",)), photos.images[0])
