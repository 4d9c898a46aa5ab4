"""SpoC's examiners: names, classes, a detector in a tiny data set, and the task of detection from scores."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.fit import FitContext, Setup, collect
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.contracts.task import Judged, TaskContext
from benchbench.contracts.trials import Trials
from benchbench.evaluate.tasks.detection import Detection, ranks
from benchbench.records.cache import Cache
from benchbench.synthesis.fits import Pictures
from benchbench_targets._detectors import CentralCrop

SETUP = Setup(profile=load_profile("smoke"), data_id="0" * 32, known=6, classes=12)
NAMES = ["tuama2016", "bondi2017", "xception", "inceptionv3", "xception/detector", "spec/detector"]


def test_six_names_behind_a_prefix_which_all_does_not_mean():
    found = TARGETS.resolve("spoc2019:*")
    assert sorted(t.name for t in found) == sorted(NAMES)
    assert not any(name in {t.name for t in TARGETS.resolve("all")} for name in NAMES)
    with pytest.raises(UnknownNameError, match="Did you mean 'bondi2017'"):
        TARGETS.create("spoc2019:bondi2018")


def test_classifiers_know_ten_models_or_all_there_are():
    bondi = TARGETS.create("spoc2019:bondi2017")
    assert bondi.classes(SETUP) == 10
    few = Setup(profile=SETUP.profile, data_id="0" * 32, known=3, classes=4)
    assert bondi.classes(few) == 4
    two = TARGETS.create("spoc2019:bondi2017[models=2]")
    assert two.classes(SETUP) == 6 and two.name == "bondi2017-2" and bondi.name == "bondi2017"
    for wrong in ("models=0", "models=-3"):
        with pytest.raises(BenchError, match="models"):
            TARGETS.create(f"spoc2019:bondi2017[{wrong}]")
    with pytest.raises(UnknownNameError, match="no parameter 'examiner'"):
        TARGETS.create("spoc2019:bondi2017[examiner=xception]")
    fit = bondi.fits(SETUP)["classifier"]
    assert (fit.classes, fit.role) == (10, "p")
    detector = TARGETS.create("spoc2019:spec/detector")
    assert detector.classes(SETUP) == 2
    labels = [f.label for f in collect(detector.fits(SETUP), "0").values()]
    assert "synthetic pictures of p" in labels and "synthetic pictures of q" not in labels


def test_a_detector_learns_what_is_plain_to_see(tmp_path):
    rng = np.random.default_rng(0)
    photos = rng.integers(90, 166, (24, 64, 64, 3)).astype(np.uint8)
    made = rng.integers(90, 166, (24, 64, 64, 3)).astype(np.uint8)
    made[:, ::2, ::2] += 60  # a peak at the frequency of every other pixel
    camera = np.repeat(np.arange(2), 12)
    labels = {"camera": camera, "validation": np.arange(24) % 6 == 0}
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=photos, camera=camera), labels=lambda role: labels, known=2
    )
    fit = TARGETS.create("spoc2019:spec/detector").fits(SETUP)["detector"]
    recipe = fit.recipe.model_copy(update={"epochs": 8, "patches_per_epoch": 256, "learning_rate": 0.05})
    small = SETUP.profile.backbones.shape("resnet18")
    fit = replace(fit, recipe=recipe, patch=64, backbone="resnet18", shape=small)
    pictures = Pictures(made, np.zeros(24, np.int64), ("grid",))
    context = FitContext(
        data=data, device=torch.device("cpu"), needs={"pictures": pictures}, folder=tmp_path, checkpoint=tmp_path / "c"
    )
    module = fit.load(fit.run(context), {}, {})
    assert context.facts["accuracies"] == [1.0, 1.0]
    x = torch.from_numpy(np.concatenate([photos[:2], made[:2]])).permute(0, 3, 1, 2).float() / 255
    assert module(x).argmax(1).tolist() == [0, 0, 1, 1]


def test_a_detector_goes_on_from_its_classifier(tmp_path):
    """Untrained, it is the classifier but for its last layer; the cache hands weights as they left training."""
    fits = TARGETS.create("spoc2019:xception/detector").fits(SETUP)
    fit = fits["detector"]
    classifier = TARGETS.create("spoc2019:xception").fits(SETUP)["classifier"]
    assert fit.begins == classifier and fit.needs()["begins"] == classifier
    spec = TARGETS.create("spoc2019:spec/detector").fits(SETUP)["detector"]
    assert spec.begins is None and "begins" not in spec.spec()["fields"], "it keeps its identity"
    torch.manual_seed(3)
    stored = {name: t.clone() for name, t in classifier.build().state_dict().items()}
    cache = Cache(tmp_path / "cache")
    fit_id = classifier.fit_id(SETUP.data_id)
    cache.save(fit_id, cache.workspace(fit_id), stored, {"label": classifier.label, "seconds": 1.0})
    states = cache.states(fit, SETUP.data_id)
    assert set(states) == {"pictures", "begins"}
    assert {name: t.shape for name, t in states["begins"].items()} == {name: t.shape for name, t in stored.items()}
    pixels = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3)).astype(np.uint8)
    labels = {"camera": np.arange(24) % 2, "validation": np.arange(24) % 6 == 0}
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=pixels, camera=labels["camera"]), labels=lambda role: labels, known=2
    )
    recipe = fit.recipe.model_copy(update={"epochs": 1, "patches_per_epoch": 16, "learning_rate": 1e-9})
    fit = replace(fit, recipe=recipe.model_copy(update={"precision": "float32"}), patch=64)
    context = FitContext(
        data=data, device=torch.device("cpu"), needs={"pictures": Pictures(pixels, np.zeros(24, np.int64), ("g",))},
        states=states, folder=tmp_path, checkpoint=tmp_path / "c",
    )  # fmt: skip
    trained = fit.run(context)
    weights = [name for name, _ in classifier.build().named_parameters()]
    last = {name for name in weights if ".fc." in name}
    assert len(last) == 2 and {len(trained[name]) for name in last} == {2}
    assert all(torch.allclose(trained[name], stored[name], atol=1e-3) for name in set(weights) - last)
    # A classifier of two models has a last layer of the same shape, of another meaning.
    two = TARGETS.create("spoc2019:xception[models=2]")
    few = Setup(profile=SETUP.profile, data_id="0" * 32, known=2, classes=2)
    other = {name: torch.ones_like(t) for name, t in two.fits(few)["classifier"].build().state_dict().items()}
    trained = fit.run(replace(context, states={"begins": other}))
    for name in last:
        assert trained[name].shape == other[name].shape and not torch.allclose(trained[name], other[name], atol=1e-2)


def test_a_detector_sees_the_centre():
    seen = []

    class Looks(torch.nn.Module):
        def forward(self, x):
            seen.append(x)
            return x.mean((1, 2, 3))[:, None].expand(-1, 2)

    x = torch.rand(1, 3, 20, 32)
    CentralCrop(Looks(), 12)(x)
    assert torch.equal(seen[0], x[..., 4:16, 10:22])


def judged(true: int, **outcomes) -> Judged:
    count = len(next(iter(outcomes.values())))
    rows = np.arange(count)
    return Judged(
        photograph=rows, true=np.full(count, true), wanted=rows * 0, outcomes=outcomes, known=2, classes=2,
        true_classes=(true,),
    )  # fmt: skip


def test_metrics_are_of_scores_and_know_where_they_are_defined():
    rng = np.random.default_rng(1)
    photographs, scores = np.sort(rng.normal(-1, 1, 40).round(1)), rng.normal(0.5, 1, 30).round(1)
    rank = ranks(scores, photographs)
    pairs = [float(s > p) + 0.5 * float(s == p) for s in scores for p in photographs]
    synthetic = judged(-1, synthetic=(scores > 0).astype(int), score=scores, rank=rank)
    metrics = {m.key: m for m in Detection.metrics}
    assert metrics["auc"].value(synthetic) == pytest.approx(np.mean(pairs))  # the share of pairs, ties halved
    assert metrics["tpr"].value(synthetic) == pytest.approx(np.mean(scores > 0))
    threshold = np.sort(photographs)[37]  # two of forty photographs lie above it
    expected = np.mean([np.mean(photographs < s) + np.mean(photographs == s) / 2 >= 0.95 for s in scores])
    assert metrics["tpr5"].value(synthetic) == pytest.approx(expected)
    assert np.mean(scores > threshold) == pytest.approx(expected, abs=0.1)
    assert metrics["far"].value(synthetic) is None
    real = judged(0, synthetic=np.array([0, 1, 0, 0]), score=np.zeros(4), rank=np.zeros(4))
    assert metrics["far"].value(real) == 0.25 and metrics["auc"].value(real) is None
    assert metrics["far"].undefined(2, (-1,)) and not metrics["far"].undefined(2, (0, 1))
    assert metrics["tpr"].undefined(2, (0, 1)) and not metrics["tpr"].undefined(2, (-1,))
    assert not metrics["auc"].higher and metrics["far"].higher


def test_the_task_asks_for_scores_of_unattacked_photographs_once():
    images = np.stack([np.full((8, 8, 3), level, np.uint8) for level in (0, 51, 102, 153)])
    dataset = SimpleNamespace(photos=lambda role: SimpleNamespace(images=images))
    calls = []

    def module(x):
        calls.append(len(x))
        level = x.mean((1, 2, 3))
        return torch.stack([torch.full_like(level, 0.3), level], dim=1)

    context = TaskContext(known=2, classes=2, dataset=dataset)
    rows = np.arange(2)
    x = torch.stack([torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), 0.1)])
    trials = Trials(rows, rows * 0 - 1, rows * 0)
    found = Detection().examine(module, x, trials, context)
    assert found["synthetic"].tolist() == [1, 0]
    assert found["rank"].tolist() == [0.75, 0.25]
    Detection().examine(module, x, trials, context)
    assert calls == [2, 2, 2, 2]
