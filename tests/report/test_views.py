"""The leaderboard, the tidy cells, and everything that `write_all` leaves on disk."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.base.errors import StoreError
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.reading import identify
from benchbench.report import (
    DatasetSummary,
    cells_csv,
    leaderboard_csv,
    read_summary,
    render,
    table,
    write_all,
    write_summary,
)
from benchbench.report.groups import groups
from benchbench.report.papers.cama2020 import published
from benchbench.report.ranking import leaderboard_table
from benchbench.report.writing import differing

MakeCell = Callable[..., Cell]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def put(results: Path, cell: Cell) -> None:
    """Store a cell under the identity that its record gives."""
    craft, _ = identify(cell)
    cell = cell.model_copy(update={"craft": cell.craft.model_copy(update={"craft_id": craft})})
    CellStore(results).write(cell.model_copy(update={"cell_id": identify(cell)[1]}))


def test_leaderboard_of_the_papers_figures(paper_cells: list[Cell]) -> None:
    rows = rows_of(leaderboard_csv(paper_cells))
    assert [r["attack"] for r in rows] == [
        *("cama", "misl-cgan", "pgd", "fgsm", "ddn"),
        "spoc-cgan",  # three figures of one row are not readable, so it has no overall mean
        *("noise", "identity"),
    ]
    cama = rows[0]
    assert float(cama["tsr_same_complete_in"]) == pytest.approx(0.912, abs=5e-4)
    assert float(cama["tsr_transfer_partial_in"]) == pytest.approx((0.830 + 0.927 + 0.954) / 3, abs=5e-4)
    assert float(cama["psnr_in"]) == pytest.approx(35.7)
    assert (cama["cells"], cama["cells_in_grid"], cama["targets_transfer_complete_out"]) == ("96", "96", "18")
    eight = [float(v) for k, v in cama.items() if k.startswith(("tsr_same", "tsr_transfer"))]
    assert len(eight) == 8 and float(cama["tsr"]) == pytest.approx(sum(eight) / 8)
    assert len([k for k in cama if k.startswith(("usr_same", "usr_transfer"))]) == 6
    spoc = rows[5]
    assert spoc["tsr"] == "" and spoc["tsr_same_partial_in"] == "" and spoc["targets_same_partial_in"] == "3"
    assert rows[7]["psnr_in"] == "" and rows[7]["unchanged_in"] == "3000"


def test_views_are_stable_to_the_byte(paper_cells: list[Cell]) -> None:
    some = paper_cells[::7]
    for view in (leaderboard_csv, cells_csv):
        assert view(some) == view(list(reversed(some)))
        assert "\r" not in view(some) and view(some).endswith("\n")


def test_cells_are_tidy(make_cell: MakeCell) -> None:
    (row,) = rows_of(cells_csv([make_cell(tsr=1 / 3, split="out")]))
    assert float(row["tsr"]) == pytest.approx(1 / 3, abs=1e-15)
    assert (row["usr"], row["clean_accuracy"]) == ("", "")  # undefined out of distribution under complete overlap
    assert (row["trials"], row["images"], row["control"]) == ("3600", "600", "false")


def test_one_row_an_attack_and_condition(make_cell: MakeCell) -> None:
    cells = [make_cell(), make_cell(condition="float"), make_cell(profile="paper")]
    assert [(r["profile"], r["condition"]) for r in rows_of(leaderboard_csv(cells))] == [
        ("paper", "uint8"),
        ("quick", "uint8"),
        ("quick", "float"),
    ]


def test_write_all(tmp_path: Path, make_cell: MakeCell) -> None:
    for cell in (make_cell(), make_cell("spoc-cgan", tsr=0.25), make_cell(condition="float")):
        put(tmp_path, cell)
    paths = write_all(tmp_path, published=True, forms=("md", "latex", "csv"))
    assert all(p.is_file() for p in paths) and paths == sorted(paths)
    names = {str(p.relative_to(tmp_path)) for p in paths}
    assert {
        "leaderboard.csv",
        "cells.csv",
        "virtual/quick/tables/table-2a.md",
        "virtual/quick/tables/clean.tex",
    } <= names
    assert "virtual/quick/tables-float/table-10b.csv" in names
    overview = (tmp_path / "virtual/quick/tables/README.md").read_text()
    assert overview.count("### Table") == 27 and "not computed yet" in overview
    before = {p: p.read_bytes() for p in paths}
    write_all(tmp_path, published=True, forms=("md", "latex", "csv"))
    assert before == {p: p.read_bytes() for p in paths}


def test_different_photographs_do_not_overwrite_each_other(tmp_path: Path, make_cell: MakeCell) -> None:
    for cell in (make_cell(), make_cell(data_id="e" * 32)):
        put(tmp_path, cell)
    names = {p.parent.name for p in write_all(tmp_path)}
    assert names == {tmp_path.name, "tables-dddddddd", "tables-eeeeeeee"}


def test_an_empty_results_folder_gives_empty_views(tmp_path: Path) -> None:
    assert [p.name for p in write_all(tmp_path)] == ["cells.csv", "leaderboard.csv", "leaderboard.html"]
    assert len((tmp_path / "cells.csv").read_text().splitlines()) == 1


def test_filters_limit_the_tables_and_not_the_leaderboard(tmp_path: Path, make_cell: MakeCell) -> None:
    for cell in (make_cell(), make_cell(profile="paper")):
        put(tmp_path, cell)
    paths = write_all(tmp_path, profile="quick")
    assert not any("paper" in p.relative_to(tmp_path).parts for p in paths)
    assert len((tmp_path / "leaderboard.csv").read_text().splitlines()) == 3


def test_a_damaged_cell_is_named_and_the_others_are_used(tmp_path: Path, make_cell: MakeCell) -> None:
    put(tmp_path, make_cell())
    put(tmp_path, make_cell("spoc-cgan"))
    damaged = next(tmp_path.glob("*/*/cells/spoc-cgan/*.json"))
    damaged.write_text(damaged.read_text()[:40])
    with pytest.raises(StoreError, match=damaged.name):
        write_all(tmp_path)
    problems: list[StoreError] = []
    write_all(tmp_path, problems=problems)
    assert len(problems) == 1 and len((tmp_path / "cells.csv").read_text().splitlines()) == 2


SUMMARY: dict[str, Any] = {
    "name": "virtual",
    "data_id": "d" * 32,
    "camera_models": ["A", "B"],
    "known": 1,
    "size": 256,
    "counts": [
        {"y": 1, "camera_model": "A", "q": 3, "p": 4, "test": 5},
        {"y": 2, "camera_model": "B", "q": None, "p": 6, "test": 7},
    ],
}


def test_table_1_reads_dataset_json(tmp_path: Path, make_cell: MakeCell) -> None:
    import json

    put(tmp_path, make_cell())
    path = tmp_path / "virtual/quick/dataset.json"
    path.write_text(json.dumps(SUMMARY))
    write_all(tmp_path, forms=("csv",))
    first = (tmp_path / "virtual/quick/tables/table-1.csv").read_text()
    assert ",A,3,4,5," in first and ",B,,6,7," in first
    path.write_text(json.dumps(SUMMARY | {"data_id": "e" * 32}))
    names = {p.name for p in write_all(tmp_path)}
    assert names == {"README.md", "leaderboard.csv", "cells.csv", "leaderboard.html"}, "other forms on request"
    assert "other photographs" in (tmp_path / "virtual/quick/tables/README.md").read_text()
    path.write_text("{")
    with pytest.raises(StoreError, match=r"dataset\.json is not a data set summary"):
        write_all(tmp_path)


def test_a_summary_counts_labels_and_reads_back(tmp_path: Path) -> None:
    facts = {k: v for k, v in SUMMARY.items() if k != "counts"}
    labels = {"q": [0] * 3, "p": [0] * 4 + [1] * 6, "test": [0] * 5 + [1] * 7}
    summary = DatasetSummary.of(**facts, labels=labels)
    assert summary == DatasetSummary.model_validate(SUMMARY)
    write_summary(tmp_path / "virtual/quick/dataset.json", summary)
    assert read_summary(tmp_path / "virtual/quick/dataset.json") == summary
    assert read_summary(tmp_path / "dataset.json") is None


def test_intervals_and_ranks_stand_in_the_leaderboard(make_cell: MakeCell, paper_cells: list[Cell]) -> None:
    rows = {r["attack"]: r for r in rows_of(leaderboard_csv(paper_cells))}
    cama = rows["cama"]
    assert float(cama["tsr_low"]) < float(cama["tsr"]) < float(cama["tsr_high"])
    assert (cama["rank"], rows["noise"]["rank"], rows["spoc-cgan"]["rank"]) == ("1", "", "")
    ranked = [int(r["rank"]) for r in rows.values() if r["rank"]]
    assert ranked == sorted(ranked) and rows["ddn"]["rank"] == "5"
    (cell,) = rows_of(cells_csv([make_cell(tsr=0.5)]))
    assert 0.4 < float(cell["tsr_low"]) < 0.5 < float(cell["tsr_high"]) < 0.6
    assert float(cell["ssim"]) == pytest.approx(0.9) and float(cell["l1"]) == pytest.approx(2.0)


def test_seeds_are_rows_of_their_own_that_share_their_spread(paper_cells: list[Cell]) -> None:
    mine = [c for c in paper_cells if c.attack.name == "cama"]
    other = [
        c.model_copy(update={"protocol": c.protocol | {"seed": 1}, "cell_id": c.cell_id[::-1]}) for c in mine[::-1]
    ]
    rows = rows_of(leaderboard_csv(mine + other))
    assert [(r["seed"], r["seeds"]) for r in rows] == [("0", "2"), ("1", "2")]
    assert all(float(r["tsr_seeds_mean"]) == pytest.approx(float(r["tsr"])) for r in rows)
    assert all(float(r["tsr_seeds_sd"]) == pytest.approx(0, abs=1e-12) for r in rows)
    (alone,) = rows_of(leaderboard_csv(mine))
    assert (alone["seeds"], alone["tsr_seeds_sd"]) == ("1", "")


def test_runs_that_differ_in_more_than_their_seed_share_no_spread(paper_cells: list[Cell]) -> None:
    mine = [c for c in paper_cells if c.attack.name == "cama"]
    some = [
        c.model_copy(update={"protocol": c.protocol | {"limit": 2}, "cell_id": c.cell_id[::-1]}) for c in mine[::-1]
    ]
    rows = rows_of(leaderboard_csv(mine + some))
    assert len(rows) == 2
    assert [(r["seed"], r["seeds"], r["tsr_seeds_sd"]) for r in rows] == [("0", "1", "")] * 2


def test_strata_are_true_and_wanted_classes_where_a_photograph_has_one(make_cell: MakeCell) -> None:
    cell = make_cell()
    several = cell.craft.trials.strata(cell.split)
    assert np.array_equal(several, cell.split.stratum), "several trials a photograph: its true class"
    count = cell.split.images
    each = tuple(int((t + 1 + n % 2) % 6) for n, t in enumerate(cell.split.true))
    trials = cell.craft.trials.model_copy(update={"photograph": tuple(range(count)), "wanted": each})
    found = trials.strata(cell.split)
    pairs = list(zip(cell.split.true, each, strict=True))
    for a in range(count):
        for b in range(count):
            assert (found[a] == found[b]) == (pairs[a] == pairs[b])
    alone = trials.model_copy(update={"wanted": (5, *(0,) * (count - 1))})
    assert np.array_equal(alone.strata(cell.split), cell.split.stratum), "a photograph alone has no spread"


def test_baselines_are_shown_when_asked(make_cell: MakeCell) -> None:
    cells = [make_cell(), make_cell("median-3", baseline=True, title="median-3")]
    assert "median-3" not in render(table("2a", cells)[0], "md")
    assert "median-3" in render(table("2a", cells, baselines=True)[0], "md")
    assert "median-3" in render(table("distortion", cells)[0], "md")


def test_intervals_are_shown_when_asked(make_cell: MakeCell) -> None:
    cells = [make_cell(tsr=0.5, usr=0.75)]
    assert "50.0 (75.0)" in render(table("2a", cells)[0], "text")
    shown = render(table("2a", cells, intervals=True)[0], "text")
    assert re.search(r"50\.0 \[4\d\.\d, 5\d\.\d\] \(75\.0 \[7\d\.\d, 7\d\.\d\]\)", shown)
    (row, *_) = rows_of(render(table("2a", cells)[0], "csv"))
    assert "rgb_tsr_low" in row and "rgb_usr_high" in row


def test_conditions_and_budgets_are_columns(make_cell: MakeCell) -> None:
    cells = [
        make_cell(tsr=0.9),
        make_cell(tsr=0.9, target="vgg16/rgb/complete"),
        make_cell(tsr=0.3, condition="jpeg-75"),
        make_cell(tsr=0.8, budget=35.0),
    ]
    (built,) = table("conditions", cells)
    assert [c.key for c in built.columns] == ["uint8", "jpeg-75", "uint8, 35 dB"]
    assert [e.value for e in built.row("cama").entries] == pytest.approx([0.9, 0.3, 0.8])
    assert "resnet18/rgb/complete (in)" in built.caption[0], "the place that all columns have, and no other"
    groups = {t.facts["budget"] for t in table("2a", cells)}
    assert groups == {"native", "35 dB"}, "tracks are never in one table of success rates"


def test_the_leaderboard_as_a_table_has_the_papers_means(paper_cells: list[Cell]) -> None:
    (group,) = groups(paper_cells)
    made = leaderboard_table(group, show_published=True)
    assert made.rows[0].label == "Cama"
    for attack in ("cama", "misl-cgan", "pgd", "fgsm", "ddn"):
        for column in ("tsr", "psnr_in"):
            entry = made.entry(next(r.key for r in made.rows if r.key.startswith(attack)), column)
            assert entry.published is not None and entry.value == pytest.approx(entry.published[0], abs=2e-3)
    spoc = made.entry("spoc-cgan", "tsr")
    assert spoc.value is None and spoc.published is not None, "three of its cells are not readable in the paper"
    assert made.entry("noise", "rank").value is None


def test_a_limit_is_marked_and_others_are_its_share(make_cell: MakeCell) -> None:
    """It stands below the attacks, has no rank, is never bold, and what it scores is what others are held against."""
    places = [(published.target_name(o, b, p), split) for o, b, p in published.grid() for split in ("in", "out")]
    ours = [make_cell("cama", name, split, tsr=0.3, usr=0.9) for name, split in places]
    theirs = [make_cell("misl-cgan", name, split, tsr=0.2, usr=0.9) for name, split in places]
    knows = [
        make_cell(
            "seer", n, s, tsr=0.8, usr=0.95, control=True, knowledge="oracle", params={"psnr": 35.0}, title="seer"
        )
        for n, s in places
    ]
    (group,) = groups([*ours, *theirs, *knows])
    made = leaderboard_table(group, show_published=False)
    assert [row.label for row in made.rows] == ["Cama", "MISL", "seer (limit)"]
    assert [column.title for column in made.columns].count("TSR, % of the limit's") == 1
    share = made.entry("cama", "share_of_limit")
    assert share.value == pytest.approx(0.375, abs=1e-3) and share.interval is not None
    assert share.interval[0] < 0.375 < share.interval[1]
    limit = made.row(group.attacks[-1].key)
    assert limit.entries[0].value is None and not limit.ranked
    assert made.entry(limit.key, "share_of_limit").reason(made.columns[3]) == "the limit itself"
    assert {i for i, _, _ in made.best()} == {0, 1}, "MISL has the same USR as Cama; the limit's is higher and not bold"
    row = next(csv.DictReader(io.StringIO(leaderboard_csv([*ours, *theirs, *knows]))))
    assert float(row["share_of_limit"]) == share.value
    (alone,) = groups([*ours, *theirs, *knows[1:]])
    table = leaderboard_table(alone, show_published=False)
    assert table.entry("cama", "share_of_limit").value is None, "a target is missing"
    (none,) = groups([*ours, *theirs])
    assert "share_of_limit" not in {column.key for column in leaderboard_table(none, show_published=False).columns}


def test_tables_that_no_cell_makes_any_more_are_named(tmp_path: Path, make_cell: MakeCell) -> None:
    """Also those in a form that was not asked for; the folder of a run does not move when another seed comes."""
    put(tmp_path, make_cell("cama", utc="2026-01-01T00:00:00+00:00"))
    write_all(tmp_path, forms=("csv",))
    assert differing(tmp_path) == []
    seed = make_cell("cama").model_copy(update={"cell_id": "a" * 32})
    put(tmp_path, seed.model_copy(update={"protocol": {**seed.protocol, "seed": 1}}))
    write_all(tmp_path)
    home = tmp_path / "virtual" / "quick"
    assert {path.name for path in home.glob("tables*")} == {"tables", "tables-seed1"}
    assert differing(tmp_path) == []
    put(tmp_path, make_cell("misl-cgan"))
    write_all(tmp_path)
    assert {path.suffix for path in differing(tmp_path)} == {".csv"}, "those of before"
    write_all(tmp_path, forms=("csv",))
    (home / "tables-old").mkdir()
    (home / "tables-old" / "README.md").write_text("# of other cells\n")
    assert differing(tmp_path) == [home / "tables-old" / "README.md"]
