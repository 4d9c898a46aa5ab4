"""Documents show the rows of tables, and `--check` finds one that does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.base.errors import BenchError
from benchbench.report.documents import filled

TABLE = "### Table\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nA caption.\n"
PLACE = "Before.\n<!-- table tables/a.md -->\n| old |\n<!-- end -->\nAfter.\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/a.md").write_text(TABLE)
    path = tmp_path / "page.md"
    path.write_text(PLACE + PLACE)
    return path


def test_each_place_has_the_rows_of_its_table_alone(document: Path) -> None:
    once = "Before.\n<!-- table tables/a.md -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- end -->\nAfter.\n"
    assert filled(document, document.parent) == once + once
    document.write_text(once + once)
    assert filled(document, document.parent) == once + once


def test_a_heading_chooses_among_the_tables_of_a_file(document: Path) -> None:
    (document.parent / "tables/a.md").write_text("# All\n\n## One\n\n| 1 |\n\n## Two\n\n| 2 |\n")
    document.write_text('<!-- table tables/a.md under "Two" -->\n<!-- end -->\n')
    assert filled(document, document.parent) == '<!-- table tables/a.md under "Two" -->\n\n| 2 |\n\n<!-- end -->\n'


def test_a_table_that_is_about_to_be_written_is_the_one_shown(document: Path) -> None:
    views = {document.parent / "tables/a.md": "| new |\n"}
    assert "| new |" in filled(document, document.parent, views) and "| 1 |" not in filled(
        document, document.parent, views
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Nothing here.\n", "shows no table"),
        ("<!-- table tables/a.md -->\n", "opens 1 tables and ends 0"),
        (PLACE.replace("a.md", 'a.md under "Nowhere"'), "has no table under 'Nowhere'"),
        (PLACE.replace("a.md", "b.md"), r"b\.md', which cannot be read \(No such file"),
    ],
)
def test_what_cannot_be_filled_is_said(document: Path, text: str, message: str) -> None:
    document.write_text(text)
    with pytest.raises(BenchError, match=message):
        filled(document, document.parent)


def test_a_missing_document_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"page\.md' cannot be read"):
        filled(tmp_path / "page.md", tmp_path)


def test_a_picture_is_no_document(document: Path) -> None:
    document.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(BenchError, match=r"page\.md' cannot be read \(it is not UTF-8"):
        filled(document, document.parent)
