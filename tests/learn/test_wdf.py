"""Wiener residuals as a network learns them, and classifiers that are used behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.base.errors import BenchError
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import GeneratorShape, ResidualRecipe, load_profile
from benchbench.contracts.target import TARGETS
from benchbench.evaluate.panel import Panel
from benchbench.forensics import WaveletWiener
from benchbench.learn.classifier import Classifier
from benchbench.learn.residual import ResidualNetworkFit
from benchbench_attacks._evaluator import residual_network

SETUP = Setup(profile=load_profile("smoke"), data_id="none", known=3, classes=4)


def noisy_photographs(count: int) -> np.ndarray:
    """Smooth pictures and noise of a few gray levels, (count, 64, 64, 3) uint8."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(40, 215, (count, 3, 4, 4)))
    smooth = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic").permute(0, 2, 3, 1).numpy()
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).round().astype(np.uint8)


def test_the_network_explains_most_of_the_filters_energy_on_photographs_it_has_not_seen(tmp_path: Path) -> None:
    """The filter is the one of `forensics`, which is tested against another library."""
    images = noisy_photographs(12)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    truth = WaveletWiener(scale=255.0)(x) * 2
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=images, camera=np.zeros(12, int)),
        labels=lambda role: {"camera": np.zeros(12, int), "validation": np.arange(12) >= 8},
        known=1,
    )
    fit = ResidualNetworkFit(
        role="p",
        shape=GeneratorShape(kind="full-resolution", channels=8, blocks=1),
        recipe=ResidualRecipe(learning_rate=3e-2, batch=8, epochs=2, patches_per_epoch=1200, schedule="one-cycle"),
        patch=16,
        residuals=PREPROCESSORS.get("wdf").fit("p", SETUP).needs()["residuals"],
    )
    needs = {"residuals": truth.permute(0, 2, 3, 1).numpy().astype(np.float16)}
    files = {"folder": tmp_path, "checkpoint": tmp_path / "checkpoint.pt"}
    context = FitContext(data=data, device=torch.device("cpu"), needs=needs, **files)  # type: ignore[arg-type]
    learned = PREPROCESSORS.create("wdf").learned(fit.load(fit.run(context), {}, {}))
    with torch.inference_mode():
        left = truth[8:] - learned(x[8:])
    assert 1 - float(left.square().sum() / truth[8:].square().sum()) > 0.75


def test_a_target_is_the_network_that_was_trained_on_true_residuals_behind_the_learned_ones() -> None:
    target, filtered = (TARGETS.create(f"resnet34/{p}/complete") for p in ("wdf", "ww"))
    fits = target.fits(SETUP)
    assert set(fits) == {"classifier", "preprocessor"}
    assert fits["classifier"].fit_id("d") == filtered.fits(SETUP)["classifier"].fit_id("d")
    torch.manual_seed(0)
    shape = SETUP.profile.backbones.shape("resnet34")
    classifier = Classifier("resnet34", "ww", 3, shape).eval()
    residual: Any = torch.nn.Conv2d(3, 3, 3, padding=1)
    module = target.load({"classifier": classifier, "preprocessor": residual}, torch.device("cpu"))
    x = torch.rand(2, 3, 48, 40)
    with torch.inference_mode():
        torch.testing.assert_close(module(x), classifier.backbone(residual(x * 2 - 1)))
        panel = Panel.of({"one": module, "two": module}, {"one": 3, "two": 3})
        assert panel.classify(x)["one"].tolist() == module(x).argmax(1).tolist()
    assert not panel.failures
    with pytest.raises(BenchError, match="has no network yet"):
        PREPROCESSORS.create("wdf")(x)


def test_the_examiners_network_learns_on_p_and_the_attackers_is_e0_where_a_profile_says_nothing_else() -> None:
    wdf = PREPROCESSORS.get("wdf")
    mine, theirs = wdf.fit("q", SETUP), wdf.fit("p", SETUP)
    assert mine.fit_id("d") == residual_network(SETUP).fit_id("d") != theirs.fit_id("d")
    assert [f.role for f in (mine, mine.needs()["residuals"])] == ["q", "q"]  # type: ignore[attr-defined]
    assert [f.role for f in (theirs, theirs.needs()["residuals"])] == ["p", "p"]  # type: ignore[attr-defined]
    paper = replace(SETUP, profile=load_profile("paper"))
    found = wdf.fit("p", paper)
    assert isinstance(found, ResidualNetworkFit)
    assert (found.recipe.epochs, found.recipe.batch, found.recipe.learning_rate) == (30, 128, 1e-4)
    assert (found.shape.kind, found.shape.blocks, found.recipe.weight_decay) == ("johnson", 2, 5e-4)
    assert residual_network(paper).recipe.epochs == 90


def test_nothing_is_trained_behind_the_learned_residual() -> None:
    fit: Any = TARGETS.create("resnet34/ww/complete").fits(SETUP)["classifier"]
    with pytest.raises(BenchError, match="'wdf' stands for 'ww'"):
        replace(fit, preprocessor="wdf").build()
