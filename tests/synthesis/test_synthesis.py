"""Synthetic pictures: what up-sampling leaves in a spectrum, who sees which pictures, folders, drawn photographs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from benchbench.base.errors import DataError
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.data.virtual.renderings import rendering
from benchbench.synthesis.fits import (
    SimulatedPictures,
    SimulatorFit,
    drawn_photographs,
    synthetic_pictures,
)
from benchbench.synthesis.simulator import KINDS, Simulator, SimulatorRecipe, up_sampling

TINY = SimulatorRecipe(channels=4, blocks=1, critic_channels=4, batch=2, patch=32, steps=4, renderings=4)


def context(folder, needs=None, size=64):
    folder.mkdir(exist_ok=True)
    return FitContext(
        data=SimpleNamespace(size=size),
        device=torch.device("cpu"),
        needs=needs or {},
        folder=folder,
        checkpoint=folder / "checkpoint.pt",
    )


def setup(**networks):
    profile = load_profile("smoke").model_copy(update={"networks": {k: dict(v) for k, v in networks.items()}})
    return Setup(profile=profile, data_id="0" * 32, known=2, classes=3)


def test_up_sampling_doubles_and_its_kinds_leave_peaks_of_their_own():
    # Of smooth input: what a kind adds at the frequency of every other pixel, beside what lies around it.
    smooth = torch.ones(1, 8, 32, 32)
    share = {}
    for kind in KINDS:
        torch.manual_seed(0)
        y = up_sampling(kind, 8, 8).eval()(smooth).detach().numpy()[0][:, 8:-8, 8:-8]
        assert y.shape == (8, 48, 48)
        spectrum = np.abs(np.fft.fft2(y - y.mean((1, 2), keepdims=True)))
        peaks = spectrum[:, 24, 0] + spectrum[:, 0, 24] + spectrum[:, 24, 24]
        share[kind] = peaks.sum() / np.abs(y).sum()
    # A constant is doubled evenly by interpolation, and unevenly where weights alternate.
    assert min(share["transposed"], share["pixel-shuffle"]) > 0.05
    assert max(share["nearest"], share["bilinear"], share["two-stage"]) < 1e-4
    assert share["anti-aliased"] < 0.2 * share["transposed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_simulator_keeps_sizes_and_ranges(kind):
    x = torch.rand(2, 3, 32, 40) * 2 - 1
    y = Simulator(kind, 4, 1).eval()(x)
    assert y.shape == x.shape
    assert y.abs().max() <= 1


def test_instance_norm_forgets_how_bright_a_picture_was():
    x = torch.rand(2, 3, 32, 40) - 0.6
    for instance_norm in (True, False):
        torch.manual_seed(0)
        simulator = Simulator("nearest", 4, 1, instance_norm).eval()
        assert torch.allclose(simulator(x), simulator(x + 0.3), atol=1e-3) == instance_norm


def test_renderings_are_reproducible_and_roles_share_none():
    first = rendering(64, 0, "test", "q", 0)
    assert first.dtype == np.uint8 and first.shape == (64, 64, 3)
    assert np.array_equal(first, rendering(64, 0, "test", "q", 0))
    for other in (rendering(64, 0, "test", "p", 0), rendering(64, 0, "test", "q", 1), rendering(64, 0, "more", "q", 0)):
        assert np.abs(first.astype(int) - other).mean() > 2


def test_a_trained_simulator_paints_the_pictures_of_a_role(tmp_path):
    fits = tuple(SimulatorFit(up=kind, recipe=TINY) for kind in ("nearest", "transposed"))
    networks = {}
    for fit in fits:
        state = fit.run(context(tmp_path / fit.up))
        networks[fit.up] = fit.load(state, {}, {})
    made = SimulatedPictures(part="test", each=2, simulators=fits)
    here = context(tmp_path / "made", networks)
    made.run(here)
    pictures = made.load({}, {"stack": np.load(here.folder / "stack.npy")}, {})
    assert pictures.images.shape == (4, 64, 64, 3)
    assert pictures.generator.tolist() == [0, 0, 1, 1] and pictures.names == ("nearest", "transposed")
    original = rendering(64, 0, "synthetic", "test", 2)
    with torch.no_grad():
        x = torch.from_numpy(original).permute(2, 0, 1)[None].float() / 127.5 - 1
        expected = ((networks["transposed"](x)[0] + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(pictures.images[2].astype(int) - expected).max() <= 1


def test_training_and_off_training_generators_are_apart_and_enter_the_identity():
    few = setup(synthetic={"q": 3, "p": 3, "test": 2})
    inside, off = synthetic_pictures(few, "test"), synthetic_pictures(few, "test", off=True)
    assert [f.up for f in inside.simulators] == [k for k in KINDS if k != "anti-aliased"]
    assert [f.up for f in off.simulators] == ["anti-aliased"]
    ids = {f.fit_id("0") for f in (inside, off, synthetic_pictures(few, "q"))}
    longer = setup(synthetic={"q": 3, "p": 3, "test": 2}, simulator={"steps": 7})
    assert len(ids | {synthetic_pictures(longer, "test").fit_id("0")}) == 4
    with pytest.raises(DataError, match="leaves no generator off training"):
        synthetic_pictures(setup(synthetic={"off": []}), "test", off=True)


def test_a_folder_of_synthetic_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("gan-a", "gan-b", "unseen"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for k in range(12):
            pixels = rng.integers(0, 256, (70, 80, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "in" / name / f"{k}.png")
    mine = setup(synthetic={"folder": str(tmp_path / "in"), "off": ["unseen"]})
    parts = {part: synthetic_pictures(mine, part) for part in ("q", "p", "test")}
    paths = [path for fit in parts.values() for path in fit.paths]
    assert len(paths) == len(set(paths)) == 24 and not any("unseen" in path for path in paths)
    off = synthetic_pictures(mine, "test", off=True)
    assert len(off.paths) == 12
    here = context(tmp_path / "made")
    off.run(here)
    pictures = off.load({}, {"stack": np.load(here.folder / "stack.npy")}, {})
    with Image.open(off.paths[5]) as image:
        assert np.array_equal(pictures.images[5], np.asarray(image)[3:67, 8:72])
    moved = tmp_path / "moved"
    (tmp_path / "in").rename(moved)
    there = setup(synthetic={"folder": str(moved), "off": ["unseen"]})
    assert synthetic_pictures(there, "q").fit_id("0") == parts["q"].fit_id("0")
    with pytest.raises(DataError, match="is no folder of synthetic pictures"):
        synthetic_pictures(mine, "q")
    with pytest.raises(DataError, match="at least 128 x 128"):
        synthetic_pictures(there, "q").run(context(tmp_path / "big", size=128))


def test_drawn_photographs_come_with_their_models(tmp_path):
    fit = drawn_photographs("test", cameras=2, each=2, seed=0)
    here = context(tmp_path / "made")
    fit.run(here)
    images, labels = fit.load({}, {"stack": np.load(here.folder / "stack.npy")}, {})
    assert images.shape == (4, 64, 64, 3) and labels.tolist() == [0, 0, 1, 1]
    assert len(np.unique(images.reshape(4, -1), axis=0)) == 4
    assert fit.models != drawn_photographs("other", cameras=2, each=2, seed=0).models
