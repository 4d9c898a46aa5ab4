"""What a table does with missing, mixed, older and strangers' cells; and how it leaves as text."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tabulate import tabulate

from benchbench.base.errors import UnknownNameError
from benchbench.contracts.task import TASKS
from benchbench.records.cell import CLASSIFICATION, Cell
from benchbench.records.cells import CellStore
from benchbench.report import FORMATS, Column, Entry, Row, Table, groups, render, table, table_numbers
from benchbench.report.catalog import expand
from benchbench.report.formats import no_formula
from benchbench.report.groups import Group

ROOT = Path(__file__).resolve().parents[2]

MakeCell = Callable[..., Cell]


def test_missing_cells_are_dashes_with_a_reason_and_never_zero(make_cell: MakeCell) -> None:
    (built,) = table("2a", [make_cell(tsr=0.5)])
    for row in built.rows:
        for column, entry in zip(built.columns, row.entries, strict=True):
            if (row.label, column.key) == ("Cama", "rgb"):
                assert entry.value == 0.5
            else:
                assert entry.value is None and entry.missing
    text = render(built, "md")
    assert not re.search(r"[^\d]0\.0", text)
    assert "not computed yet" in text and "MISL; SpoC; Cama (RGB+FD, FD, WW, CC, HP)" in text
    assert "only where none of its cells is missing: Cama (Mean)" in text


def test_a_true_zero_is_shown(make_cell: MakeCell) -> None:
    (built,) = table("2a", [make_cell(tsr=0.0, usr=0.0)])
    assert "0.0 (0.0)" in render(built, "md")


def test_a_single_row_has_no_best(make_cell: MakeCell) -> None:
    (built,) = table("2a", [make_cell(), make_cell("identity", control=True)])
    assert not built.best()


def test_ties_as_shown_are_all_bold(make_cell: MakeCell) -> None:
    (built,) = table("2a", [make_cell(tsr=0.5), make_cell("spoc-cgan", tsr=0.5003, usr=0.6)])
    assert {i for i, j, part in built.best() if (j, part) == (0, 0)} == {1, 2}
    assert {i for i, j, part in built.best() if (j, part) == (0, 1)} == {2}


def test_lower_can_be_better() -> None:
    rows = tuple(Row(k, k, (Entry(v),)) for k, v in (("a", 3.0), ("b", 2.0), ("c", None)))
    built = Table("x", "X", (), "k", (Column("l1", "L1", "decibel", better="lower"),), rows)
    assert built.best() == {(1, 0, 0)}


def test_different_settings_never_share_a_table(make_cell: MakeCell) -> None:
    cells = [make_cell(), make_cell(profile="paper"), make_cell(condition="float"), make_cell(data_id="e" * 32)]
    built = table("2a", cells)
    assert len(built) == 4
    assert all(sum(e.value is not None for r in t.rows for e in r.entries) == 1 for t in built)
    (only,) = table("2a", cells, profile="quick", condition="float")
    assert "condition float" in " ".join(only.caption)
    assert "bench table 2a --dataset virtual --profile quick --condition float" in " ".join(only.caption)


def test_older_versions_and_repeated_cells_are_left_out_and_counted(make_cell: MakeCell) -> None:
    old = make_cell(tsr=0.1, version=1)
    elsewhere = make_cell(tsr=0.1, version=1, target="resnet18/fd/complete")
    before = make_cell(tsr=0.2, version=2)
    now = make_cell(tsr=0.3, version=2, utc="2026-02-01T00:00:00+00:00")
    (built,) = table("2a", [now, old, elsewhere, before])
    assert built.entry("cama", "rgb").value == pytest.approx(0.3)
    assert built.entry("cama", "fd").value is None  # a row never mixes versions
    assert "3 cells are left out" in " ".join(built.remarks)


def test_attacks_of_one_name_are_told_apart_by_what_differs(make_cell: MakeCell) -> None:
    cells = [
        make_cell("pgd", params={"epsilon": None, "steps": 10}),
        make_cell("pgd", params={"epsilon": None, "steps": 20}),
    ]
    (built,) = table("7a", cells)
    assert [r.label for r in built.rows] == ["FGSM", "PGD [steps=10]", "PGD [steps=20]", "DDN", "Cama"]
    more = [{"epsilon": 1, "steps": 20}, {"epsilon": 1, "steps": 40}, {"epsilon": 1}]
    (built,) = table("7a", [*cells, *(make_cell("pgd", params=params) for params in more)])
    names = {"PGD [epsilon=None, steps=10]", "PGD [epsilon=None]", "PGD", "PGD [steps=40]", "PGD [no steps]"}
    assert {r.label for r in built.rows} == {*names, "FGSM", "DDN", "Cama"}, "what most of them have is not said"


def test_strangers_attacks_stand_between_the_papers_and_the_controls(make_cell: MakeCell) -> None:
    cells = [make_cell("identity", control=True), make_cell("stega", title="Stega"), make_cell()]
    for number, expected in (
        ("2a", ["MISL", "SpoC", "Cama", "Stega", "Identity"]),
        ("7a", ["FGSM", "PGD", "DDN", "Cama", "Stega", "Identity"]),
    ):
        assert [r.label for r in table(number, cells)[0].rows] == expected


def test_strangers_targets_have_a_table(make_cell: MakeCell) -> None:
    cells = [make_cell(target="vit/rgb/complete"), make_cell(target="vit/rgb/complete", split="out")]
    (built,) = table("other", cells)
    (row,) = built.rows
    assert row.block == "vit/rgb/complete"
    assert row.entries[1].second is None and "no class" in row.entries[1].missing_second
    assert "50.0 (-)" in render(built, "md")
    (clean,) = table("clean", cells)
    assert clean.row("vit/rgb/complete").entries[-1].value == pytest.approx(0.98)


@pytest.mark.parametrize(("asked", "count"), [("2", 2), ("10", 2), ("2A", 1), ("clean", 1), ("all", 30)])
def test_numbers(asked: str, count: int) -> None:
    assert len(table(asked, [])) == count
    assert len(table_numbers()) == 30


@pytest.mark.parametrize(("asked", "guess"), [("2c", "2"), ("clen", "clean"), ("11", ""), ("a", ""), ("", "")])
def test_an_unknown_number_says_what_there_is(asked: str, guess: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(f"unknown table '{asked}'.")) as error:
        table(asked, [])
    assert "available: 1, 2a, 2b" in str(error.value)
    assert guess in str(error.value)


def test_an_unknown_format_says_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown format 'mdd'\. Did you mean 'md'"):
        render(table("2a", [])[0], "mdd")


AWKWARD = r"50% of a_b & {c} #1 $x$ ~^ \end <d|e> [f]*"


def awkward() -> Table:
    columns = (Column("x", AWKWARD, better="higher"), Column("y", "Y", "text"))
    rows = (Row("a", AWKWARD, (Entry(0.5), Entry(AWKWARD))), Row("b", "[b]", (Entry(0.25), Entry(None, AWKWARD))))
    return Table("2a", AWKWARD, (AWKWARD, "Made by `bench table 2a --dataset x`."), AWKWARD, columns, rows)


def test_latex_is_escaped_and_balanced() -> None:
    text = render(awkward(), "latex")
    bare = re.sub(r"\\[%_&#${}\\]", "", text)
    body = bare.replace(r"\begin{tabular}{lrl}", "")
    assert not re.search(r"[%_#$~^<>]", body)
    assert bare.count("{") == bare.count("}")
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 1
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(lines) == 3
    assert all(len(re.findall(r"(?<!\\)&", line)) == 2 for line in lines)
    assert all(not line.startswith("[") for line in lines)
    assert r"\textbf{50.0}" in text
    assert r"\texttt{bench table 2a -{}-dataset x}" in text
    assert r"\toprule" in text and r"\midrule" in text and r"\bottomrule" in text


def test_markdown_keeps_its_columns() -> None:
    lines = [line for line in render(awkward(), "md").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}


def test_markdown_is_laid_out_as_pipe_tables_are(make_cell: MakeCell) -> None:
    """Against tabulate's "pipe"."""
    cells = [make_cell(), make_cell("noise", control=True)]
    for made in (awkward(), *(one for n in ("2a", "leaderboard", "targets", "gates") for one in table(n, cells))):
        lines = [line for line in render(made, "md").splitlines() if line.startswith("|")]
        head, _, *rows = ([part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
        sides = ["right" if part.endswith(":") else "left" for part in lines[1].strip("|").split("|")]
        assert "\n".join(lines) == tabulate(rows, head, "pipe", colalign=sides, disable_numparse=True), made.number


def test_csv_has_full_precision_and_reasons(make_cell: MakeCell) -> None:
    cells = [make_cell(tsr=1 / 3, usr=2 / 3), make_cell("spoc-cgan")]
    text = render(table("2a", cells, published=True)[0], "csv")
    rows = {r["key"]: r for r in csv.DictReader(io.StringIO(text))}
    cama = rows["cama"]
    assert float(cama["rgb_tsr"]) == pytest.approx(1 / 3, abs=1e-15)
    assert cama["rgb_tsr_published"] == "0.912"
    assert cama["hp_tsr"] == "" and "rgb+fd fd ww cc hp: not computed yet" in cama["missing"]
    assert (cama["dataset"], cama["profile"], cama["condition"]) == ("virtual", "quick", "uint8")
    assert "\r" not in text


@pytest.mark.parametrize("form", list(FORMATS))
def test_every_table_has_every_form_and_ignores_the_order_of_cells(form: str, make_cell: MakeCell) -> None:
    cells = [make_cell(), make_cell("spoc-cgan", split="out"), make_cell("x", target="vit/rgb/partial")]
    one = [render(t, form) for t in table("all", cells)]
    assert one == [render(t, form) for t in table("all", list(reversed(cells)))]
    assert len(one) == len(table_numbers()) - len(expand("augmented2020")), "none of its attacks was run"


def test_a_caption_names_everything(make_cell: MakeCell) -> None:
    caption = " ".join(table("3a", [make_cell(target="resnet18/ww/partial")])[0].caption)
    for fact in ("virtual", "dddddddd", "quick", "uint8", "in-distribution", "600 photographs", "bench table 3a"):
        assert fact in caption


def test_groups_keep_the_protocol(make_cell: MakeCell) -> None:
    (group,) = groups([make_cell()])
    assert group.facts == {
        "dataset": "virtual",
        "data_id": "d" * 32,
        "profile": "quick",
        "condition": "uint8",
        "budget": "native",
        "seed": "0",
    }


def test_a_report_needs_neither_torch_nor_plugins() -> None:
    code = (
        "import sys, benchbench.report\n"
        "found = [m for m in sys.modules if m.split('.')[0] in ('torch', 'benchbench_attacks', 'benchbench_targets')]\n"
        "assert not found and 'benchbench.data' not in sys.modules, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_notes_are_short(make_cell: MakeCell) -> None:
    assert table("4a", [make_cell()])[0].notes()[0].endswith(": all.")
    (note, *_) = table("4a", [make_cell(target="vgg16/rgb/complete")])[0].notes()
    assert note.endswith(": MISL; SpoC; ResNet-50 Cama; DenseNet-100 Cama; VGG-16 Cama (RGB+FD, FD, WW, CC, HP).")


def test_targets_of_one_name_and_other_parameters_are_rows_of_their_own(make_cell: Callable[..., Cell]) -> None:
    """As a user's own network is, with two files of weights: none is an older state of another."""

    weights = "/home/somebody/a/long/way/to/weights/first.pt"

    def of(threshold: float | None, tsr: float, day: int) -> Cell:
        cell = make_cell("cama", "mine/rgb/complete", "in", tsr, 0.9, utc=f"2026-01-0{day}T00:00:00+00:00")
        params = {} if threshold is None else {"threshold": threshold, "weights": weights}
        return cell.model_copy(update={"target": cell.target.model_copy(update={"params": params})})

    cells = [of(0.1, 0.2, 1), of(0.5, 0.4, 2), of(0.9, 0.6, 3)]
    (group,) = groups(cells)
    assert group.left_out == 0
    assert {cell.target.name for cell in group.cells} == {f"mine/rgb/complete [threshold={t}]" for t in (0.1, 0.5, 0.9)}
    (again,) = groups([*cells, of(0.9, 0.7, 9)])
    assert again.left_out == 1 and len(again.cells) == 3
    plain, named = of(None, 0.1, 1), of(0.5, 0.4, 2)
    (group,) = groups([plain, named])
    assert any("weights=/home/som...long/way/to/weights/first.pt" in c.target.name for c in group.cells)
    assert len({c.target.name for c in group.cells}) == 2


def test_rows_of_one_target_are_told_apart_in_the_reference_results() -> None:
    found = [c for c in CellStore(ROOT / "results").cells() if c.target.task != CLASSIFICATION]
    made = {str(shown.facts["condition"]): shown for shown in table("tasks", found)}
    assert set(made) == {"uint8", "jpeg-target"}, "detectors are judged in both, other examiners in one"
    labels = {name: [(row.block, row.label) for row in shown.rows] for name, shown in made.items()}
    assert all(len(one) == len(set(one)) for one in labels.values())
    assert len(labels["uint8"]) > 50 and len(labels["jpeg-target"]) == 2 * 12  # detectors, attacks
    for shown in made.values():
        keys = {column.key for column in shown.columns}
        judged = {
            (c.target.task, c.split.name) for c in found if c.protocol.get("condition") == shown.facts["condition"]
        }
        assert keys == {f"{t}_{m.key}_{split}" for t, split in judged for m in TASKS.create(t).metrics}


def test_a_filter_that_matches_nothing_is_named(make_cell: Callable[..., Cell]) -> None:
    cells = [make_cell("cama"), make_cell("cama", condition="jpeg-75")]
    for asked, said in (
        ({"dataset": "virtul"}, "no cell of dataset 'virtul' here.*Did you mean 'virtual'.*datasets: virtual"),
        ({"condition": "float"}, "no cell of condition 'float' here.*conditions: jpeg-75, uint8"),
        ({"budget": "35 dB"}, "no cell of budget '35 dB' here.*budgets: native"),
    ):
        with pytest.raises(UnknownNameError, match=said):
            table("2a", cells, **asked)
    assert len(table("2a", [], dataset="virtual")) == 1, "without any cell there is an empty table"


def test_each_group_has_its_own_summary(make_cell: Callable[..., Cell]) -> None:
    cells = [make_cell("cama"), make_cell("cama", profile="mine")]
    asked: list[str] = []

    def summary(group: Group) -> None:
        asked.append(group.profile)

    assert len(table("1", cells, summary=summary)) == 2 and sorted(asked) == ["mine", "quick"]


def test_runs_on_a_part_stand_in_no_column_beside_the_whole(make_cell: Callable[..., Cell]) -> None:
    whole, float_ = make_cell("cama"), make_cell("cama", condition="float")
    part = make_cell("cama", tsr=0.1)
    part = part.model_copy(update={"protocol": {**part.protocol, "limit": 2}, "cell_id": "a" * 32})
    made = table("conditions", [whole, float_, part])
    assert sorted([column.key for column in one.columns] for one in made) == [["uint8"], ["uint8", "float"]]


def test_groups_of_two_versions_of_the_protocol_have_names_of_their_own(make_cell: Callable[..., Cell]) -> None:
    first = make_cell("cama")
    second = first.model_copy(update={"protocol": {**first.protocol, "version": 2}, "cell_id": "a" * 32})
    seed = first.model_copy(update={"protocol": {**first.protocol, "seed": 1}, "cell_id": "b" * 32})
    found = groups([first, second, seed])
    assert len({group.name for group in found}) == 3 and len({str(group.facts) for group in found}) == 3
    assert [group.name for group in found if not group.apart] == ["virtual, quick, uint8, native, seed 1"]


def test_a_spreadsheet_takes_no_title_for_a_formula(make_cell: Callable[..., Cell]) -> None:
    (made,) = table("leaderboard", [make_cell("mine", title='=HYPERLINK("http://x","y")', control=True)])
    fields = [field for row in csv.reader(io.StringIO(render(made, "csv"))) for field in row]
    assert any(field.startswith("'=HYPER") for field in fields) and not any(f.startswith("=") for f in fields)
    assert (no_formula("-0.5"), no_formula(-0.5), no_formula("@x")) == ("-0.5", -0.5, "'@x")


def test_what_markdown_and_latex_would_read_is_escaped(make_cell: Callable[..., Cell]) -> None:
    made = table("leaderboard", [make_cell("mine", title="a\\|b `c`")])[0]
    assert "a\\\\\\|b \\`c\\`" in render(made, "md")
    labels = [
        re.findall(r"label{(.*?)}", render(table("2a", [make_cell("cama", **more)])[0], "latex"))[0]
        for more in ({}, {"condition": "jpeg-75"}, {"budget": 35.0})
    ]
    assert labels == ["tab:2a", "tab:2a-jpeg-75", "tab:2a-35dB"]


def test_a_goal_that_is_not_known_here_stands_among_what_forges_nothing(make_cell: Callable[..., Cell]) -> None:
    """As of a newer version: no group is without cells."""
    cell = make_cell("mine")
    (group,) = groups([cell.model_copy(update={"attack": cell.attack.model_copy(update={"goal": "hide"})})])
    assert len(group.erased) == 1 and not group.cells


def test_parameters_that_differ_where_a_label_is_cut_are_told_apart(make_cell: Callable[..., Cell]) -> None:
    where = "/data/weights/{}/of/a/network/in/a/deep/folder/last.pt"
    cells = [make_cell("mine", params={"weights": where.format(name)}) for name in ("first", "other", "third")]
    (group,) = groups(cells)
    labels = [attack.label for attack in group.attacks]
    assert len(set(labels)) == 3 and all(label.startswith("Mine [weights=/data/wei...") for label in labels)
