"""Cells that hold the paper's own rates give the paper's own tables, cell by cell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchbench.records.cell import Cell
from benchbench.report import DatasetSummary, ModelCounts, groups, render, table
from benchbench.report.model import DASH, show
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.words import BACKBONES

NUMBERS = list(published.layouts())


@pytest.mark.parametrize("number", NUMBERS)
def test_every_published_figure_is_reproduced(number: str, paper_cells: list[Cell]) -> None:
    layout = published.layouts()[number]
    (built,) = table(number, paper_cells)
    keys = {row.key.split(" ")[0]: row.key for row in built.rows}
    seen = 0
    for (overlap, split, backbone, preprocessor, attack), (tsr, usr) in published.success_rates().items():
        if (overlap, split) != (layout.overlap, layout.split) or backbone not in layout.backbones:
            continue
        if attack not in layout.attacks or tsr is None:
            continue
        entry = built.entry(keys[attack], preprocessor, BACKBONES[backbone])
        seen += 1
        if preprocessor == published.MEAN:
            if entry.value is None:  # three cells of SpoC's row are not readable
                assert (number, attack) == ("3a", "spoc-cgan")
                continue
            assert entry.value == pytest.approx(tsr, abs=0.0007)  # printed to 0.001, trials to 1 / 3600
            continue
        assert show(entry.value, "rate") == f"{100 * tsr:.1f}"
        if usr is not None:
            assert show(entry.second, "rate") == f"{100 * usr:.1f}"
    assert seen


def test_every_row_of_every_published_table_is_reachable(paper_cells: list[Cell]) -> None:
    reached = set()
    for built in table("all", paper_cells, published=True):
        if built.number not in NUMBERS:
            continue
        layout = published.layouts()[built.number]
        names = {title: key for key, title in BACKBONES.items()}
        for row in built.rows:
            for column, entry in zip(built.columns, row.entries, strict=True):
                key = (layout.overlap, layout.split, names[row.block], column.key, row.key.split(" ")[0])
                if entry.published is not None:
                    assert entry.published == published.success_rates().get(key, (None, None))
                reached.add(key)
    assert set(published.success_rates()) <= reached


@pytest.mark.parametrize("number", NUMBERS)
def test_the_mean_column_is_the_mean_of_six(number: str, paper_cells: list[Cell]) -> None:
    (built,) = table(number, paper_cells)
    for row in built.rows:
        *six, mean = row.entries
        assert len(six) == 6
        values = [e.value for e in six]
        if None in values:
            assert mean.value is None and mean.missing
        else:
            assert mean.value == pytest.approx(sum(values) / 6)
            assert built.columns[-1].pair == (mean.second is not None)


def test_table_2a_in_markdown(paper_cells: list[Cell]) -> None:
    (built,) = table("2a", paper_cells)
    text = render(built, "md")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert next(iter(rows)) == "Attack"
    assert list(rows)[2:] == ["MISL", "SpoC", "Cama", "No attack", "Noise"]
    words = [re.sub(" +", " ", w.strip()) for w in rows["Cama"].split("|")[2:-1]]
    assert words == [
        "**91.2** (**96.3**)",
        "86.8 (87.7)",
        "**94.2** (**97.4**)",
        "**97.3** (**98.0**)",
        "**88.1** (**88.6**)",
        "**89.7** (92.6)",
        "**91.2** (**93.4**)",
    ]
    assert "**94.4** (**95.4**)" in rows["SpoC"]
    assert "99.0 (99.0)" in rows["Noise"]  # the highest of the column, but a control


def test_bold_is_per_backbone(paper_cells: list[Cell]) -> None:
    (built,) = table("4a", paper_cells)
    best = {(built.rows[i].block, built.rows[i].label, built.columns[j].key) for i, j, part in built.best() if not part}
    assert ("ResNet-50", "Cama", "rgb") in best
    assert ("DenseNet-100", "Cama", "rgb") in best
    assert ("VGG-16", "Cama", "rgb") in best
    assert ("ResNet-50", "SpoC", "rgb") not in best


def test_out_under_complete_overlap_has_no_usr(paper_cells: list[Cell]) -> None:
    (built,) = table("2b", paper_cells)
    assert not any(c.pair for c in built.columns)
    assert "USR is undefined" in render(built, "md")
    assert "(" not in "".join(line for line in render(built, "md").splitlines() if line.startswith("| Cama"))


def test_psnr(paper_cells: list[Cell]) -> None:
    (built,) = table("6", paper_cells)
    assert [r.label for r in built.rows] == ["FGSM", "PGD", "DDN", "MISL", "SpoC", "Cama", "No attack", "Noise"]
    for row in built.rows[:6]:
        assert tuple(e.value for e in row.entries) == pytest.approx(published.psnr()[row.key.split(" ")[0]])
    unchanged = built.rows[6].entries[0]
    assert unchanged.value is None and "unchanged" in unchanged.missing
    assert not built.best()


def test_published_stands_beside_ours(paper_cells: list[Cell]) -> None:
    text = render(table("2a", paper_cells, published=True)[0], "md")
    assert "(**96.3**) / 91.2 (96.3)" in text
    assert "Dresden" in text and "another data set and another profile" in text
    assert "--published" in text


def test_without_cells_the_paper_still_shows() -> None:
    (built,) = table("3a", [], published=True)
    text = render(built, "text")
    assert "- / 81.8 (91.3)" in text
    assert "No results yet." in text
    assert built.row("spoc-cgan").entries[-1].published == (0.668, 0.899)
    assert show(None, "rate") == DASH


def test_table_1_from_a_summary() -> None:
    counts = tuple(
        ModelCounts(y=m.y, camera_model=m.camera_model, q=m.q, p=m.p or 0, test=m.test or 0)
        for m in published.dataset()
    )
    summary = DatasetSummary(
        name="dresden",
        data_id="d" * 32,
        camera_models=tuple(m.camera_model for m in published.dataset()),
        known=6,
        size=512,
        counts=counts,
    )
    (built,) = table("1", [], summary=summary, published=True)
    assert [e.value for e in built.row("1").entries] == ["Kodak M1063", 760, 765, 100]
    assert built.row("7").entries[1].value is None
    assert "no photographs of an unknown" in built.row("7").entries[1].missing
    assert [e.value for e in built.row("Total").entries][1:] == [2508, 5037, 1200]
    assert "760 / 760" in render(built, "md")


def test_table_1_without_a_summary_shows_what_cells_know(paper_cells: list[Cell]) -> None:
    (built,) = table("1", paper_cells)
    assert [e.value for e in built.row("12").entries] == ["Model_12", None, None, 100]
    assert "dataset.json" in render(built, "md")


def test_clean_accuracies(make_cell, paper_cells: list[Cell]) -> None:  # type: ignore[no-untyped-def]
    (built,) = table("clean", paper_cells)
    assert len(built.rows) == 2 * (4 + 1)
    assert built.entry("resnet18", "rgb", "complete").value == pytest.approx(0.98)
    low = make_cell(target="vgg16/hp/partial", split="out", clean=0.5)
    rest = [c for c in paper_cells if (c.target.name, c.split.name) != ("vgg16/hp/partial", "out")]
    (built,) = table("clean", [*rest, low])
    assert built.entry("vgg16", "hp", "partial").value == pytest.approx(0.74)
    assert built.entry("vgg16", "min", "partial").value == pytest.approx(0.74)
    assert built.entry("mean", "min", "complete").value == pytest.approx(0.98)


def test_published_figures_do_not_depend_on_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(list(published.read("cama2020_success_rates.csv"))) == 669


def test_one_group_for_one_setting(paper_cells: list[Cell]) -> None:
    (group,) = groups(paper_cells)
    assert group.left_out == 0 and len(group.cells) == len(paper_cells)
