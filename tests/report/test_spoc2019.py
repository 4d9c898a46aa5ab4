"""SpoC's paper: its figures, which cell stands in which place, and its sentences on cells whose rates are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from benchbench.records.column import Column
from benchbench.report import groups, table
from benchbench.report.catalog import owners, shown
from benchbench.report.paper import PAPERS, papers
from benchbench.report.papers.spoc2019 import published
from benchbench.report.papers.spoc2019.cells import network, place
from benchbench.report.papers.spoc2019.claims import claims, claims_table
from benchbench.report.papers.spoc2019.published import CLASSIFIERS
from benchbench.report.papers.spoc2019.tables import accuracy_table, own_classifier

PICTURES = 40
SET = {"pgd": {"epsilon": 8 / 255, "steps": 40, "step_size": 0.15625}}


@pytest.fixture(autouse=True)
def with_this_paper(ours_alone, monkeypatch):
    monkeypatch.setattr(PAPERS, "names", lambda: ["cama2020", "spoc2019"])
    for memory in (papers, owners):
        memory.cache_clear()


@pytest.fixture
def synthetic(make_cell):
    """Return a cell on synthetic pictures whose SAR is known: the first share of each model's trials succeeds."""

    def call(attack, target, rate, split="synthetic", params=None, title=""):
        cell = make_cell(attack, "resnet18/rgb/partial", "in", params=params)
        wanted = np.tile(np.arange(6), PICTURES)
        photograph = np.repeat(np.arange(PICTURES), 6)
        hit = photograph < round(rate * PICTURES)
        key = f"{attack}{target}{split}{sorted((params or {}).items())}"
        trials = cell.craft.trials.model_copy(
            update={"photograph": tuple(photograph.tolist()), "wanted": tuple(wanted.tolist())}
        )
        return cell.model_copy(
            update={
                "cell_id": key,
                "target": cell.target.model_copy(update={"name": target, "classes": 10, "clean": ()}),
                "split": cell.split.model_copy(
                    update={
                        "name": split,
                        "images": PICTURES,
                        "classes": (-1,),
                        "true": (-1,) * PICTURES,
                        "fits": {"pictures": "x"},
                    }
                ),
                "craft": cell.craft.model_copy(update={"craft_id": key, "trials": trials}),
                "outcomes": {"predicted": Column(np.where(hit, wanted, 9).tolist())},
            }
        )

    return call


def every(synthetic, spoc=0.6, rival=0.2, off=0.6):
    cells = []
    for name in CLASSIFIERS:
        for split, rate in (("synthetic", spoc), ("off-training", off)):
            cells.append(synthetic("spoc", name, rate, split, {"psnr": 31.0}))
        cells.append(synthetic("spoc", name, 0.1, params={"discriminator": False}))
        cells.append(synthetic("spoc", name, spoc, params={"embedder": False}))
        for method, on in product(("pgd", "ti-mi-fgsm", "gap", "adv-cam-id"), ("bondi2017", "xception")):
            cells.append(
                synthetic(method, name, 1.0 if on == name else rival, params={"on": on, **SET.get(method, {})})
            )
        for method in ("pgd", "ti-mi-fgsm", "gap"):
            for judge in CLASSIFIERS:
                on = "+".join(n for n in CLASSIFIERS if n != judge)
                params = {"on": on, **SET.get(method, {})}
                cells.append(synthetic(method, name, rival if judge == name else 1.0, params=params))
    return cells


def test_figures_are_those_of_the_paper():
    figures = published.sar()
    assert len(figures) == 12 + 12 + 3 + 12
    spoc = figures["4", "uncompressed", "none", "spoc"]
    assert spoc.psnr == 31.71 and spoc.rates["xception"] == pytest.approx(0.8137)
    assert figures["6", "uncompressed", "bondi2017", "adv-cam-id"].psnr == 25.29
    assert published.detected()["2", "before", "spec"] == pytest.approx(0.2025)
    assert published.accuracy() == pytest.approx(
        {"tuama2016": 0.741, "bondi2017": 0.871, "xception": 0.970, "inceptionv3": 0.954}
    )


def test_an_ensemble_is_the_three_that_do_not_judge():
    assert network("ensemble", "xception") == {"tuama2016", "bondi2017", "inceptionv3"}
    assert not any(own_classifier("ensemble", name) for name in CLASSIFIERS)
    assert own_classifier("bondi2017", "bondi2017") and not own_classifier("none", "xception")


