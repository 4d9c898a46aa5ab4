"""Drawn camera models: reproducible, within the table's ranges, none of the table's, and they take photographs."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from benchbench.base.errors import BenchError
from benchbench.base.seeds import stream
from benchbench.data.virtual import sensor
from benchbench.data.virtual.cameras import camera_table
from benchbench.data.virtual.drawn import LENSES, drawn_cameras
from benchbench.data.virtual.optics import calibration, lens_optics
from benchbench.data.virtual.recipe import View, take


def test_the_first_models_do_not_depend_on_how_many_are_drawn():
    assert drawn_cameras(3, seed=4) == drawn_cameras(8, seed=4)[:3]
    assert drawn_cameras(3, seed=4) != drawn_cameras(3, seed=5)
    assert drawn_cameras(0) == ()
    with pytest.raises(BenchError, match="-1 camera models"):
        drawn_cameras(-1)


def test_no_drawn_model_is_one_of_the_table():
    table = camera_table()
    listed = (*table.camera, table.neutral)
    optics = {astuple(calibration(camera.lens)) for camera in listed}
    chains = {(camera.demosaic, camera.denoise.kind) for camera in table.camera}
    drawn = drawn_cameras(200)
    assert len({camera.name for camera in drawn} | {camera.name for camera in listed}) == 200 + len(listed)
    assert len({camera.model_copy(update={"model": ""}).model_dump_json() for camera in drawn}) == 200
    for camera in drawn:
        assert (camera.demosaic, camera.denoise.kind) not in chains
        assert astuple(calibration(camera.lens)) not in optics


def test_numbers_lie_in_the_range_of_the_table_and_fill_it():
    table, drawn = camera_table().camera, drawn_cameras(300)
    for of in (
        lambda c: c.tone.gamma,
        lambda c: c.sharpen.radius,
        lambda c: c.sensor.noise_a,
        lambda c: c.exposure,
        lambda c: c.tone.black[2],
        lambda c: c.matrix[0][1],
        lambda c: c.jpeg.quality,
    ):
        low, high = min(map(of, table)), max(map(of, table))
        values = np.array([of(camera) for camera in drawn])
        slack = 1e-3 * abs(high - low) + 0.5 * (low > 1 and float(low).is_integer())
        assert low - slack <= values.min() < low + 0.1 * (high - low)
        assert high + slack >= values.max() > high - 0.1 * (high - low)
    for camera in drawn:
        assert np.allclose(np.sum(camera.matrix, axis=1), 1, atol=1e-6)


def test_every_lens_reaches_the_corners_and_a_drawn_model_takes_a_photograph():
    first = drawn_cameras(1)[0]
    for maker, name, focal, aperture, aspect in LENSES:
        spec = first.lens.model_copy(
            update={"maker": maker, "camera": name, "focal": focal, "aperture": aperture, "aspect": aspect}
        )
        assert np.isfinite(lens_optics(spec, 32).where).all()
    rng = np.random.default_rng(0)
    view = View(0, (0.0, 0.0, 80.0), 0, 0.0, (1.0, 1.0), (1.0, 1.0))
    scene = rng.uniform(0.2, 1, (80, 80, 3)).astype(np.float32)
    shots = []
    for camera in drawn_cameras(4):
        unit = sensor.make_device(camera.sensor, 64, stream(0, "device", camera.name))
        shot = take(camera, unit, scene, view, stream(0, "noise"), make=camera.make, model=camera.model)
        assert shot.pixels.shape == (64, 64, 3)
        shots.append(shot.pixels.astype(float))
    assert all(np.abs(shots[0] - other).mean() > 1 for other in shots[1:])
