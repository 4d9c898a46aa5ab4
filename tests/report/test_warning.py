"""What a split cannot keep apart is said in every caption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchbench.records.cell import Cell
from benchbench.report import DatasetSummary, groups, read_summary, table, write_summary
from benchbench.report.page import page

WARNING = "Roles were drawn by photograph: test photographs share devices."


def summary(cell: Cell, warning: str) -> DatasetSummary:
    names, labels = cell.dataset.camera_models, {"q": [0], "p": [0], "test": [0]}
    return DatasetSummary.of(
        name=cell.dataset.name,
        data_id=cell.dataset.data_id,
        camera_models=names,
        known=cell.dataset.known,
        size=cell.dataset.size,
        labels=labels,
        warning=warning,
    )


@pytest.mark.parametrize("number", ["1", "2a", "distortion", "leaderboard", "gates"])
def test_every_caption_ends_with_the_warning(make_cell: Callable[..., Cell], number: str) -> None:
    cells = [make_cell(tsr=0.5)]
    for built in table(number, cells, summary=summary(cells[0], WARNING)):
        assert built.caption[-1] == WARNING
    for built in table(number, cells, summary=summary(cells[0], "")):
        assert WARNING not in built.caption


def test_the_page_holds_it_and_a_summary_without_one_is_as_before(
    make_cell: Callable[..., Cell], tmp_path: Path
) -> None:
    cell = make_cell(tsr=0.5)
    (group,) = groups([cell])
    assert WARNING in page([(group, summary(cell, WARNING))])
    write_summary(tmp_path / "dataset.json", summary(cell, ""))
    assert "warning" not in (tmp_path / "dataset.json").read_text()
    write_summary(tmp_path / "dataset.json", summary(cell, WARNING))
    found = read_summary(tmp_path / "dataset.json")
    assert found is not None and found.warning == WARNING
