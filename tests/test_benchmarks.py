"""Every benchmark runs, at sizes that say nothing of speed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STAGES = ("signal_processing", "scoring", "training", "memory", "growth")
"""`cluster` does what tests/harness/test_cluster.py does."""


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_returns_finite_ratios(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which has imported torch already; the command starts one for each stage."""
    import torch

    monkeypatch.chdir(ROOT)  # where a process that it starts finds the package
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import main

    out = tmp_path / "report.json"
    command = ["benchmarks", "--quick", "--stage", stage, "--out", str(out), "--write", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    threads = torch.get_num_threads()
    try:
        assert main() == 0
    finally:
        torch.set_num_threads(threads)
    report = json.loads(out.read_text())
    assert report["rows"] or report["tables"]
    for row in report["rows"]:
        for name in ("ours", "peer", "limit"):
            value = row[name]
            assert value is None or (math.isfinite(value) and value > 0), (row["work"], name)
        assert row["peer"] is not None
    for table in report["tables"]:
        assert table["rows"]
        assert all(len(row) == len(table["headers"]) for row in table["rows"])
    for picture in report["pictures"]:
        assert (tmp_path / picture).stat().st_size > 10_000


@pytest.mark.slow
def test_the_command_prints_and_writes_one_document(tmp_path: Path) -> None:
    done = benchmarks("--only", "signal_processing", "--write", str(tmp_path))
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "benchmarks.md").read_text()
    assert done.stdout.strip() == written.strip()
    assert "| peer / ours |" in written.replace("   ", " ").replace("  ", " ")
    assert "Machine: " in written and "## Signal processing" in written
    assert "Wiener residual" in done.stderr


def test_an_unknown_stage_is_named() -> None:
    done = benchmarks("--only", "speed")
    assert done.returncode == 2
    assert "unknown stage 'speed'; stages are signal_processing, scoring" in done.stderr
