"""Curves carried on: against statsmodels' formula written out with scipy, by simulation, and where they end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchbench.metrics.intervals import Estimate
from benchbench.studies.extrapolation import FORMS, Point, extrapolated

STEPS = (7200, 14_400, 28_800, 57_600, 122_400)


def points(values: list[float], half: float = 0.0) -> list[Point]:
    made = zip(STEPS, values, strict=False)
    return [Point(steps, Estimate(v, v - half, v + half)) for steps, v in made]


@pytest.mark.parametrize("name", FORMS)
def test_a_curve_of_the_form_is_carried_on_exactly(name: str) -> None:
    form = FORMS[name]
    truth = [0.9 * form.back(-4 + 0.5 * math.log(steps)) for steps in (*STEPS, 1_000_000)]
    found = extrapolated(points(truth[:-1]), 1_000_000, 0.9, form)
    assert found is not None and found.value == pytest.approx(truth[-1])
    assert found.low == pytest.approx(found.value) and found.high == pytest.approx(found.value), "no scatter, no width"


@pytest.mark.parametrize("name", FORMS)
def test_forms_rise_from_nothing_to_the_ceiling_and_their_slopes_are_right(name: str) -> None:
    form = FORMS[name]
    for p in (0.05, 0.5, 0.95):
        assert form.back(form.straight(p)) == pytest.approx(p)
        assert form.slope(p) == pytest.approx((form.straight(p + 1e-6) - form.straight(p - 1e-6)) / 2e-6, rel=1e-4)
    assert form.back(-1e6) == 0.0 and form.back(1e6) == 1.0


def test_the_interval_is_that_of_a_new_observation_of_a_straight_line() -> None:
    values = [0.30, 0.42, 0.50, 0.66, 0.70]
    x, y = np.log(STEPS), np.log(np.array(values) / (1 - np.array(values)))
    line = stats.linregress(x, y)
    at = math.log(500_000)
    rest = y - line.intercept - line.slope * x
    error = math.sqrt((rest @ rest) / 3 * (1 + 1 / 5 + (at - x.mean()) ** 2 / ((x - x.mean()) @ (x - x.mean()))))
    low, high = (line.intercept + line.slope * at + sign * stats.t.ppf(0.975, 3) * error for sign in (-1, 1))
    found = extrapolated(points(values), 500_000, 1.0, FORMS["logistic"])
    assert found is not None
    assert [found.low, found.high] == pytest.approx([1 / (1 + math.exp(-low)), 1 / (1 + math.exp(-high))])
    wider = extrapolated(points(values, 0.05), 500_000, 1.0, FORMS["logistic"])
    assert wider is not None and wider.low < found.low and wider.high > found.high, "photographs have a part in it"


@pytest.mark.parametrize("count", [3, 5])
def test_one_more_training_lies_within_as_often_as_it_says(count: int) -> None:
    """Trainings scatter around a logistic curve; the interval has to hold the next one."""
    rng, form, inside, runs = np.random.default_rng(0), FORMS["logistic"], 0, 1500
    for _ in range(runs):
        lines = [-8 + 0.8 * math.log(s) + rng.normal(0, 0.15) for s in (*STEPS[:count], 400_000)]
        *known, new = (form.back(y) for y in lines)
        found = extrapolated(points(known), 400_000, 1.0, form)
        assert found is not None
        inside += found.low <= new <= found.high
    assert inside / runs == pytest.approx(0.95, abs=0.02)


def test_two_lengths_are_no_curve_and_two_seeds_no_third_length() -> None:
    assert extrapolated(points([0.3, 0.4]), 1e6, 1.0, FORMS["logistic"]) is None
    twice = [*points([0.3, 0.4]), *points([0.31, 0.39])]
    assert extrapolated(twice, 1e6, 1.0, FORMS["logistic"]) is None


def test_success_at_the_ends_stays_within_them() -> None:
    for name, form in FORMS.items():
        found = extrapolated(points([0.0, 0.5, 0.92], 0.02), 1e6, 0.9, form)
        assert found is not None and 0 <= found.low <= found.value <= found.high <= 0.9, name
