"""Pace: which fits of a cache tell how long another takes, and what crossings take besides."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from benchbench.base.errors import BenchError
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import Fit, FitContext, Setup, silent
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.contracts.task import TASKS
from benchbench.harness.fits import FitCall
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import (
    SECONDS_PER_CRAFT,
    SECONDS_PER_SCORE,
    cost_of,
    crossing_seconds,
    expected_seconds,
    measured_fits,
    pace,
    rate,
)
from benchbench.learn.operations import seconds_per_unit
from benchbench.records.cache import Cache

SETUP = Setup(profile=load_profile("quick"), data_id="d", known=6, classes=12)


def test_a_fit_tells_the_pace_of_its_like_alone() -> None:
    assert rate(100.0, [(50.0, 10.0), (200.0, 40.0)], 0.5) == 0.2
    assert rate(60_000.0, [(500.0, 20.0)], 0.5) == 0.5, "a small one says nothing of a large one"


def test_large_fits_tell_the_pace_of_crossings_and_this_machine_where_there_are_none() -> None:
    assert pace([(10_000.0, 5.0), (30_000.0, 35.0), (10.0, 9.0)]) == pytest.approx(1e-3)
    assert pace([(10.0, 9.0)]) == seconds_per_unit()


def test_records_of_another_measure_of_work_are_left_out(tmp_path: Path) -> None:
    assert measured_fits(Cache(tmp_path), "cpu") == []


def saved(cache: Cache, name: str, **record: Any) -> None:
    """Put a finished fit's record into a cache."""
    folder = cache.folder(name)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"label": "a", **record}))


def test_only_fits_of_such_a_device_that_were_computed_here_tell_the_pace(tmp_path: Path) -> None:
    cache, work = Cache(tmp_path), {"work": 10_000.0}
    saved(cache, "a", **work, seconds=50.0, provenance={"device": "cpu"})
    saved(cache, "b", **work, seconds=5.0, provenance={"device": "NVIDIA H100 80GB HBM3"})
    saved(cache, "c", **work, seconds=70.0)
    saved(cache, "d", **work, seconds=90.0, provenance={"device": "cpu"}, zoo="quick")
    saved(cache, "e", seconds=80.0, provenance={"device": "cpu"})
    assert measured_fits(cache, "cpu") == [(10_000.0, 50.0)]
    assert measured_fits(cache, "cuda:1") == [(10_000.0, 5.0)]


@dataclass(frozen=True, kw_only=True)
class Resumed(Fit):
    """Finds the work of an earlier process."""

    kind: ClassVar[str] = "resumed"

    @property
    def label(self) -> str:
        return "resumed"

    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        context.earlier_seconds = 100.0
        return {}

    def load(self, state: Any, arrays: Any, needs: Any) -> None:
        return None


def test_the_record_of_a_resumed_fit_has_the_seconds_of_all_processes(tmp_path: Path) -> None:
    source: Any = SimpleNamespace(open=lambda cache: None)
    FitCall(Resumed(), SETUP, source, tmp_path, "cpu")(silent)
    record = Cache(tmp_path).record(Resumed().fit_id("d"))
    assert 100 < record["seconds"] < 160
    assert record["provenance"]["seconds"] == pytest.approx(record["seconds"], abs=1e-3)


def test_a_fit_that_was_trained_beside_much_else_moves_no_estimate() -> None:
    fit = TARGETS.create("resnet18/hp/complete").fits(SETUP)["classifier"]
    records = [{"label": fit.label, "spec": fit.spec(), "work": fit.cost, "seconds": s} for s in (40.0, 44.0, 4000.0)]
    assert expected_seconds(fit, records) == (pytest.approx(44.0), True)


def test_steps_and_targets_make_a_crossing_longer() -> None:
    """An attack of k gradient steps takes 2 k + 1 passes through its networks, a target one."""
    identity = ATTACKS.create("identity", {})
    alone = crossing_seconds(10, identity, [], SETUP, 256, 1e-3)
    assert alone == pytest.approx(10 * SECONDS_PER_CRAFT)
    target = TARGETS.create("resnet18/rgb/complete")
    per_look = crossing_seconds(10, identity, [target], SETUP, 256, 1e-3) - alone
    assert per_look == pytest.approx(crossing_seconds(10, identity, [target, target], SETUP, 256, 1e-3) / 2 - alone / 2)
    assert per_look > 0 and per_look != 10 * SECONDS_PER_SCORE
    one, ten = (
        crossing_seconds(10, ATTACKS.resolve(f"pgd[steps={k}]")[0], [], SETUP, 256, 1e-3) - alone for k in (1, 10)
    )
    assert ten / one == pytest.approx((2 * 10 + 1) / (2 * 1 + 1))
    vote, clustering = (TARGETS.create(f"siamte2020:{task}/resnet50") for task in ("vote", "clustering"))
    assert vote.fits(SETUP).keys() == clustering.fits(SETUP).keys(), (
        "one network, shown 40 and 16 crops of half the side"
    )
    by_vote, by_clusters = (
        crossing_seconds(10, identity, [examiner], SETUP, 256, 1e-3)
        - alone
        - 10 * TASKS.create(examiner.card.task).seconds
        for examiner in (vote, clustering)
    )
    assert by_vote / by_clusters == pytest.approx(40 / 16)
    assert TASKS.create("vote").shown(1000) == pytest.approx(40 * (224 / 1000) ** 2)
    half = crossing_seconds(10, identity, [], SETUP, 128, 1e-3)
    assert half == pytest.approx(alone / 4)


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1.0, "much", None])
def test_a_cost_that_is_no_number_says_nothing(cost: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert cost_of(SimpleNamespace(cost=cost, label="net")) == 0.0  # type: ignore[arg-type]

    assert "the cost of 'net' is not known" in caplog.text

    class Raises:
        label = "other"

        @property
        def cost(self) -> float:
            raise ZeroDivisionError

    assert cost_of(Raises()) == 0.0 and "'other' is not known (ZeroDivisionError" in caplog.text  # type: ignore[arg-type]
    assert cost_of(SimpleNamespace(cost=3)) == 3.0  # type: ignore[arg-type]


def test_limits_of_this_machines_processes_are_none_of_a_clusters() -> None:
    for limits in ({"timeout": 5.0}, {"memory": 10**9}):
        RunOptions(**limits)  # type: ignore[arg-type]
        with pytest.raises(BenchError, match="leave them out with --executor ray"):
            RunOptions(executor="ray", **limits)  # type: ignore[arg-type]