def test_cells_find_their_places_and_tables_show_them(synthetic):
    cells = every(synthetic)
    (group,) = groups(cells)
    assert not group.cells and len(group.elsewhere) == len(cells)
    found = place(group, "synthetic", "gap", "ensemble", "bondi2017")
    assert found is not None and found.attack.params["on"] == "tuama2016+xception+inceptionv3"
    assert place(group, "synthetic", "spoc-only-embedder", "none", "xception").attack.params == {"discriminator": False}
    (made,) = table("spoc-4", cells, published=True)
    rows = {row.key: row for row in made.rows}
    assert [e.value for e in rows["bondi2017-pgd"].entries[1:]] == pytest.approx([0.2, 1.0, 0.2, 0.2])
    assert [e.value for e in rows["ensemble-gap"].entries[1:]] == pytest.approx([0.2] * 4)
    assert rows["none-spoc"].entries[3].published[0] == pytest.approx(0.8137)
    low, high = rows["none-spoc"].entries[1].interval
    assert low < 0.6 < high
    (third,) = table("spoc-6", cells)
    assert third.rows[-1].entries[1].value == pytest.approx(0.6) and third.rows[0].entries[1].value is None


def test_sentences_are_held_against_the_cells(synthetic):
    (group,) = groups(every(synthetic))
    rows = {row.key: [e.value for e in row.entries] for row in claims_table(group).rows}
    assert len(rows) == len(claims(group)) == 14
    assert all(r[2] == "holds" for r in rows.values())  # the paper's own figures bear its sentences
    ahead = rows["spoc-pgd"]
    assert ahead[3:5] == pytest.approx([0.6, 0.2]) and ahead[6] == "holds"
    assert rows["spoc-only-embedder"][6] == "holds"
    assert rows["spoc-only-discriminator"][5:] == [pytest.approx(0), "not told apart"]
    assert rows["spoc-off"][5:] == [pytest.approx(0), "not told apart"]  # of 40 pictures each, within 10 points
    assert rows["spec-off"][3] is None  # no detector was asked
    (behind,) = groups(every(synthetic, spoc=0.1, rival=0.5, off=0.1))
    verdicts = {row.key: row.entries[6].value for row in claims_table(behind).rows}
    assert verdicts["spoc-gap"] == "does not hold"


def test_pages_show_the_tables_where_such_pictures_were_attacked(synthetic, make_cell):
    (with_them,) = groups(every(synthetic))
    (without,) = groups([make_cell()])
    assert "spoc-4" in shown(with_them) and "spoc-4" not in shown(without)


@pytest.fixture
def asked(synthetic):
    """Return a cell of a detector: the share of pictures that it takes for synthetic, and that score high, is known."""

    def call(attack, name, found, high, split="synthetic"):
        cell = synthetic(attack, f"{name}/detector", 0.0, split)
        rank = np.where(cell.judged.photograph < round(high * PICTURES), 0.99, 0.4)
        outcomes = {
            "synthetic": Column((cell.judged.photograph < round(found * PICTURES)).astype(int).tolist()),
            "score": Column(rank.tolist()),
            "rank": Column(rank.tolist()),
        }
        target = cell.target.model_copy(update={"task": "detection", "classes": 2})
        return cell.model_copy(update={"target": target, "outcomes": outcomes})

    return call


def detectors(asked):
    return [
        *(asked("identity", "spec", 0.95, 0.9, split) for split in ("synthetic",)),
        asked("identity", "spec", 0.2, 0.3, "off-training"),
        asked("spoc", "spec", 0.1, 0.2),
        asked("spoc", "spec", 0.05, 0.2, "off-training"),
        *(asked("identity", "xception", 1.0, 1.0, split) for split in ("synthetic", "off-training")),
    ]


def test_what_detectors_find_before_and_after_stands_in_its_place(asked):
    cells = detectors(asked)
    (made,) = table("spoc-1", cells, published=True)
    before, after = made.rows
    assert [e.value for e in before.entries] == pytest.approx([1, 1, 0.99, 0.95, 0.9, 0.9 * 0.99 + 0.1 * 0.4])
    assert [e.value for e in after.entries[3:]] == pytest.approx([0.1, 0.2, 0.2 * 0.99 + 0.8 * 0.4])
    assert [e.value for e in after.entries[:3]] == [None] * 3
    theirs = published.detected()
    assert before.entries[3].published[0] == theirs["1", "before", "spec"] and before.entries[4].published is None
    (off,) = table("spoc-2", cells)
    assert [row.entries[3].value for row in off.rows] == pytest.approx([0.2, 0.05])
    (group,) = groups(cells)
    rows = {row.key: [e.value for e in row.entries] for row in claims_table(group).rows}
    assert rows["spec-off"][3:5] == pytest.approx([0.95, 0.2]) and rows["spec-off"][6] == "holds"
    assert rows["hidden-spec-1"][3:5] == pytest.approx([0.95, 0.1]) and rows["hidden-spec-1"][6] == "holds"
    assert rows["xception-off"][6] == "holds" and rows["hidden-xception-1"][6] is None


