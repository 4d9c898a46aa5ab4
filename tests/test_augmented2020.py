"""The second paper from end to end: variants of its attack against its kinds of target, its tables and claims."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Bench = Callable[..., subprocess.CompletedProcess[str]]
TARGETS = "augmented2020:densenet40/wdf,augmented2020:resnet12/pef,augmented2020:resnet34/img"


@pytest.mark.slow
def test_the_whole_chain_runs(tiny: str, tmp_path: Path, bench_here: Bench) -> None:
    results = tmp_path / "r"
    # Re-mosaiced, so that photographs change although the generators have hardly trained.
    command = ["run", "--attack", "augmented-cgan[scfa=true],mislgan", "--targets", TARGETS, "--workers", "2"]
    command += ["--profile", tiny, "--cache", str(tmp_path / "c"), "--results", str(results), "--no-zoo"]
    done = bench_here(*command)
    # Gates may fail, which is an exit code too: networks that are this small name one class whatever they see.
    assert "12 computed, 0 already there, 0 skipped, 0 failed" in done.stdout, done.stdout + done.stderr
    cells = [json.loads(path.read_text()) for path in results.rglob("cells/*/*.json")]
    fits = {(c["target"]["name"], tuple(sorted(c["target"]["fits"]))) for c in cells}
    assert fits == {
        ("densenet40/wdf/complete", ("classifier", "preprocessor")),
        ("resnet12/cc/complete", ("classifier",)),
        ("resnet34/rgb/complete", ("classifier",)),
    }
    labels = [json.loads(path.read_text())["label"] for path in (tmp_path / "c").glob("fits/*/record.json")]
    wanted = {f"evaluator/{name}" for name in ("img", "wdf", "pef", "E0")} | {"residual/p", "densenet40/ww/complete"}
    assert wanted <= set(labels)
    assert sum(label.startswith("generator/") for label in labels) == 2
    shown = bench_here("table", "augmented2020", "--published", "--results", str(results)).stdout
    assert shown.count("Made by `bench table augmented-") == 3 and "f_pef†" in shown and "95.0 ± 4.0" in shown
    assert "MISLGAN moves targets of residuals" in bench_here("table", "claims", "--results", str(results)).stdout
    page = next(results.glob("*/*/tables/README.md")).read_text()
    assert "Table augmented-2" in page
