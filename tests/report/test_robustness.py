"""Targets by how hard they are to fool: means, the strongest attack, ranks; what is missing is missing."""

from __future__ import annotations

import pytest

from benchbench.report import table
from benchbench.report.groups import groups

RATES = {
    "resnet18/rgb/complete": {"cama": 0.9, "pgd": 0.1},
    "resnet18/hp/complete": {"cama": 0.2, "pgd": 0.4},
    "vgg16/rgb/complete": {"cama": 0.6, "pgd": 0.2},
    "vgg16/hp/complete": {"cama": 0.1, "pgd": 0.1},
    "vgg16/hp/partial": {"cama": 0.8, "pgd": 0.9},
}


@pytest.fixture
def cells(make_cell):
    made = [
        make_cell(attack, name, split, tsr, 0.95)
        for name, rates in RATES.items()
        for attack, tsr in rates.items()
        for split in ("in", "out")
    ]
    return [*made, *(make_cell("noise", name, "in", 0.0, 0.9, control=True) for name in RATES)]


def test_targets_stand_by_how_often_they_are_fooled(cells):
    (made,) = table("targets", cells)
    found = [(row.block, row.key, row.entries[0].value, row.entries[3].value) for row in made.rows]
    assert found == [
        ("complete", "vgg16/hp/complete", 1, "PGD"),
        ("complete", "resnet18/hp/complete", 2, "PGD"),
        ("complete", "vgg16/rgb/complete", 3, "Cama"),
        ("complete", "resnet18/rgb/complete", 4, "Cama"),
        ("partial", "vgg16/hp/partial", 1, "PGD"),
    ]
    for row in made.rows:
        rates = RATES[row.key]
        assert row.entries[1].value == pytest.approx(sum(rates.values()) / 2, abs=2e-3)
        assert row.entries[2].value == pytest.approx(max(rates.values()), abs=2e-3)
    bold = {(made.rows[i].key, made.columns[j].key) for i, j, _ in made.best()}
    assert ("vgg16/hp/complete", "tsr") in bold and ("resnet18/rgb/complete", "tsr") not in bold


def test_preprocessors_and_backbones_are_compared_over_the_same_partners(cells):
    whole = [c for c in cells if c.target.overlap == "complete"]
    (made,) = table("robustness", whole)
    assert [(row.block, row.label, row.entries[0].value) for row in made.rows] == [
        ("Preprocessor", "HP", 1),
        ("Preprocessor", "RGB", 2),
        ("Backbone", "VGG-16", 1),
        ("Backbone", "ResNet-18", 2),
    ]
    # The evaluators' architecture and the other weigh the same; so do both attacks.
    assert made.entry("rgb", "tsr", "Preprocessor").value == pytest.approx((0.9 + 0.1 + 0.6 + 0.2) / 4, abs=2e-3)


def test_a_target_that_lacks_a_cell_has_no_rank(cells):
    lost = next(c for c in cells if c.target.name == "vgg16/hp/complete" and c.attack.name == "cama")
    extra = [c for c in cells if c is not lost]
    # Both attacks still count: another target lacks a cell of the other one.
    other = next(c for c in extra if c.target.name == "vgg16/rgb/complete" and c.attack.name == "pgd")
    (made,) = table("targets", [c for c in extra if c is not other])
    for name in ("vgg16/hp/complete", "vgg16/rgb/complete"):
        row = made.row(name)
        assert row.entries[0].value is None and row.entries[1].value is None
    assert made.row("resnet18/hp/complete").entries[0].value == 1


def test_an_attack_of_few_of_these_targets_is_named_and_is_no_row(cells, make_cell):
    """As variants of another paper are, which were run against targets of that paper."""
    others = [
        make_cell("pgd", name, split, 0.5, 0.9, params={"steps": 7})
        for name in ("resnet18/rgb/complete", "resnet12/rgb/complete", "resnet34/rgb/complete")
        for split in ("in", "out")
    ]
    whole = [c for c in cells if c.target.overlap == "complete"]
    (before,), (after,) = table("robustness", whole), table("robustness", [*whole, *others])
    assert [(r.key, r.entries) for r in after.rows] == [(r.key, r.entries) for r in before.rows]
    (board,) = table("leaderboard", [*whole, *others])
    assert [row.label for row in board.rows] == ["Cama", "PGD", "Noise"], "what most of PGD's cells have is not said"
    assert any("left out: PGD [steps=7]." in remark for remark in board.remarks)
    (rows,) = table("2a", [*whole, *others])
    assert "PGD [steps=7]" not in {row.label for row in rows.rows}


def test_a_measure_is_that_of_the_craft_that_was_measured(make_cell):
    """A craft that was made again for other targets may have been measured less."""
    first, again = (make_cell("cama", name, "in", 0.5, 0.9) for name in ("resnet18/rgb/complete", "vgg16/rgb/complete"))
    measures = first.craft.measures | {"own": first.craft.measures["l1"]}
    first = first.model_copy(update={"craft": first.craft.model_copy(update={"measures": measures})})
    for cells in ([first, again], [again, first]):
        (group,) = groups(cells)
        assert group.measure(group.attacks[0], "in", "own") == pytest.approx(2.0)
    (group,) = groups([again])
    assert group.measure(group.attacks[0], "in", "own") is None


def test_under_conditions_an_attack_is_a_row_or_is_named_and_never_both(cells, make_cell):
    """Of few targets under one condition, as broad as any under another."""
    whole = [c for c in cells if c.target.overlap == "complete"]
    few = make_cell("stega", "resnet18/rgb/complete", "in", 0.5, 0.9, title="Stega")
    same = make_cell("stega", "resnet18/rgb/complete", "in", 0.5, 0.9, title="Stega", condition="jpeg-75")
    (one,) = table("conditions", [*whole, few])
    assert "Stega" not in {row.label for row in one.rows} and any("left out: Stega." in r for r in one.remarks)
    (both,) = table("conditions", [*whole, few, same])
    assert "Stega" in {row.label for row in both.rows} and not any("left out" in r for r in both.remarks)
