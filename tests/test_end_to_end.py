"""The main job on real pieces: virtual cameras, trained networks, cGAN and white-box attacks, cells, tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.store import CellStore

SOME = [
    "--attack",
    "cama,pgd,noise,identity",
    "--targets",
    "resnet18/hp/*,densenet100/ww/partial",
    "--profile",
    "smoke",
]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchbench.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench")
    done = bench("run", *SOME, "--cache", str(root / "cache"), "--results", str(root / "results"))
    assert done.returncode == 0, done.stderr
    assert "24 computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    return root


def test_every_cell_has_its_counts_and_its_origin(folders):
    cells = list(CellStore(folders / "results").cells())
    assert len(cells) == 4 * 3 * 2
    for cell in cells:
        trials = sum(sum(sum(row) for row in wanted) for wanted in cell.counts)
        # Two test photographs a model; five wrong classes for a known model, six for an unknown one.
        assert trials == 6 * 2 * (5 if cell.split.name == "in" else 6)
        assert cell.craft.target_calls == 0
        assert cell.target.fits["classifier"]
        if cell.attack.name == "pgd":
            assert 0 < cell.craft.facts["epsilon"] < 0.1
        if cell.attack.name == "identity":
            assert sum(cell.craft.psnr_images) == 0, "identical images have no PSNR"


def test_identity_scores_what_the_clean_predictions_imply(folders):
    for cell in CellStore(folders / "results").cells():
        if cell.attack.name != "identity":
            continue
        for i, true in enumerate(cell.split.classes):
            for wanted in range(cell.dataset.known):
                expected = cell.target.clean[i] if wanted != true else tuple([0] * len(cell.target.clean[i]))
                assert tuple(cell.counts[i][wanted]) == tuple(expected)


def test_a_second_run_finds_everything(folders):
    done = bench("run", *SOME, "--cache", str(folders / "cache"), "--results", str(folders / "results"))
    assert done.returncode == 0, done.stderr
    assert "0 computed, 24 already there" in done.stdout


def test_tables_need_no_network(folders):
    done = bench("table", "2a", "--results", str(folders / "results"), "--profile", "smoke", "--published")
    assert done.returncode == 0, done.stderr
    assert "Cama" in done.stdout
    assert "91.2" in done.stdout, "the paper's figure for Cama on ResNet-18 RGB"
    summary = json.loads(Path(folders / "results" / "virtual" / "smoke" / "dataset.json").read_text())
    assert [row["test"] for row in summary["counts"]] == [2] * 12
