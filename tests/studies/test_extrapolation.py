"""Extrapolated curves: against a straight line by scipy, by simulation, and where they end."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from scipy import stats

from benchbench.contracts.attack import ATTACKS, WHOLE
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.metrics.intervals import Estimate
from benchbench.studies.courses import Network, courses
from benchbench.studies.extrapolation import FORMS, Point, extrapolated, extrapolation_table, extrapolations
from benchbench.studies.learning import LIMIT, PHOTOGRAPHS
from benchbench.studies.learning_tables import MEAN, Figures, figure, tidy

STEPS = (7200, 14_400, 28_800, 57_600, 122_400)


def points(values: list[float], half: float = 0.0) -> list[Point]:
    made = zip(STEPS, values, strict=False)
    return [Point(steps, Estimate(v, v - half, v + half)) for steps, v in made]


@pytest.mark.parametrize("name", FORMS)
def test_a_curve_of_the_form_is_carried_on_exactly(name: str) -> None:
    form = FORMS[name]
    truth = [0.9 * form.back(-4 + 0.5 * math.log(steps)) for steps in (*STEPS, 1_000_000)]
    found = extrapolated(points(truth[:-1]), 1_000_000, 0.9, form)
    assert isinstance(found, Estimate) and found.value == pytest.approx(truth[-1])
    assert found.low == pytest.approx(found.value) and found.high == pytest.approx(found.value), "no scatter, no width"


@pytest.mark.parametrize("name", FORMS)
def test_forms_rise_from_nothing_to_the_ceiling(name: str) -> None:
    form = FORMS[name]
    for p in (0.05, 0.5, 0.95):
        assert form.back(form.straight(p)) == pytest.approx(p)
        assert form.straight(p + 0.01) > form.straight(p)
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
    assert isinstance(found, Estimate)
    assert [found.low, found.high] == pytest.approx([1 / (1 + math.exp(-low)), 1 / (1 + math.exp(-high))])
    wider = extrapolated(points(values, 0.05), 500_000, 1.0, FORMS["logistic"])
    assert isinstance(wider, Estimate) and wider.low < found.low and wider.high > found.high, (
        "photographs have a part in it"
    )


@pytest.mark.parametrize("count", [3, 5])
def test_one_more_training_lies_within_as_often_as_it_says(count: int) -> None:
    """Trainings scatter around a logistic curve; the interval has to hold the next one."""
    rng, form, inside, runs = np.random.default_rng(0), FORMS["logistic"], 0, 1500
    for _ in range(runs):
        lines = [-8 + 0.8 * math.log(s) + rng.normal(0, 0.15) for s in (*STEPS[:count], 400_000)]
        *known, new = (form.back(y) for y in lines)
        found = extrapolated(points(known), 400_000, 1.0, form)
        assert isinstance(found, Estimate)
        inside += found.low <= new <= found.high
    assert inside / runs == pytest.approx(0.95, abs=0.02)


def test_where_nothing_can_be_extrapolated_it_says_why() -> None:
    form = FORMS["logistic"]
    twice = [*points([0.3, 0.4]), *points([0.31, 0.39])]  # two seeds make no third length
    for few in (points([0.3, 0.4]), twice):
        assert "at least 3 lengths" in str(extrapolated(few, 1e6, 1.0, form))
    for ended in ([0.0, 0.5, 0.8], [0.3, 0.6, 0.9], [0.3, 0.6, 0.95]):
        assert "no success, or as much as" in str(extrapolated(points(ended, 0.02), 1e6, 0.9, form))
    assert "no success" in str(extrapolated(points([0.1, 0.2, 0.3]), 1e6, 0.0, form))


@pytest.mark.parametrize("name", FORMS)
def test_intervals_stay_between_nothing_and_the_ceiling(name: str) -> None:
    found = extrapolated(points([0.01, 0.5, 0.89], 0.02), 1e6, 0.9, FORMS[name])
    assert isinstance(found, Estimate) and 0 <= found.low <= found.value <= found.high <= 0.9


def test_photographs_shift_the_whole_line() -> None:
    """All lengths are of the same photographs: ends of intervals are carried along the line, tilt included."""
    half, ceiling, at, x = [0.02, 0.03, 0.04], 0.9, 200_000, np.log(STEPS[:3])
    for form in FORMS.values():
        values = [ceiling * form.back(-2.4 + 0.3 * u) for u in x]  # on a line, so that nothing scatters
        made = [Point(s, Estimate(v, v - h, v + h)) for s, v, h in zip(STEPS, values, half, strict=False)]
        lines = [
            np.polyfit(x, [form.straight((v + sign * h) / ceiling) for v, h in zip(values, half, strict=True)], 1)
            for sign in (-1, 0, 1)
        ]
        low, middle, high = (float(np.polyval(line, math.log(at))) for line in lines)
        found = extrapolated(made, at, ceiling, form)
        assert isinstance(found, Estimate)
        expected = [ceiling * form.back(middle + sign * (high - low) / 2) for sign in (-1, 1)]
        assert [found.low, found.high] == pytest.approx(expected)


def test_a_table_of_extrapolations_by_hand() -> None:
    setup = Setup(profile=load_profile("quick"), data_id="none", known=3, classes=3)
    attacks = ATTACKS.resolve("cama,misl-cgan", setup.profile.attacks)
    work = courses(attacks, [0.25, 0.5, 1], setup)
    means = dict(zip([c.key for c in work], [0.2, 0.3, 0.45, 0.1, 0.15, None], strict=True))
    found = {key: figures(value) for key, value in means.items()} | {LIMIT: figures(0.8)}
    plan = [
        Network(fit.fit_id("none"), fit, c.key, True, 3600 * c.length * 4, fit.label.endswith("cama"))
        for c in work
        for fit in c.grown
    ]
    lengths = {"less": 7200, "as paper-short": load_profile("paper-short"), "twice": 57_600}
    made = extrapolations(work, found, lengths, plan)
    assert [(one.label, one.length, one.steps) for one in made] == [
        (name, length, steps)
        for name in ("cama", "misl-cgan")
        for length, steps in (("twice", 57_600), ("as paper-short", 124_800))
    ]
    assert [one.hours for one in made[:2]] == pytest.approx([4 * 2, 4 * 124_800 / 28_800])
    assert [one.measured for one in made] == [True, True, False, False]
    own = [Point(c.steps, Estimate(v, v, v)) for c, v in zip(work, (0.2, 0.3, 0.45), strict=False)]
    for name, form in FORMS.items():
        assert made[0].success[name] == extrapolated(own, 57_600, 0.8, form)
        assert "at least 3 lengths" in str(made[2].success[name]), "one length has no figure"
    shown = extrapolation_table(made, "cpu", forger=True)
    assert "perfect forger" in " ".join(shown.caption)
    assert "perfect forger" not in " ".join(extrapolation_table(made, "cpu", forger=False).caption)
    assert shown.entry("cama twice", "hours").value == pytest.approx(8)
    assert shown.entry("misl-cgan twice", "from").value == "a rough pace"
    assert not shown.entry("misl-cgan twice", "logistic").value and shown.entry("misl-cgan twice", "logistic").missing
    drawn = figure([c for c in work if c.attack.name == "cama"], found | {PHOTOGRAPHS: figures(0.9)}, "here", made[:2])
    judges = next(axis for axis in drawn.axes if axis.get_title() == "mean of judges")
    assert len(judges.containers) == 4, "a bar for each form and length"
    assert {text.get_text() for text in judges.get_xticklabels()} >= {"57,600", "124,800"}
    assert {"cama, logistic", "cama, power law"} <= set(judges.get_legend_handles_labels()[1])
    rows = list(csv.DictReader(io.StringIO(tidy(work, {}, (), made))))
    assert [(r["quantity"], r["of"], r["steps"]) for r in rows[:2]] == [
        ("extrapolated success", "logistic", "57600"), ("extrapolated success", "power law", "57600")
    ]  # fmt: skip
    assert len(rows) == 4 and float(rows[0]["value"]) == made[0].success["logistic"].value


def figures(mean: float | None) -> Figures:
    success = None if mean is None else Estimate(mean, mean, mean)
    return Figures(10, {"hp": success, MEAN: success}, {WHOLE: success}, None, {}, None)
