"""The committed results: every table, and every table in a document, is what the committed cells say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.report import differing

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "results/README.md", "docs/learning-curve.md", "docs/statistics.md")]


@pytest.mark.slow
def test_every_table_is_what_its_cells_say(all_papers: None) -> None:
    """Otherwise: the last of the commands that made the files, in `results/README.md`."""
    assert differing(ROOT / "results", published=True, documents=DOCUMENTS) == []
