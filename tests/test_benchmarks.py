"""Every benchmark runs, at sizes that say nothing of speed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
STAGES = (
    "rendering",
    "signal_processing",
    "reading",
    "scoring",
    "training",
    "steps",
    "memory",
    "growth",
    "many_cells",
    "isolation",
    "estimates",
)
"""`cluster` does what tests/harness/test_cluster.py does."""


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--quick", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """`python -m benchmarks --quick` in this process, which has imported torch already."""
    import torch

    monkeypatch.chdir(ROOT)  # where a process that it starts finds the package
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import main

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", *arguments])
        return main()

    threads = torch.get_num_threads()
    yield call
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_returns_finite_ratios(stage: str, tmp_path: Path, started: Callable[..., int]) -> None:
    """The command starts a process for each, in the next test."""
    out = tmp_path / "report.json"
    assert started("--stage", stage, "--out", str(out), "--write", str(tmp_path)) == 0
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
def test_the_command_prints_and_writes_one_document(
    tmp_path: Path, started: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert started("--only", "signal_processing", "--write", str(tmp_path)) == 0
    out, err = capfd.readouterr()
    written = (tmp_path / "benchmarks.md").read_text()
    assert out.strip() == written.strip()
    assert "| peer / ours |" in written.replace("   ", " ").replace("  ", " ")
    assert "Machine: " in written and "## Signal processing" in written
    assert "Wiener residual" in err, "what the process of a stage says"


def test_memory_is_that_of_a_process_and_its_descendants(started: Callable[..., int]) -> None:
    from benchmarks.memory import held

    code = """
        import subprocess, sys
        kept = b"x" * (int(sys.argv[2]) << 20)
        if sys.argv[3:]:
            child = subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[1:2], *sys.argv[3:]])
        else:
            print("ready", flush=True)
        sys.stdin.read()
        """
    for megabytes in (["64"], ["64", "32"]):  # the second is a child's
        command = [sys.executable, "-c", textwrap.dedent(code), textwrap.dedent(code), *megabytes]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            total, own = held(process.pid)
            process.communicate()
        least = sum(map(int, megabytes)) << 20
        assert least <= own <= least + (30 << 20) and own < total


def test_a_heap_is_the_same_picture_painted_either_way(started: Callable[..., int]) -> None:
    from benchbench.base.seeds import stream
    from benchmarks.rendering import heap, painted, painted_over

    drawn = heap(stream(0, "a heap of this test"))
    ours, peer = painted(96, *drawn), painted_over(96, *drawn)
    assert (np.abs(ours - peer) > 1e-3).any(axis=2).mean() < 1e-3 and ours.std() > 0.1  # rounding at an edge


def test_an_unknown_stage_is_named() -> None:
    done = benchmarks("--only", "speed")
    assert done.returncode == 2
    assert "unknown stage 'speed'; stages are rendering, signal_processing, reading" in done.stderr
