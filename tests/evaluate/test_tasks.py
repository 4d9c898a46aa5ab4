"""The tasks least like classification, through the whole harness and against values by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.target import Target, TargetCard
from benchbench.contracts.task import TASKS, Judged, TaskContext, recorded
from benchbench.contracts.trials import Trials
from benchbench.evaluate.tasks.clustering import Clustering, k_means
from benchbench.metrics.intervals import metric_interval, sample
from benchbench.records.cells import CellStore

Bench = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Asks(Target):
    """A target without networks: its answer is a function of the photographs."""

    task: str
    answer: str

    @property
    def card(self) -> TargetCard:
        name = f"{self.answer}/{self.task}"
        return TargetCard(name=name, backbone="none", preprocessor="none", overlap="complete", task=self.task)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> nn.Module:
        return Answer(self.answer)


class Answer(nn.Module):
    devices = ("0", "1", "2", "9")

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean((2, 3))
        if self.answer == "brightness":
            return 100 * torch.stack([mean.mean(1) + k for k in range(4)], dim=1)
        if self.answer == "writes":
            return x.zero_().mean((2, 3))
        if self.answer == "nan":
            return mean * torch.nan
        return mean


def test_verification_records_a_float_a_trial(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift

    target = Asks(task="verification", answer="brightness")
    summary = bench([Shift(strength=0.0, noise=0.0)], [target], splits=("in",))
    assert summary.sentence == "1 computed, 0 already there, 0 skipped, 0 failed", summary.failures
    (cell,) = CellStore(tmp_path / "a" / "r").cells()
    assert set(cell.outcomes) == {"pce"} == set(cell.target.unattacked) and cell.target.task == "verification"
    photos = Colors().open(tmp_path).photos("test")
    known = [i for i, c in enumerate(photos.camera) if c < 3]
    place = Answer.devices.index("2")  # the device of all test photographs there
    expected = [100 * (float(np.mean(photos.images[i]) / 255) + place) for i in known for _ in range(2)]
    assert cell.outcomes["pce"] == pytest.approx(expected, abs=1e-3)
    task = TASKS.create("verification")
    assert task.metric("pce").value(cell.judged) == pytest.approx(np.mean(expected), abs=1e-3)
    assert task.metric("escaped").value(cell.judged) == 0.0
    assert metric_interval([cell], task.metric("pce")) is not None
    again = bench([Shift(strength=0.0, noise=0.0)], [target], splits=("in",))
    assert again.sentence.startswith("0 computed, 1 already there")


def test_photographs_of_a_device_that_is_not_enrolled_have_no_score() -> None:
    judged = Judged(
        photograph=np.array([0, 0, 1, 1]),
        true=np.array([0, 0, 1, 1]),
        wanted=np.array([1, 2, 0, 2]),
        outcomes={"pce": np.array([10.0, 70.0, np.nan, np.nan])},
        known=3,
        classes=3,
        true_classes=(0, 1, 2),
    )
    task = TASKS.create("verification")
    assert task.metric("pce").value(judged) == pytest.approx(40.0)
    assert task.metric("escaped").value(judged) == pytest.approx(0.5)
    found = task.metric("escaped").contributions(judged)
    assert found is not None and found.values.tolist() == [0.5, 0.0]
    nobody = Judged(**{**vars(judged), "outcomes": {"pce": np.full(4, np.nan)}})
    assert task.metric("pce").value(nobody) is None and task.metric("escaped").contributions(nobody) is None


def test_clustering_needs_all_trials(bench: Bench, tmp_path: Path) -> None:
    """Colors are as far apart as camera models can be: unattacked, no crop is apart; and parts do not matter."""
    from benchbench_stega.shift import Shift

    target = Asks(task="clustering", answer="color")
    attack = Shift(strength=0.0, noise=0.0)
    for where, workers, batch in (("one", 1, 64), ("many", 2, 2)):
        summary = bench([attack], [target], splits=("in",), where=where, workers=workers, batch=batch)
        assert summary.sentence == "1 computed, 0 already there, 0 skipped, 0 failed", summary.failures
    (one,), (many,) = (CellStore(tmp_path / w / "r").cells() for w in ("one", "many"))
    assert one.outcomes == many.outcomes and len(one.outcomes) == 4
    (metric,) = TASKS.create("clustering").metrics
    assert metric.value(one.judged) == 0.0
    found = sample(one, metric)
    assert found is not None and found.values.sum() == metric.value(one.judged)


def test_the_share_of_crops_apart_is_counted() -> None:
    clusters = [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]
    judged = Judged(
        photograph=np.arange(4),
        true=np.array([0, 0, 1, 1]),
        wanted=np.array([1, 1, 0, 0]),
        outcomes={f"cluster_{i}": np.array(column) for i, column in enumerate(zip(*clusters, strict=True))},
        known=2,
        classes=2,
        true_classes=(0, 1),
    )
    (metric,) = Clustering.metrics
    assert metric.value(judged) == pytest.approx(3 / 16)


def test_k_means_finds_what_is_there() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    truth = rng.integers(0, 3, 120)
    points = centers[truth] + rng.normal(0, 0.5, (120, 2))
    labels = k_means(points, 3)
    assert np.array_equal(labels, k_means(points, 3)), "its starts are always the same"
    assert all(len(set(labels[truth == k])) == 1 for k in range(3)) and len(set(labels)) == 3


@pytest.mark.parametrize(
    ("answer", "task", "reason"),
    [
        ("writes", "clustering", "it changed its input in place"),
        ("nan", "clustering", "it returned NaN or infinite features"),
        ("color", "verification", r"it returned scores of shape \(\d, 3\); \(\d, 4\) is expected"),
        ("color", "classification", ""),
    ],
)
def test_a_target_that_does_not_answer_its_task_is_named(
    bench: Bench, tmp_path: Path, answer: str, task: str, reason: str
) -> None:
    from benchbench_stega.toys import Toy

    good = Toy(look="rgb", overlap="complete")
    summary = bench(targets=[Asks(task=task, answer=answer), good], splits=("in",))
    if not reason:
        assert summary.exit_code == 0, "three channels are three classes"
        return
    import re

    assert re.search(f"target '{answer}/{task}' failed: {reason}", " ".join(summary.failures.values()))
    assert [c.target.name for c in CellStore(tmp_path / "a" / "r").cells()] == [good.name]


def test_columns_are_what_the_task_declares() -> None:
    task = Clustering()
    good = {f"cluster_{i}": np.zeros(3, np.int64) for i in range(4)}
    assert recorded(task, good, 3)["cluster_0"] == (0, 0, 0)
    for wrong, complaint in (
        ({"cluster_0": np.zeros(3, np.int64)}, "are expected"),
        (good | {"cluster_1": np.zeros(2, np.int64)}, r"has shape \(2,\)"),
        (good | {"cluster_1": np.zeros(3)}, "holds float64; integers are expected"),
    ):
        with pytest.raises(ValueError, match=complaint):
            recorded(task, wrong, 3)
    verification = TASKS.create("verification")
    assert recorded(verification, {"pce": np.array([1.5, np.nan])}, 2) == {"pce": (1.5, None)}
    with pytest.raises(ValueError, match="infinite"):
        recorded(verification, {"pce": np.array([np.inf])}, 1)
    rows = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="no attribute 'devices'"):
        verification.examine(lambda x: x, torch.zeros(1), Trials(rows, rows, rows), TaskContext(known=1, classes=1))
