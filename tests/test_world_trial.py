"""The trial of the virtual cameras: what it takes again, what it turns down, and which networks its words mean."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.base.errors import UnknownNameError
from benchbench.contracts.fit import Setup
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.data.build import build
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.evaluate.networks import networks
from benchbench.records.cache import Cache
from benchbench.records.zoo import Zoo

TINY = VirtualRecipe(size=32, scenes=4, q_per_device=2, p_per_device=1, test_per_class=1, known=3, unknown=0)
SETUP = Setup(profile=load_profile("quick"), data_id="none", known=6, classes=12)


@pytest.fixture(scope="module")
def trial() -> Any:
    spec = importlib.util.spec_from_file_location("world_trial", Path(__file__).parents[1] / "tools" / "world_trial.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_asked_about_is_the_photograph_and_its_retakes(trial: Any, tmp_path: Path) -> None:
    photos = build(TINY, tmp_path, workers=1).photos("q")
    cases = trial.asked(TINY, "q", 2)
    assert [photos.camera[index] for _, index, _ in cases] == [0, 0, 1, 1, 2, 2]
    assert all(other != photos.camera[index] for _, index, other in cases)
    for case in cases[::2]:
        itself, forgery, color, high = trial.all_retakes(case)
        chimeras, index, other = case
        assert np.array_equal(itself, photos.images[index])
        assert np.array_equal(forgery, chimeras.take(index, other, trial.FORGERY))
        assert len({picture.tobytes() for picture in (itself, forgery, color, high)}) == 4


def test_forgeries_are_turned_down_to_the_budget_and_never_up(trial: Any) -> None:
    rng = np.random.default_rng(0)
    clean = rng.integers(100, 156, (3, 32, 32, 3)).astype(np.float64)
    changes = rng.normal(0, np.array((3, 12, 20))[:, None, None, None], clean.shape)  # 38.6, 26.5 and 22.1 dB
    forgeries = np.clip(np.rint(clean + changes), 0, 255).astype(np.uint8)
    made = trial.turned_down(clean, forgeries)
    psnr = 10 * np.log10(255**2 / np.square(made - clean).mean((1, 2, 3)))
    assert np.array_equal(made[0], forgeries[0]), "what is quiet enough stays"
    assert psnr[1:].min() > 34.95 and psnr[1:].max() < 35.05, "but for rounding"
    for before, after in zip(forgeries[1:] - clean[1:], made[1:] - clean[1:], strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99


def test_words_mean_networks(trial: Any) -> None:
    found = trial.networks_named(["rgb", "high", "vgg16/*/partial"], SETUP)
    preprocessors = ("rgb", "hp", "fd", "rgb+fd", "cc", "ww")
    assert set(found) == {"rgb", "residual", "high", *(f"vgg16/{p}/partial" for p in preprocessors)}
    assert found["rgb"] == TARGETS.create("resnet18/rgb/complete").fits(SETUP)["classifier"]
    assert found["vgg16/cc/partial"] == TARGETS.create("vgg16/cc/partial").fits(SETUP)["classifier"]
    assert set(trial.networks_named(["residual"], SETUP)) == {"residual"}
    with pytest.raises(UnknownNameError):
        trial.networks_named(["vgg17/cc/partial"], SETUP)


def test_what_a_residual_network_leaves_unexplained(trial: Any) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (20, 48, 48, 3), dtype=np.uint8)
    wiener = PREPROCESSORS.create("ww")
    for share in (0.0, 0.5, 1.0):
        found = trial.left_unexplained(lambda x, share=share: share * wiener((x + 1) / 2), pictures)
        assert found == pytest.approx((1 - share) ** 2, abs=1e-6)


@pytest.mark.slow
def test_the_packaged_evaluators_bands_follow_what_they_are_for(trial: Any, tmp_path: Path) -> None:
    """E_L is taken only if it follows color and tone: another model's alone must be taken for that model."""
    recipe = VirtualRecipe(**SETUP.profile.data)
    source = RecipeSource.of(recipe)
    setup = replace(SETUP, data_id=source.data_id)
    fits = trial.networks_named(["high", "low"], setup)
    Zoo().adopt([fit.fit_id(setup.data_id) for fit in fits.values()], Cache(tmp_path))
    loaded = networks(fits, setup, tmp_path, trial.CPU)
    cases = trial.asked(recipe, "p", 4)
    _, _, color, high = np.array([trial.all_retakes(case) for case in cases]).swapaxes(0, 1)
    wanted = np.array([other for _, _, other in cases])
    followed = {
        name: [float((trial.answers(name, loaded, pictures) == wanted).mean()) for pictures in (color, high)]
        for name in ("low", "high")
    }
    assert followed["low"][0] > 0.6 and followed["low"][1] < 0.2
    assert followed["high"][0] < 0.2 and followed["high"][1] > 0.9
