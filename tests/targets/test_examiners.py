"""Targets of the tasks vote, clustering and verification: networks by shape, fingerprints by who took what."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.base.errors import UnknownNameError
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.contracts.task import TASKS, TaskContext
from benchbench.contracts.trials import ANY, Trials
from benchbench.data.beside import FIRST, devices_of_test, enrolled, sensitivities
from benchbench.data.build import build
from benchbench.data.virtual.recipe import BORDER, VirtualRecipe, device
from benchbench.evaluate.tasks.crops import crops
from benchbench.learn.backbones.densenet import DeepDenseNetShape, DenseNet201
from benchbench.records.cells import CellStore
from benchbench_attacks.siamte import Siamte
from benchbench_targets._fingerprints import FingerprintsFit, Verifier
from benchbench_targets._traces import GAIN, OfTraces, Taken, trace
from benchbench_targets.siamte2020 import OnTraces

CPU = torch.device("cpu")
RECIPE = VirtualRecipe(size=96, scenes=5, q_per_device=1, p_per_device=2, test_per_class=2, known=2, unknown=1)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build(RECIPE, tmp_path_factory.mktemp("cache"), workers=1)


def setup() -> Setup:
    return Setup(load_profile("smoke"), "d" * 32, 6, 12)


def test_nine_targets_behind_a_prefix() -> None:
    named = [target.name for target in TARGETS.resolve("siamte2020:*")]
    assert len(named) == 9 and {name.split("/")[0] for name in named} == {"vote", "clustering", "verification", "trace"}
    assert not set(named) & {target.name for target in TARGETS.resolve("all")}
    for wrong in ("siamte2020:vote/vgg", "siamte2020:vote/resnet50[attack=siamte]"):
        with pytest.raises(UnknownNameError):
            TARGETS.create(wrong)


def test_densenet201_is_the_published_one() -> None:
    from torchvision.models import densenet201

    ours = DenseNet201().build(DeepDenseNetShape(), 3, 1000, 0.0)
    theirs = densenet201(weights=None)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_examiners_end_in_three_linear_layers() -> None:
    for backbone in ("resnet50", "densenet201"):
        vote, clustering = (TARGETS.create(f"siamte2020:{task}/{backbone}") for task in ("vote", "clustering"))
        fit = vote.fits(setup())["examiner"]
        assert fit.fit_id("d") == clustering.fits(setup())["examiner"].fit_id("d"), "one network for both"
        network = fit.build()  # type: ignore[attr-defined]
        widths = [m.out_features for m in network.modules() if isinstance(m, nn.Linear)]
        assert widths == [512, 128, 6]
        network.eval()
        x = torch.rand(2, 3, 32, 32)
        assert vote.load({"examiner": network}, CPU)(x).shape == (2, 6)
        features = clustering.load({"examiner": network}, CPU)(x)
        first = next(m for m in network.modules() if isinstance(m, nn.Linear))
        assert features.shape == (2, first.in_features) and float(features.detach().min()) >= 0


def test_enrolled_photographs_are_of_test_devices_and_of_other_scenes(dataset: Dataset) -> None:
    photos = enrolled(dataset, 2)
    test = dataset.labels("test")
    places = set(zip(photos.camera.tolist(), photos.device.tolist(), strict=True))
    assert places == set(devices_of_test(dataset)) and len(photos) == 2 * len(places)
    assert not set(photos.scene.tolist()) & set(test["scene"].tolist())
    assert not set(photos.name) & {name for role in ("q", "p", "test") for name in dataset.labels(role)["name"]}
    assert all(f"_{FIRST}" in name or f"_{FIRST + 1}" in name for name in photos.name)
    again = enrolled(dataset, 1)
    assert np.array_equal(again.images, photos.images[::2]), "photographs do not hang on how many there are"


def test_sensitivities_are_the_sensors_own(dataset: Dataset) -> None:
    found = sensitivities(dataset)
    camera, number = devices_of_test(dataset)[1]
    gain = device(RECIPE, camera, number).gain
    assert np.array_equal(found[1], gain[BORDER : BORDER + 96, BORDER : BORDER + 96] - np.float32(1))


@pytest.mark.parametrize("of", ["device", "model", "sensor"])
def test_photographs_match_their_own(dataset: Dataset, tmp_path: Path, of: Any) -> None:
    fit = FingerprintsFit(of=of, each=6 if of == "device" else 0)
    context = FitContext(dataset, CPU, {}, tmp_path, tmp_path / "c")
    state = fit.run(context)
    verifier = fit.load(state, {}, {})
    assert isinstance(verifier, Verifier) and len(verifier.devices) == 3
    assert verifier.devices == (("0", "1", "2") if of == "model" else ("0:4", "1:4", "2:2"))
    photos = dataset.photos("test")
    x = torch.from_numpy(np.array(photos.images)).permute(0, 3, 1, 2).float() / 255
    scores = verifier(x).numpy()
    own = scores[np.arange(len(x)), photos.camera]
    rest = scores[np.arange(len(x))[:, None], (photos.camera[:, None] + [1, 2]) % 3]
    if of == "sensor":
        assert own.mean() > 10 * max(1.0, np.abs(rest).mean()), "even photographs of 96 px show their sensor"
    if of == "device":
        assert own.mean() > 3 * max(1.0, rest.mean())


def test_a_trace_is_what_was_taken_away() -> None:
    class Darker(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x - 2 / 255

    x = torch.full((1, 3, 8, 8), 100 / 255)
    found = trace(Siamte(), x, 6, {"eraser": Darker()})
    assert torch.allclose(found, torch.full_like(x, GAIN * 2 / 255), atol=1e-5)
    with pytest.raises(ValueError, match="needs labels"):
        OnTraces(backbone="resnet50", attack="ad-1").fits(setup())


def test_photographs_are_erased_whole_and_their_traces_cropped() -> None:
    class Looks(nn.Module):
        """An eraser that counts what it is shown, and darkens the left half."""

        shapes: ClassVar[list[tuple[int, ...]]] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.shapes.append(tuple(x.shape))
            return torch.cat([x[..., : x.shape[-1] // 2] - 2 / 255, x[..., x.shape[-1] // 2 :]], dim=-1)

    class Left(nn.Module):
        """Class 1 where most of a crop was darkened, or else class 0."""

        def classify(self, traces: torch.Tensor) -> torch.Tensor:
            share = (traces > 0).float().mean(dim=(1, 2, 3))
            return torch.stack([1 - share, share], dim=1)

    module = OfTraces(Taken(Siamte(), {"eraser": Looks()}, 6), Left())  # type: ignore[arg-type]
    x, rows = torch.full((3, 3, 64, 64), 0.5), np.arange(3)
    context = TaskContext(known=2, classes=2)
    found = TASKS.create("vote").examine(module, x, Trials(rows, rows * 0, rows * 0 + ANY), context)
    assert Looks.shapes == [(3, 3, 64, 64)], "once a photograph, not once a crop"
    named = np.stack([found[name] for name in found], axis=1)
    for repeat, column in enumerate(named.T):
        parts = crops(x[:, :1] * 0 + torch.arange(64.0), [0, 1, 2], "vote", repeat, 4)  # each pixel says its column
        votes = ((parts < 32).float().mean(dim=(1, 2, 3)) > 0.5).long().view(3, 4).sum(dim=1)
        assert column.tolist() == (votes > 2).long().tolist()


@pytest.mark.slow
def test_all_erasers_before_all_tasks(
    tiny: str, tmp_path: Path, bench_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    names = "siamte,ad-1,deblock,dn-i,dn-e,identity"
    targets = "siamte2020:vote/*,siamte2020:clustering/*,siamte2020:verification/*,siamte2020:trace/densenet201"
    where = ["--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r"), "--workers", "1"]
    ran = bench_here("run", "--attack", names, "--targets", targets, "--profile", tiny, *where)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    cells = list(CellStore(tmp_path / "r").cells())
    assert len(cells) == 6 * 8 * 2
    assert {c.attack.goal for c in cells if c.attack.name != "identity"} == {"erase"}
    by_task = {c.target.task: c for c in cells}
    assert set(by_task) == {"vote", "clustering", "verification"}
    there = [*where[:2], "--profile", tiny]
    picture = tmp_path / "traces.png"
    drawn = bench_here("show", "traces", "siamte", *there, "--images", "0,2", "-o", str(picture))
    assert drawn.returncode == 0 and picture.stat().st_size > 1000, drawn.stderr
    picture = tmp_path / "erased.png"
    examiner = ["--target", "siamte2020:vote/resnet50", "-o", str(picture)]
    drawn = bench_here("show", "erased", "siamte", "deblock", *examiner, *there)
    assert drawn.returncode == 0 and picture.stat().st_size > 1000, drawn.stderr
    lacking = bench_here("show", "erased", "deblock", "--target", "siamte2020:trace/resnet50", *there)
    assert lacking.returncode == 2 and "has not been trained yet" in lacking.stderr
    picture = tmp_path / "erasing.png"
    drawn = bench_here("show", "erasing", *where[2:4], "-o", str(picture))
    assert drawn.returncode == 0 and "siamte: " in drawn.stdout and picture.stat().st_size > 1000, drawn.stderr