def test_no_attack_is_a_row_and_several_settings_are_said(synthetic):
    cells = [synthetic("identity", name, 0.1) for name in CLASSIFIERS]
    cells += [synthetic("spoc", "xception", rate, params={"psnr": psnr}) for rate, psnr in ((0.5, 31.0), (0.6, 33.0))]
    pgd = {"on": "bondi2017", "epsilon": 8 / 255, "steps": 40, "step_size": 0.15625}
    cells.append(synthetic("pgd", "xception", 0.3, params={**pgd, "steps": 10}))
    (made,) = table("spoc-4", cells)
    rows = {row.key: row for row in made.rows}
    assert [e.value for e in rows["none-identity"].entries[1:]] == pytest.approx([0.1] * 4)
    assert rows["none-spoc"].entries[3].value is None and "several sets" in rows["none-spoc"].entries[3].missing
    assert rows["bondi2017-pgd"].entries[3].value is None, "not the settings of the paper"
    (made,) = table("spoc-4", [*cells, synthetic("pgd", "xception", 0.4, params=pgd)])
    assert {row.key: row for row in made.rows}["bondi2017-pgd"].entries[3].value == pytest.approx(0.4)


def test_the_papers_figures_stand_beside_cells_of_their_condition_alone(synthetic):
    def under(condition, budget=None):
        protocol = {"condition": condition, "budget": budget, "seed": 0, "version": 1}
        return [c.model_copy(update={"protocol": {**c.protocol, **protocol}}) for c in every(synthetic)]

    jpeg = published.sar()["4", "jpeg", "bondi2017", "pgd"]
    (made,) = table("spoc-4", under("jpeg-target"), published=True)
    row = next(row for row in made.rows if row.key == "bondi2017-pgd")
    assert row.entries[0].published is None, "theirs is of decompressed pictures"
    assert row.entries[3].published[0] == jpeg.rates["xception"]
    for cells in (under("jpeg-target"), under("jpeg-75"), under("uint8", 35.0)):
        (other,) = table("spoc-5", cells, published=True)
        assert all(entry.published is None for row in other.rows for entry in row.entries)
    (group,) = groups(under("jpeg-target"))
    rows = {row.key: [e.value for e in row.entries] for row in claims_table(group).rows}
    assert rows["spoc-only-embedder"][2] == "said without a figure" and rows["spoc-pgd"][2] == "holds"
    assert claims_table(group).notes() is not None


@pytest.mark.parametrize("shown", [(20, 20), (10, 40)])
def test_clean_accuracy_has_wilsons_interval(make_cell, shown):
    """Of ten models; where they have not all as many photographs, of as many as would tell as much."""
    right = (0.5, 0.8)
    cells = []
    for name, classes in (("in", range(6)), ("out", range(6, 10))):
        cell = make_cell("identity", "resnet18/rgb/partial", name)
        rows = []
        for true in classes:
            row = [0] * 10
            row[true] = round(right[true % 2] * shown[true % 2])
            row[(true + 1) % 10] = shown[true % 2] - row[true]
            rows.append(tuple(row))
        target = cell.target.model_copy(update={"name": "xception", "classes": 10, "clean": tuple(rows)})
        split = cell.split.model_copy(update={"classes": tuple(classes)})
        cells.append(cell.model_copy(update={"cell_id": name, "target": target, "split": split}))
    (group,) = groups(cells)
    found = accuracy_table(group, show_published=False).entry("accuracy", "xception")
    assert found.value == pytest.approx(0.65)
    count = 100 / (5 / shown[0] + 5 / shown[1])
    z, p = 1.959964, 0.65
    ends = [
        (p + z**2 / (2 * count) + sign * z * (p * (1 - p) / count + z**2 / (4 * count**2)) ** 0.5) / (1 + z**2 / count)
        for sign in (-1, 1)
    ]
    assert found.interval == pytest.approx(ends, abs=1e-6)
    if shown == (20, 20):
        known = binomtest(130, 200).proportion_ci(method="wilson")
        assert found.interval == pytest.approx((known.low, known.high), abs=1e-6)
