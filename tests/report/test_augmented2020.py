"""The second paper: cells that hold its rates give its tables and bear out its sentences; its slip is marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from statistics import stdev

import pytest

from benchbench.records.cell import Cell, MeasurePart
from benchbench.report import DatasetSummary, ModelCounts, groups, render, table
from benchbench.report.catalog import expand, shown
from benchbench.report.claims import FALSE, OPEN, TRUE
from benchbench.report.papers.augmented2020 import published
from benchbench.report.papers.augmented2020.claims import ALL, CLAIMS, PLAIN, claims_table
from benchbench.report.papers.augmented2020.words import BACKBONES, KINDS, Variant, targets

MakeCell = Callable[..., Cell]
Rate = Callable[[str, Variant, str], float]
"""Of a split, a variant and a kind of target."""


def published_rate(split: str, variant: Variant, kind: str) -> float:
    value = published.ablation()[split, variant].tasr[kind][0]
    assert value is not None
    return value


def cells_of(make_cell: MakeCell, variant: Variant, rate: Rate, distance: float | None = None) -> Iterator[Cell]:
    mislgan = (variant.laac, variant.scfa) == (("pef",), True)
    params = {part: part in variant.laac for part in ("img", "wdf", "pef")}
    params |= {"scfa": variant.scfa, "critic": variant.critic, "psnr": None}  # type: ignore[dict-item]
    for split in ("in", "out"):
        for kind in KINDS:
            for target in targets(kind):
                tsr = rate(split, variant, kind)
                name = "mislgan" if mislgan else "augmented-cgan"
                cell = make_cell(name, target, split, tsr, max(tsr, 0.9), params=params)
                if distance is not None:
                    trials = cell.craft.measures["ssim"].images
                    part = MeasurePart(sums=tuple(distance * n for n in trials), images=trials)
                    measures = cell.craft.measures | {"st-lpips": part}
                    cell = cell.model_copy(update={"craft": cell.craft.model_copy(update={"measures": measures})})
                yield cell


def paper_cells(make_cell: MakeCell, distance: float | None = None) -> list[Cell]:
    return [c for v in published.variants() for c in cells_of(make_cell, v, published_rate, distance)]


@pytest.mark.parametrize(("number", "split"), [("augmented-2", "in"), ("augmented-3", "out")])
def test_every_published_figure_is_reproduced(make_cell: MakeCell, number: str, split: str) -> None:
    (built,) = table(number, paper_cells(make_cell), published=True)
    assert [row.label for row in built.rows] == [v.label for v in published.variants()]
    assert built.rows[4].key.startswith("mislgan") and built.rows[4].label == "f_pef†"
    for row, variant in zip(built.rows, published.variants(), strict=True):
        entries = dict(zip((c.key for c in built.columns), row.entries, strict=True))
        theirs = published.ablation()[split, variant]
        for kind in KINDS:
            entry = entries[f"tasr_{kind}"]
            assert entry.value == pytest.approx(theirs.tasr[kind][0], abs=6e-4) and entry.second == 0
            assert entry.published == theirs.tasr[kind]
        assert entries["tasr_mean"].value == pytest.approx(theirs.tasr["mean"][0], abs=0.007), "printed in percent"
        assert entries["tasr_mean"].second == pytest.approx(
            stdev(float(entries[f"tasr_{k}"].value) for k in KINDS for _ in BACKBONES)  # type: ignore[arg-type]
        )
        assert entries["lpips"].value is None and entries["lpips"].published == (theirs.lpips, None)
    assert ("uasr_wdf" in {c.key for c in built.columns}) == (split == "in")


def test_the_papers_slip_is_marked_and_its_right_means_are_said(make_cell: MakeCell) -> None:
    for variant in published.variants():
        theirs, theirs_out = (published.ablation()[split, variant] for split in ("in", "out"))
        assert theirs.uasr["mean"][0] == theirs_out.tasr["mean"][0], "row by row"
    (built,) = table("augmented-2", [make_cell()], published=True)
    assert [c.title for c in built.columns if "mistake" in c.title] == ["UASR mean (paper: printed by mistake)"]
    assert any("73.7, 80.0, 91.7, 53.3, 84.0, 91.7, 87.3, 95.3" in remark for remark in built.remarks)
    (alone,) = table("augmented-2", [make_cell()])
    assert not any("mistake" in c.title for c in alone.columns)


def test_mean_and_deviation_are_over_targets_and_a_missing_target_leaves_none(make_cell: MakeCell) -> None:
    variant = published.variants()[0]
    cells = [c for c in cells_of(make_cell, variant, lambda *_: 0.5) if c.split.name == "in"]
    rates = [0.1 * (i + 1) for i in range(5)]
    names = dict(zip(targets("wdf"), rates, strict=True))
    params = cells[0].attack.params
    cells = [c for c in cells if c.target.name not in names]
    cells += [make_cell("augmented-cgan", n, "in", r, 0.9, params=params) for n, r in names.items()]
    (built,) = table("augmented-2", cells)
    entry = built.entry(built.rows[0].key, "tasr_wdf")
    assert entry.value == pytest.approx(0.3) and entry.second == pytest.approx(stdev(rates))
    assert entry.interval is not None and entry.interval[0] < 0.3 < entry.interval[1]
    assert "30.0 ± 15.8" in render(built, "md")
    lines = list(csv.DictReader(io.StringIO(render(built, "csv"))))
    assert float(lines[0]["tasr_wdf"]) == entry.value and float(lines[0]["tasr_wdf_sd"]) == entry.second
    (short,) = table("augmented-2", cells[1:])
    assert short.entry(short.rows[0].key, "tasr_mean").value is None
    assert "-" in render(short, "latex")


def test_the_papers_figures_bear_out_every_sentence_that_has_some(make_cell: MakeCell) -> None:
    (group,) = groups([make_cell()])
    made = claims_table(group)
    assert [row.key for row in made.rows] == [*(c.key for c in CLAIMS), "distortion", "successor"]
    said = {row.key: made.entry(row.key, "paper_verdict").value for row in made.rows}
    assert {key for key, word in said.items() if word != TRUE} == {"critic", "successor"}
    # By hand from tables 2 and 3: three kinds and two splits.
    assert made.entry("together", "paper_first").value == pytest.approx((95 + 95 + 91 + 99 + 98 + 97) / 600)
    assert made.entry("together", "paper_second").value == pytest.approx((92 + 87 + 86 + 99 + 98 + 90) / 600)
    assert made.entry("mislgan-img", "paper_first").value == pytest.approx((84 + 93 + 95 + 96) / 400)


def test_cells_with_the_papers_rates_bear_out_the_same(make_cell: MakeCell) -> None:
    (group,) = groups(paper_cells(make_cell, distance=0.04))
    made = claims_table(group)
    said = {row.key: made.entry(row.key, "verdict").value for row in made.rows}
    assert {key: word for key, word in said.items() if word != TRUE} == {"critic": None, "successor": None}
    assert made.entry("distortion", "first").value == "0.040"
    gap = made.entry("together", "difference")
    assert gap.interval is not None and 0 < gap.interval[0] < 0.0383 < gap.interval[1]


def test_cells_that_say_otherwise(make_cell: MakeCell) -> None:
    """One rival that is as good leaves the first sentence open, one that is better makes it false."""

    def rate(split: str, variant: Variant, kind: str) -> float:
        if variant == Variant(("img", "pef"), False):
            return 0.9
        if variant.laac == ("img",):
            return 0.3
        return 0.95 if variant == Variant(("pef",), False) else 0.85

    every = [c for v in (*published.variants(), PLAIN) for c in cells_of(make_cell, v, rate)]
    (group,) = groups(every)
    made = claims_table(group)
    assert made.entry("together", "verdict").value == FALSE
    assert made.entry("together", "second").value == pytest.approx(0.95, abs=1e-3), "the best rival is shown"
    for key in ("img-own", "wdf-pef", "scfa-pef"):
        assert made.entry(key, "verdict").value == FALSE
    assert made.entry("mislgan-img", "verdict").value == made.entry("critic", "verdict").value == OPEN
    assert made.entry("distortion", "verdict").value is None, "not measured"
    lacking = [c for c in every if not (c.target.name == "resnet34/wdf/complete" and c.attack.name == "mislgan")]
    (group,) = groups(lacking)
    assert claims_table(group).entry("together", "verdict").value is None


def test_its_tables_are_shown_where_its_attacks_were_run(make_cell: MakeCell) -> None:
    assert expand("augmented2020") == ["augmented-1", "augmented-2", "augmented-3"]
    (other,) = groups([make_cell("cama")])
    assert not any(n.startswith("augmented") for n in shown(other))
    assert not any(row.key == "together" for t in table("claims", [make_cell("cama")]) for row in t.rows)
    (mine,) = groups(list(cells_of(make_cell, ALL, published_rate)))
    assert set(expand("augmented2020")) <= set(shown(mine))
    (claims,) = table("claims", [*cells_of(make_cell, ALL, published_rate), make_cell("cama")])
    keys = [row.key for row in claims.rows]
    assert "together" in keys and "cama-spoc" in keys and claims.title == "What the papers claim"


def test_table_1_counts_patches(make_cell: MakeCell) -> None:
    counts = tuple(
        ModelCounts(y=y, camera_model=f"Model_{y}", q=20 if y <= 6 else None, p=30, test=8) for y in range(1, 13)
    )
    data = {"name": "virtual", "data_id": "d" * 32, "camera_models": tuple(c.camera_model for c in counts)}
    summary = DatasetSummary(known=6, size=256, counts=counts, **data)  # type: ignore[arg-type]
    (built,) = table("augmented-1", [make_cell()], summary=summary, published=True)
    first = [e.value for e in built.row("1").entries]
    assert first == ["Model_1", 30 * 16, 20 * 16, 8]
    assert [e.value for e in built.row("7").entries] == ["Model_7", None, None, 8]
    total = built.row("Total").entries
    assert [e.value for e in total[1:]] == [6 * 480, 6 * 320, 96]
    assert [e.published for e in total[1:]] == [(157_632, None), (160_512, None), (1200, None)], "as the paper prints"
    (bare,) = table("augmented-1", [], published=True)
    assert bare.row("Total").entries[1].value is None and bare.row("1").entries[1].published == (48_960, None)
