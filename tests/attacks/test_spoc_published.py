"""A step of every part of SpoC's paper at its published shapes, on small patches: profile `paper` can be trained."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.learn.loop import Loop
from benchbench.synthesis import fits as synthesis
from benchbench_attacks._spoc_networks import Embedder

SETUP = Setup(profile=load_profile("paper"), data_id="0" * 32, known=6, classes=12)
SIDE = 96
RNG = np.random.default_rng(0)
CAMERA = np.repeat(np.arange(12), 2)


def noise(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def step(monkeypatch, tmp_path):
    """Return the loss of one step of a fit, on noise."""

    def one(self, context):
        for module in self.modules.values():
            module.train()
        before = [p.detach().clone() for p in self.modules[self.keep].parameters()]
        loss = self.step(torch.Generator().manual_seed(0))
        after = list(self.modules[self.keep].parameters())
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        raise StopIteration(float(loss))

    monkeypatch.setattr(Loop, "run", one)
    monkeypatch.setattr(synthesis, "rendering", lambda size, *_: noise(1)[0])
    photos = SimpleNamespace(images=noise(24), camera=CAMERA)
    labels = {"camera": CAMERA, "validation": np.arange(24) % 2 == 1}
    data = SimpleNamespace(size=SIDE, known=6, photos=lambda role: photos, labels=lambda role: labels)

    def call(fit, needs=None, states=None, **recipe):
        small = replace(fit, recipe=fit.recipe.model_copy(update=recipe))
        files = {"folder": tmp_path, "checkpoint": tmp_path / "none"}
        context = FitContext(data=data, device=torch.device("cpu"), needs=needs or {}, states=states or {}, **files)
        with pytest.raises(StopIteration) as found:
            small.run(context)
        assert np.isfinite(found.value.value)
        return small

    return call


PICTURES = synthesis.Pictures(noise(5), np.arange(5), tuple("abcde"))


@pytest.mark.slow
def test_a_step_of_spoc_its_embedder_and_its_simulators(step) -> None:
    fit = ATTACKS.create("spoc").fits(SETUP)["generator/2"]
    assert fit.recipe.steps == 50_000 and fit.recipe.batch == 10 and fit.recipe.patch == 256
    step(fit, {"pictures": PICTURES, "embedder": Embedder().eval().requires_grad_(False)}, batch=1, patch=32)
    assert (fit.embedder.recipe.models * fit.embedder.recipe.patches, fit.embedder.recipe.cameras) == (80, 600)
    photographs = (noise(8), np.repeat(np.arange(4), 2))
    step(fit.embedder, {"photographs": photographs}, models=2, patches=2, patch=32)
    simulator = fit.pictures.simulators[0]
    assert (simulator.recipe.channels, simulator.recipe.blocks) == (64, 9)
    step(simulator, batch=1, patch=32, renderings=2)


@pytest.mark.slow
def test_a_step_of_each_rival_examiner_and_detector(step) -> None:
    for name in ("gap", "adv-cam-id"):
        fits = ATTACKS.create(f"{name}[on=bondi2017]").fits(SETUP)
        surrogate = fits["bondi2017:classifier"].build().eval().requires_grad_(False)
        step(fits["generator/0"], {"pictures": PICTURES, "bondi2017:classifier": surrogate}, batch=1, patch=32)
    for name in ("tuama2016", "bondi2017", "xception", "inceptionv3"):
        step(replace(TARGETS.create(f"spoc2019:{name}").fits(SETUP)["classifier"], patch=64), batch=2)
    for name in ("xception/detector", "spec/detector"):
        fit = TARGETS.create(f"spoc2019:{name}").fits(SETUP)["detector"]
        states = {"begins": fit.begins.build().state_dict()} if fit.begins is not None else {}
        step(fit, {"pictures": PICTURES}, states, batch=2)
