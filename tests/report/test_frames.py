"""Results as pandas tables, and two of them side by side: against the cells they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.base.errors import BenchError, DataError
from benchbench.report import compare
from benchbench.report.frames import cells_frame, load_results, load_trials, trials_frame

TARGETS = ("resnet18/rgb/complete", "resnet18/hp/complete")


def cells(make_cell, attack, rates, **more):
    return [make_cell(attack, name, "in", tsr, 0.9, **more) for name, tsr in zip(TARGETS, rates, strict=True)]


def test_a_row_a_cell_and_a_row_a_trial_say_the_same(make_cell):
    made = cells(make_cell, "mine", (0.5, 0.25))
    frame, trials = cells_frame(made), trials_frame(made)
    assert frame["tsr"].tolist() == pytest.approx([0.5, 0.25], abs=1e-3)
    assert frame["control"].tolist() == [False, False]
    assert len(trials) == 2 * 3000
    hits = (trials["predicted"] == trials["wanted"]).groupby(trials["target"]).mean()
    # Every model is wanted equally often, so that the mean over trials is the mean over models.
    assert hits[list(TARGETS)].tolist() == pytest.approx(frame["tsr"].tolist())
    assert (trials["true"] != trials["wanted"]).all()


def test_models_beyond_the_data_set_and_no_camera_have_names_of_their_own(make_cell):
    made = make_cell("mine", TARGETS[0], "in", 0.5, 0.9, params={"steps": 3})
    true = tuple({0: -1, 1: 11, 2: 12}.get(k, k) for k in made.split.true)
    other = made.model_copy(update={"split": made.split.model_copy(update={"true": true})})
    frame = trials_frame([other])
    assert frame["true"].isna().sum() == 500 and not (frame["true"] == "Model_12").sum() - 500
    assert set(frame["true"].dropna()) == {"Model_12", "drawn 12", "Model_4", "Model_5", "Model_6"}
    assert set(frame["params"]) == {'{"steps":3}'} and set(frame["target_params"]) == {"{}"}
    assert set(frame["data_id"]) == {"d" * 32}


def test_every_trial_of_the_reference_results_has_a_row():
    frame = load_trials("reference")
    assert len(frame) > 100_000 and set(frame["split"]) >= {"in", "out", "unseen"}
    assert frame.loc[frame["split"] == "unseen", "true"].str.startswith("drawn ").any()


def test_what_is_undefined_is_not_a_number(make_cell):
    frame = cells_frame([make_cell("mine", TARGETS[0], "out", 0.5, 0.9)])
    assert np.isnan(frame["usr"].astype(float)).all()


def test_columns_that_are_missing_everywhere_are_numbers_still(make_cell):
    eraser = make_cell("mine", TARGETS[0], "out", 0.5, 0.9)
    eraser = eraser.model_copy(update={"attack": eraser.attack.model_copy(update={"goal": "erase"})})
    frame = cells_frame([eraser])
    assert frame["usr"].dtype == frame["tsr"].dtype == np.float64 and frame["tsr"].isna().all()
    assert frame["control"].dtype == bool


def test_a_folder_without_cells_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="no cell under"):
        load_results(tmp_path)


def test_two_results_stand_side_by_side(make_cell):
    first = [*cells(make_cell, "mine", (0.5, 0.5)), *cells(make_cell, "old", (0.1, 0.1))]
    second = [*cells(make_cell, "mine", (0.8, 0.8)), *cells(make_cell, "new", (0.1, 0.1))]
    (table,) = compare(first, second, ("A", "B"))
    (row,) = table.rows
    assert [e.value for e in row.entries[:3]] == [2, pytest.approx(0.5), pytest.approx(0.8)]
    assert row.entries[3].value == pytest.approx(0.3) and row.entries[4].value == "higher"
    low, high = row.entries[3].interval
    assert 0.25 < low < 0.3 < high < 0.35
    assert table.remarks == ("Only in A: Old.", "Only in B: New.")


@pytest.mark.parametrize(("rates", "verdict"), [((0.5, 0.5), "every outcome alike"), ((0.501, 0.5), "not told apart")])
def test_a_difference_that_chance_explains_is_none(make_cell, rates, verdict):
    (table,) = compare(cells(make_cell, "mine", (0.5, 0.5)), cells(make_cell, "mine", rates))
    assert table.rows[0].entries[4].value == verdict


def test_the_same_photographs_are_compared_where_there_are_others_beside_them(make_cell):
    mine = cells(make_cell, "mine", (0.5, 0.5))
    others = cells(make_cell, "mine", (0.9, 0.9), data_id="e" * 32)
    for second in ([*mine, *others], [*others, *mine]):
        (made,) = compare(mine, second)
        assert [entry.value for entry in made.rows[0].entries][3:] == [0.0, "every outcome alike"]
        assert made.rows[0].entries[3].interval is None and not made.remarks


def test_another_version_is_said(make_cell):
    (made,) = compare(cells(make_cell, "mine", (0.5, 0.5)), cells(make_cell, "mine", (0.9, 0.9), version=2))
    assert "Mine is of another version: 1 in A, 2 in B." in made.remarks


def test_other_photographs_are_said(make_cell):
    first, second = cells(make_cell, "mine", (0.5, 0.5)), cells(make_cell, "mine", (0.5, 0.5), data_id="e" * 32)
    (table,) = compare(first, second)
    assert "The photographs differ" in table.remarks[-1]
    assert compare(first, cells(make_cell, "mine", (0.5, 0.5), profile="paper")) == []


def test_what_two_results_have_is_said_where_they_share_nothing(make_cell, monkeypatch):
    from benchbench.cli.tables import compare as command

    held = {"A": cells(make_cell, "mine", (0.5, 0.5)), "B": cells(make_cell, "mine", (0.5, 0.5), profile="paper")}
    monkeypatch.setattr("benchbench.report.frames.read_cells", held.__getitem__)
    with pytest.raises(BenchError) as caught:
        command("A", "B")
    name = held["A"][0].dataset.name
    assert str(caught.value).splitlines() == [
        "'A' and 'B' have no data set, profile and protocol in common.",
        f"  'A': {name}, quick, uint8, native",
        f"  'B': {name}, paper, uint8, native",
    ]
