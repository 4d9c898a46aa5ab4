"""How attacks stand: ranks and means over the same targets, whose results they are, what stands apart."""

from __future__ import annotations

import pytest

from benchbench.report import render, standing
from benchbench.report.means import mean_rate

TARGETS = ("resnet18/rgb/complete", "resnet18/hp/complete", "vgg16/rgb/complete")


def cells(make_cell, attack, rates, **more):
    return [make_cell(attack, name, "in", tsr, 0.9, **more) for name, tsr in zip(TARGETS, rates, strict=True)]


def test_attacks_of_both_results_stand_in_one_order(make_cell):
    mine = cells(make_cell, "mine", (0.5, 0.5, 0.5))
    theirs = [
        *cells(make_cell, "cama", (0.8, 0.8, 0.8)),
        *cells(make_cell, "pgd", (0.1, 0.1, 0.1)),
        make_cell("cama", "vgg16/hp/complete", "in", 0.0, 0.9),  # of no target that mine was judged by
        *cells(make_cell, "half", (0.9, 0.9, 0.9))[:2],  # lacks one
    ]
    (table,) = standing(mine, theirs)
    assert [(row.key, row.entries[0].value, row.entries[-1].value) for row in table.rows] == [
        ("cama", 1, "reference"),
        ("mine", 2, "here"),
        ("pgd", 3, "reference"),
    ]
    assert "over 3 targets, split in" in table.caption[0]
    assert "*80.0* [" in render(table, "text")
    (alone,) = standing(mine[:1], [])
    assert "over 1 target, split in" in alone.caption[0]


def test_the_mean_weighs_settings_and_not_targets(make_cell):
    """Two targets of the evaluators' architecture and one of another: (0.2 + 0.4) / 2 and 0.9, each half."""
    mine = cells(make_cell, "mine", (0.2, 0.4, 0.9))
    (table,) = standing(mine, [])
    assert table.entry("mine", "tsr").value == pytest.approx((0.3 + 0.9) / 2, abs=1e-9)
    assert mean_rate(mine, "tsr").value == table.entry("mine", "tsr").value
    assert "have no attack on these photographs" in table.remarks[-1]


def test_white_box_attacks_stand_apart(make_cell):
    best = cells(make_cell, "sees-all", (1.0, 1.0, 1.0))
    best = [c.model_copy(update={"attack": c.attack.model_copy(update={"knowledge": "white-box"})}) for c in best]
    mine = [*best, *cells(make_cell, "mine", (0.2, 0.2, 0.2)), *cells(make_cell, "yours", (0.1, 0.1, 0.1))]
    (table,) = standing(mine, [])
    assert [(row.label, row.entries[0].value) for row in table.rows] == [
        ("Mine", 1),
        ("Yours", 2),
        ("Sees-All (white-box)", None),
    ]
    bold = {table.rows[i].key for i, _, _ in table.best()}
    assert bold == {"mine", "yours"}, "equal USR, and the best TSR of those that compete"


def test_other_networks_or_photographs_are_no_comparison(make_cell):
    mine = cells(make_cell, "mine", (0.5, 0.5, 0.5))
    theirs = cells(make_cell, "cama", (0.8, 0.8, 0.8))
    retrained = [c.model_copy(update={"target": c.target.model_copy(update={"fits": {"n": "other"}})}) for c in theirs]
    for others in (retrained, cells(make_cell, "cama", (0.8, 0.8, 0.8), data_id="e" * 32)):
        (table,) = standing(mine, others)
        assert [row.key for row in table.rows] == ["mine"]


def test_the_same_attack_in_both_is_shown_once(make_cell):
    mine = cells(make_cell, "cama", (0.5, 0.5, 0.5))
    (table,) = standing(mine, mine)
    assert [row.entries[-1].value for row in table.rows] == ["here"]
    assert table.remarks == ("Cama: all 3 cells are as in the reference results.",)
    moved = [c.model_copy(update={"outcomes": {"predicted": c.outcomes["predicted"][::-1]}}) for c in mine]
    assert "3 of 3 cells differ from the reference" in standing(moved, mine)[0].remarks[0]


def test_every_table_keeps_white_box_attacks_from_the_bold(paper_cells):
    from benchbench.report import table

    seeing = [
        c.model_copy(update={"attack": c.attack.model_copy(update={"knowledge": "white-box"})})
        for c in paper_cells
        if c.attack.name == "cama"
    ]
    rest = [c for c in paper_cells if c.attack.name != "cama"]
    for number in ("2a", "5b", "leaderboard", "conditions", "distortion", "6"):
        for made in table(number, [*rest, *seeing]):
            keys = {made.rows[i].key for i, _, _ in made.best()}
            assert "cama" not in keys, number
            row = made.row("cama")
            assert not row.ranked and row.label.endswith("(white-box)")
