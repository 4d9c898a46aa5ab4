"""The tasks least like classification, through the whole harness and against values by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.target import Target, TargetCard
from benchbench.contracts.task import TASKS, Judged, TaskContext, recorded
from benchbench.contracts.trials import Trials
from benchbench.evaluate.tasks.clustering import Clustering, chance, clustering_accuracies, k_means, named
from benchbench.evaluate.tasks.crops import crops
from benchbench.evaluate.tasks.verification import OTHERS
from benchbench.evaluate.tasks.vote import COLUMNS, CROPS, Vote, accuracies
from benchbench.metrics.intervals import bounded_mean, metric_interval
from benchbench.metrics.samples import Sample, sample
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
    devices = ("0:2", "1:2", "2:2", "9:0")

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
    assert set(cell.outcomes) == {"pce", *OTHERS} == set(cell.target.unattacked) and cell.target.task == "verification"
    photos = Colors().open(tmp_path).photos("test")
    known = [i for i, c in enumerate(photos.camera) if c < 3]
    scores = [[100 * (float(np.mean(photos.images[i]) / 255) + k) for k in range(4)] for i in known]
    own = [int(photos.camera[i]) for i in known]  # all test photographs there are of device 2 of their model
    expected = [row[k] for row, k in zip(scores, own, strict=True) for _ in range(2)]
    assert cell.outcomes["pce"] == pytest.approx(expected, abs=1e-3)
    turn = [row[(k + 1) % 4] for row, k in zip(scores, own, strict=True) for _ in range(2)]
    assert cell.outcomes["other_0"] == pytest.approx(turn, abs=1e-3)
    assert tuple(cell.outcomes["other_3"]) == (None,) * len(expected), "three others are enrolled"
    task = TASKS.create("verification")
    assert task.metric("pce").value(cell.judged) == pytest.approx(np.mean(expected), abs=1e-3)
    passed = np.mean(np.array(expected) >= 60)
    assert task.metric("escaped").value(cell.judged) == pytest.approx(1 - passed)
    for key in ("pce", "others", "auc", "eer"):
        assert metric_interval([cell], task.metric(key)) is not None
    again = bench([Shift(strength=0.0, noise=0.0)], [target], splits=("in",))
    assert again.sentence.startswith("0 computed, 1 already there")


def verified(match: list[float], others: list[list[float]]) -> Judged:
    columns = {name: np.full(len(match), np.nan) for name in OTHERS}
    for k, name in enumerate(OTHERS[: len(others[0])]):
        columns[name] = np.array([row[k] for row in others])
    rows = np.arange(len(match))
    return Judged(
        photograph=rows,
        true=rows * 0,
        wanted=rows * 0 + 1,
        outcomes={"pce": np.array(match), **columns},
        known=3,
        classes=3,
        true_classes=(0,),
    )


def test_auc_and_eer_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(0)
    match, others = rng.normal(1, 1, 40).round(1), rng.normal(0, 1, (40, 2)).round(1)
    judged = verified(match.tolist(), others.tolist())
    task = TASKS.create("verification")
    wins = [1.0 if m > o else 0.5 if m == o else 0.0 for m in match for o in others.ravel()]
    found = task.metric("auc").value(judged)
    assert found == pytest.approx(np.mean(wins), abs=1e-12)
    best = min(
        (abs(np.mean(match < t) - np.mean(others >= t)), (np.mean(match < t) + np.mean(others >= t)) / 2)
        for t in np.unique(np.concatenate([match, others.ravel()]))
    )
    assert task.metric("eer").value(judged) == pytest.approx(best[1], abs=0.03)
    apart = verified([10.0, 12.0, 11.0], [[1.0], [0.0], [2.0]])
    assert task.metric("auc").value(apart) == pytest.approx(1.0)
    assert task.metric("eer").value(apart) == 0.0
    assert task.metric("others").value(apart) == pytest.approx(1.0)


def test_the_interval_of_the_area_covers() -> None:
    """DeLong's variance is the reference: the contributions' own gives the same within a few percent."""
    rng = np.random.default_rng(1)
    n = 200
    match, other = rng.normal(1, 1, n), rng.normal(0, 1, n)
    found = TASKS.create("verification").metric("auc").contributions(verified(match.tolist(), [[v] for v in other]))
    assert found is not None
    wins = (match[:, None] > other[None, :]).astype(float)
    delong = wins.mean(1).var(ddof=1) / n + wins.mean(0).var(ddof=1) / n
    assert n * found.values.var(ddof=1) == pytest.approx(delong, rel=0.15)


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
    """Colors are as far apart as camera models can be: all are named correctly; and parts do not matter."""
    from benchbench_stega.shift import Shift

    target = Asks(task="clustering", answer="color")
    attack = Shift(strength=0.0, noise=0.0)
    for where, workers, batch in (("one", 1, 64), ("many", 2, 2)):
        summary = bench([attack], [target], splits=("in",), where=where, workers=workers, batch=batch)
        assert summary.sentence == "1 computed, 0 already there, 0 skipped, 0 failed", summary.failures
    (one,), (many,) = (CellStore(tmp_path / w / "r").cells() for w in ("one", "many"))
    assert one.outcomes == many.outcomes and len(one.outcomes) == 30
    for metric in TASKS.create("clustering").metrics:
        assert metric.value(one.judged) is not None and not metric.higher
        found = sample(one, metric)
        assert found is not None and found.values.sum() == pytest.approx(metric.value(one.judged))
    assert max(clustering_accuracies(one.judged, 1)) == 1.0, "with a start in each color"
    assert np.mean(clustering_accuracies(one.judged, 3)) >= np.mean(clustering_accuracies(one.judged, 1))


def test_clusters_are_named_after_most_of_their_crops() -> None:
    #                   photograph 0  1          2          3
    clusters = np.array([2, 2, 2, 0, 2, 0, 2, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    true = np.array([5, 5, 3, 5])
    # Cluster 2 holds crops of 5 alone; 0 three of 5 and three of 3, the smaller wins; 1 four of 5 and one of 3.
    assert named(clusters, true, 4).tolist() == [5, 3, 3, 5], "photograph 1 is of 0 and 2 alike: the smaller"


@pytest.mark.parametrize("counts", [(8,) * 12, (3, 9, 1)])
@pytest.mark.parametrize("clusters", [3, 12])
def test_chance_is_that_of_clusters_drawn_at_random(counts: tuple[int, ...], clusters: int) -> None:
    generator, true = np.random.default_rng(0), np.repeat(np.arange(len(counts)), counts)
    found = []
    for _ in range(4000):
        table = np.zeros((clusters, len(counts)), int)
        np.add.at(table, (generator.integers(clusters, size=len(true)), true), 1)
        found.append(table.max(axis=1).sum() / len(true))
    error = float(np.std(found)) / np.sqrt(len(found))
    assert chance(counts, clusters) == pytest.approx(float(np.mean(found)), abs=4 * error)
    assert chance((5,), clusters) == pytest.approx(1.0) and chance((), clusters) == 0.0


def test_votes_are_of_crops_that_no_batch_moves() -> None:
    x = torch.rand(3, 3, 80, 88)
    whole = crops(x, [7, 8, 9], "vote", 0, 4)
    assert whole.shape == (12, 3, 40, 40)
    assert crops(x[..., :24, :24], [7, 8, 9], "vote", 0, 1).shape[-2:] == (24, 24), "small ones are not cropped further"
    assert torch.equal(whole[4:8], crops(x[1:2], [8], "vote", 0, 4))
    assert not torch.equal(whole[:4], crops(x[:1], [7], "vote", 1, 4)[:4])
    large = torch.arange(500 * 600).float().view(1, 1, 500, 600)
    crop = crops(large, [0], "vote", 0, 1)[0, 0]
    top, left = divmod(int(crop[0, 0]), 600)
    assert torch.equal(crop, large[0, 0, top : top + 224, left : left + 224])


def test_a_vote_is_won_by_most_crops_and_ties_by_the_smaller_class() -> None:
    said = iter([[2, 2, 1, 0, 1, 1, 0, 0]] * len(COLUMNS))  # two photographs of four crops

    def module(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor(next(said)), 3).float()

    rows = np.arange(2)
    trials = Trials(rows, np.array([2, 1]), rows)
    found = Vote().examine(module, torch.rand(2, 3, 16, 16), trials, TaskContext(known=3, classes=3))
    assert CROPS == 4 and all(found[name].tolist() == [2, 0] for name in COLUMNS)
    judged = Judged(
        photograph=rows, true=trials.true, wanted=rows, outcomes=found, known=3, classes=3, true_classes=(1, 2)
    )
    assert accuracies(judged) == (0.5,) * 10
    (metric,) = Vote.metrics
    assert metric.value(judged) == pytest.approx(0.5)
    unknown = Judged(**{**vars(judged), "classes": 2})
    assert metric.value(unknown) is None and metric.undefined(2, (1, 2)) and accuracies(unknown) == ()


def test_k_means_finds_what_is_there() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    truth = rng.integers(0, 3, 120)
    points = centers[truth] + rng.normal(0, 0.5, (120, 2))
    runs = [k_means(points, 3, seed) for seed in range(10)]
    assert np.array_equal(runs[0], k_means(points, 3, 0)), "a start is always the same"
    apart = [all(len(set(labels[truth == k])) == 1 for k in range(3)) and len(set(labels)) == 3 for labels in runs]
    assert sum(apart) >= 8


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
    good = {name: np.zeros(3, np.int64) for name in task.columns}
    first = next(iter(good))
    assert recorded(task, good, 3)[first] == (0, 0, 0)
    for wrong, complaint in (
        ({first: np.zeros(3, np.int64)}, "are expected"),
        (good | {first: np.zeros(2, np.int64)}, r"has shape \(2,\)"),
        (good | {first: np.zeros(3)}, "holds float64; integers are expected"),
    ):
        with pytest.raises(ValueError, match=complaint):
            recorded(task, wrong, 3)
    verification = TASKS.create("verification")
    scores = {name: np.array([1.5, np.nan]) for name in verification.columns}
    assert recorded(verification, scores, 2)["pce"] == (1.5, None)
    with pytest.raises(ValueError, match="infinite"):
        recorded(verification, {name: np.array([np.inf]) for name in verification.columns}, 1)
    rows = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="no attribute 'devices'"):
        verification.examine(lambda x: x, torch.zeros(1), Trials(rows, rows, rows), TaskContext(known=1, classes=1))


@pytest.mark.parametrize(
    ("key", "apart", "n"), [("auc", 1.0, 120), ("auc", 3.0, 120), ("auc", 4.0, 40), ("eer", 3.0, 120), ("eer", 4.0, 40)]
)
def test_intervals_of_areas_cover_near_their_ends_and_stay_within(key: str, apart: float, n: int) -> None:
    """Value +- t * standard error covers an area of .98 in 91 of 100 runs, an error rate of .02 in 57 to 75."""
    metric = TASKS.create("verification").metric(key)
    truth = norm.cdf(apart / np.sqrt(2)) if key == "auc" else norm.cdf(-apart / 2)
    rng, runs, covered = np.random.default_rng(3), 300, 0
    stratum = np.arange(n) * 4 // n
    for _ in range(runs):
        shared = rng.normal(0, 0.3, (n, 1))  # what a photograph scores against all others
        others = shared + rng.normal(0, np.sqrt(1 - 0.09), (n, len(OTHERS)))
        made = metric.contributions(verified(rng.normal(apart, 1, n).tolist(), others.tolist()))
        assert made is not None
        found = bounded_mean([(1.0, Sample(("a", "in"), stratum, made.values, made.values, n))])
        assert found is not None and 0 <= found.low <= found.value <= found.high <= 1
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / runs <= 0.999


@pytest.mark.parametrize("swapped", [0, 1])
@pytest.mark.parametrize("above", [True, False])
def test_an_area_next_to_its_end_has_an_interval_that_says_something(swapped: int, above: bool) -> None:
    match = np.arange(40) + (100.0 if above else -100.0)
    match[:swapped] = 0.5 if above else 38.5
    metric = TASKS.create("verification").metric("auc")
    made = metric.contributions(verified(match.tolist(), [[float(v)] for v in range(40)]))
    assert made is not None
    found = bounded_mean([(1.0, Sample(("a", "in"), np.arange(40) * 2 // 40, made.values, made.values, 40))])
    assert found is not None and 0 <= found.low <= found.value <= found.high <= 1
    assert 0.05 < found.high - found.low < 0.25
    assert abs(found.value - (1.0 if above else 0.0)) < 0.03
