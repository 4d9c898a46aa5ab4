"""Profiles: what the two that follow the paper share."""

from __future__ import annotations

import pytest

from benchbench.contracts.profile import load_profile, profile_names
from benchbench.contracts.profile_names import check_mentioned


def test_paper_short_is_paper_with_short_epochs() -> None:
    whole, short = (load_profile(name).model_dump() for name in ("paper", "paper-short"))
    for part in ("target", "evaluator", "residual", "cgan", "erasing", "denoising", "examiner"):
        assert (whole[part].pop("patches_per_epoch"), short[part].pop("patches_per_epoch")) == (150_000, 10_000)
    for profile in (whole, short):
        del profile["name"], profile["summary"]
    assert whole == short


def test_the_papers_generators_aim_at_35_db() -> None:
    goals = {name: parameters["psnr"] for name, parameters in load_profile("paper").attacks.items()}
    assert goals == dict.fromkeys(("cama", "misl-cgan", "spoc-cgan"), 35.0)


@pytest.mark.parametrize("name", profile_names())
def test_built_in_profiles_mention_what_there_is(name: str) -> None:
    check_mentioned(load_profile(name))
    assert load_profile(name).digest == ""


def test_a_profile_that_says_something_else_under_a_name_is_told_apart() -> None:
    smoke = load_profile("smoke")
    other = smoke.model_copy(update={"patch": 16})
    assert other.name == smoke.name and other.digest and other.digest != smoke.model_copy(update={"patch": 8}).digest


def test_each_profile_has_a_name_and_a_summary() -> None:
    assert {name: load_profile(name).name for name in profile_names()} == {n: n for n in profile_names()}
    assert all(load_profile(name).summary for name in profile_names())
