"""The notebook of docs/python.md runs as it stands, its class in two worker processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.ipynb"
SHOWN = """
for name in ("plain", "board", "mine", "trials", "confused"):
    print(name, len(globals()[name]))
print(sorted(set(mine["attack"])), trials["predicted"].isin(set(trials["true"])).all(), len(mine))
"""


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells), "outputs stay out of the repository"
    code = "\n".join("".join(cell["source"]) + "\n" for cell in cells if cell["cell_type"] == "code")
    (tmp_path / "cells.py").write_text(code + SHOWN, encoding="utf-8")
    environment = {**os.environ, "BENCHBENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "cells.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    counts = dict(line.split() for line in lines[:-1])
    assert int(counts["plain"]) > 500 and int(counts["board"]) >= 8, "the reference results"
    # Two attacks, two targets, two splits; a photograph of each of six models in each of five roles.
    assert (counts["mine"], counts["confused"]) == ("8", str(2 * 6 * 5))
    assert lines[-1] == "['flip', 'noise'] True 8"
