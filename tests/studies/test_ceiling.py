"""The ceiling: places and shares against numbers by hand."""

from __future__ import annotations

import csv
import io

import pytest

from benchbench.metrics.intervals import Estimate
from benchbench.studies.ceiling import ALL, Place, figure, forgers, oracle, reachable, table


def place(attack: str, psnr: float, tsr: float, budget: float | None = None, target: str = ALL) -> Place:
    return Place(attack, target, budget, psnr, Estimate(tsr, tsr - 0.1, tsr + 0.1))


FOUND = [place("perfect forger", 31, 0.9, 30.0), place("perfect forger", 40.5, 0.4, 40.0), place("Cama", 35, 0.26)]


def test_the_limit_lies_on_the_line_between_budgets() -> None:
    assert reachable(FOUND, ALL, 35) == pytest.approx(0.65)
    assert reachable(FOUND, ALL, 30) == pytest.approx(0.9)
    assert reachable(FOUND, ALL, 41) is None and reachable(FOUND, "another", 35) is None


def test_the_table_gives_attacks_as_a_share_of_the_forger() -> None:
    rows = {row["attack"] + row["budget_db"]: row for row in csv.DictReader(io.StringIO(table(FOUND)))}
    assert float(rows["Cama"]["share_of_forger"]) == pytest.approx(0.4)
    assert rows["perfect forger30"]["share_of_forger"] == ""
    far = [place("loud", 20, 0.9), *FOUND]
    assert table(far).splitlines()[1].endswith(","), "no share outside the forger's budgets"


def test_forgers_stand_at_their_budgets() -> None:
    assert [attack.psnr for attack in forgers([28, 35.5])] == [28, 35.5]
    assert {attack.name for attack in forgers([30])} == {oracle()} == {"forger"}


def test_a_panel_each_target() -> None:
    found = [*FOUND, place("Cama", 35, 0.2, target="a"), place("perfect forger", 35, 0.5, 35.0, "a")]
    drawn = figure(found, "title")
    panels = [axis for axis in drawn.axes if axis.get_visible()]
    assert [axis.get_title() for axis in panels] == [ALL, "a"]
    assert panels[0].lines[0].get_ydata().tolist() == [90, 40]


def test_an_attack_that_is_quieter_than_every_budget_stands_at_the_edge() -> None:
    drawn = figure([*FOUND, place("DDN", 87, 0.02)], "title")
    axis = drawn.axes[0]
    marks = {line.get_marker(): line.get_xdata().tolist() for line in axis.lines if line.get_marker() in ("o", ">")}
    assert marks == {"o": [35], ">": [41]} and axis.get_xlim()[1] < 45
