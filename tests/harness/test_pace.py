"""Pace: which fits of a cache tell how long another takes, and what crossings take besides."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS
from benchbench.harness.pace import SECONDS_PER_CRAFT, SECONDS_PER_SCORE, crossing_seconds, measured_fits, pace, rate
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
    assert measured_fits(Cache(tmp_path)) == []


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
    half = crossing_seconds(10, identity, [], SETUP, 128, 1e-3)
    assert half == pytest.approx(alone / 4)
