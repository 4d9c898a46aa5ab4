"""Scenarios: which pictures, which trials, and a whole run on pictures that no camera took."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchbench.api.words import splits
from benchbench.base.errors import BenchError
from benchbench.contracts.fit import Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import load_profile
from benchbench.contracts.scenario import NO_CAMERA, SCENARIOS, scenario_fits, split_identity
from benchbench.contracts.source import Facts
from benchbench.contracts.trials import trials, true_classes
from benchbench.records.cells import CellStore

SETUP = Setup(profile=load_profile("smoke"), data_id="0" * 32, known=3, classes=5)


def test_in_and_out_are_scenarios_like_others():
    camera = np.array([0, 0, 2, 3, 4])
    for name, expected in (("in", [0, 1, 2]), ("out", [3, 4])):
        found = trials(camera, 3, name)
        assert sorted(set(found.image.tolist())) == expected
        assert set(true_classes(3, 5, name)) == {c for c in range(5) if (c < 3) == (name == "in")}
        assert SCENARIOS.create(name).true(SETUP, camera) is camera
        assert scenario_fits(name, SETUP) == {} and split_identity(name, {}) == name
    assert splits("out,in") == ["in", "out"] and splits("synthetic, in") == ["in", "synthetic"]
    with pytest.raises(BenchError, match=r"unknown split 'im'; splits are in, out, off-training, synthetic, unseen\."):
        splits("im")


def test_synthetic_pictures_have_no_true_model_and_are_wanted_as_every_known_one():
    scenario = SCENARIOS.create("synthetic")
    true = scenario.true(SETUP, np.array([0, 1]))
    assert true.tolist() == [NO_CAMERA] * 10  # five generators, two pictures each
    found = trials(true, 3, "synthetic")
    assert len(found) == 30 and set(zip(found.image.tolist(), found.wanted.tolist(), strict=True)) == {
        (i, w) for i in range(10) for w in range(3)
    }
    each = trials(true, 3, "synthetic", each=1)
    assert np.bincount(each.wanted).max() - np.bincount(each.wanted).min() <= 1
    assert set(scenario_fits("synthetic", SETUP)) == {"pictures"}
    assert scenario_fits("synthetic", SETUP) != scenario_fits("off-training", SETUP)


def test_unseen_models_are_thirty_of_which_those_beside_the_data_set_are_drawn(tmp_path: Path) -> None:
    from benchbench.contracts.fit import FitContext
    from benchbench.data.build import build
    from benchbench.data.virtual.recipe import VirtualRecipe

    recipe = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=3, known=2, unknown=2)
    dataset = build(recipe, tmp_path, workers=1)
    setup = Setup(profile=load_profile("smoke"), data_id=dataset.data_id, known=2, classes=4)
    scenario = SCENARIOS.create("unseen")
    fit = scenario.fits(setup)["drawn"]
    (tmp_path / "fit").mkdir()
    context = FitContext(
        data=dataset, device=torch.device("cpu"), folder=tmp_path / "fit", needs={}, checkpoint=tmp_path / "none"
    )
    fit.run(context)
    photos = scenario.pictures(dataset, {"drawn": fit.load({}, {"stack": np.load(tmp_path / "fit/stack.npy")}, {})})
    true = scenario.true(setup, dataset.classes("test"))
    assert photos.camera.tolist() == true.tolist() == [c for c in range(2, 32) for _ in range(2)]
    assert list(true_classes(2, 4, "unseen")) == list(range(2, 32))
    assert len(photos.images) == len(photos.name) == len(set(photos.name)) == 60
    test = dataset.photos("test")
    of_2 = np.flatnonzero(test.camera == 2)[:2]
    assert np.array_equal(photos.images[:2], test.images[of_2])
    firsts = {photos.images[np.flatnonzero(true == c)[0]].tobytes() for c in range(4, 32)}
    assert len(firsts) == 28, "each drawn model takes photographs of its own"
    facts = replace_facts(dataset, retakes=False)
    assert "virtual ones alone" in scenario.why_not(facts) and scenario.why_not(replace_facts(dataset)) == ""


def replace_facts(dataset: Dataset, retakes: bool = True) -> Facts:
    """Return what a plan knows of a data set whose cameras can, or cannot, take photographs again."""
    models = tuple(dataset.camera_models)
    return Facts(dataset.data_id, dataset.name, models, 2, 32, dataset.classes("test"), retakes=retakes)


@pytest.mark.slow
def test_a_run_on_unseen_models(bench_here, tmp_path: Path) -> None:
    place = ["--cache", str(tmp_path / "cache"), "--results", str(tmp_path / "results"), "--profile", "smoke"]
    targets = "siamte2020:clustering/resnet50,siamte2020:verification/device,resnet18/hp/partial"
    said = bench_here("run", *place, "--split", "unseen", "--attack", "identity,gaussian-5", "--targets", targets)
    assert said.returncode == 1 and "2 skipped" in said.stdout, said.stdout + said.stderr  # no test device took them
    cells = {(c.attack.name, c.target.task): c for c in CellStore(tmp_path / "results").cells()}
    assert set(cells) == {(a, t) for a in ("identity", "gaussian-5") for t in ("clustering", "classification")}
    one = cells["identity", "clustering"]
    assert one.split.classes == tuple(range(one.dataset.known, one.dataset.known + 30))
    named = set(one.outcomes["named_1n_0"])
    assert len(named) > 1 and named <= set(one.split.classes)
    again = bench_here("run", *place, "--split", "unseen", "--attack", "identity,gaussian-5", "--targets", targets)
    assert "4 already there" in again.stdout


@pytest.mark.slow
def test_a_run_on_synthetic_pictures(bench_here, tmp_path: Path) -> None:
    place = ["--cache", str(tmp_path / "cache"), "--results", str(tmp_path / "results"), "--profile", "smoke"]
    what = ["--split", "synthetic,off-training", "--attack", "identity,spoc[embedder=false],forger"]
    targets = "resnet18/hp/complete,spoc2019:bondi2017,spoc2019:spec/detector"
    said = bench_here("run", *place, *what, "--targets", targets, "--workers", "1")
    assert said.returncode == 1 and "6 skipped" in said.stdout, said.stdout + said.stderr
    cells = {(c.attack.name, c.target.name, c.split.name): c for c in CellStore(tmp_path / "results").cells()}
    assert len(cells) == 2 * 3 * 2  # the forger knows no scene of theirs
    one = cells["spoc", "bondi2017", "synthetic"]
    assert one.split.classes == (NO_CAMERA,) and set(one.split.true) == {NO_CAMERA}
    assert one.split.fits.keys() == {"pictures"} and not one.split.scene
    assert len(one.outcomes["predicted"]) == 10 * 6
    hits = np.array(one.outcomes["predicted"]) == np.array(one.craft.trials.wanted)
    from benchbench.metrics import rates

    assert rates.tsr(one) == pytest.approx(hits.mean())
    assert rates.usr(one) is None and rates.clean_accuracy(one) is None
    found = cells["identity", "spec/detector", "off-training"]
    assert set(found.outcomes) == {"synthetic", "score", "rank"} and len(found.split.true) == 10
    again = bench_here("run", *place, *what, "--targets", targets)
    assert "12 already there" in again.stdout and again.returncode == 1
    tables = bench_here("table", "tasks", "--results", str(tmp_path / "results"), "--profile", "smoke")
    assert "TPR synthetic" in tables.stdout
    record = json.loads(next((tmp_path / "results").rglob("cells/spoc/*.json")).read_text())
    assert record["cell_id"]
