"""The main job on real pieces: virtual cameras, trained networks, cGAN and white-box attacks, cells, tables."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchbench.records.cells import CellStore

SOME = [
    "--attack",
    "cama,pgd,noise,identity",
    "--targets",
    "resnet18/hp/*,densenet100/ww/partial",
    "--profile",
    "smoke",
]
TWO = ["--workers", "2"]

pytestmark = pytest.mark.slow
BUILT_IN = "uint8,float,jpeg-90,jpeg-75,jpeg-target"
"""Not all: another test may have installed a plugin, with a condition of its own, in this process."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory, bench_here):
    root = tmp_path_factory.mktemp("bench")
    done = bench_here("run", *SOME, "--cache", str(root / "cache"), "--results", str(root / "results"), *TWO)
    assert done.returncode == 0, done.stderr
    assert "24 computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    return root


def test_every_cell_has_its_counts_and_its_origin(folders):
    cells = list(CellStore(folders / "results").cells())
    assert len(cells) == 4 * 3 * 2
    for cell in cells:
        trials = cell.counts.sum()
        # Two test photographs a model; five wrong classes for a known model, six for an unknown one.
        assert trials == 6 * 2 * (5 if cell.split.name == "in" else 6)
        assert cell.craft.target_calls == 0
        assert cell.target.fits["classifier"]
        if cell.attack.name == "pgd":
            assert 0 < cell.craft.facts["epsilon"] < 0.1
        if cell.attack.name == "identity":
            assert sum(cell.craft.measures["psnr"].images) == 0, "identical images have no PSNR"
    # A network this small may call everything one camera model, but not all networks do, nor all the same one.
    assert any(len(set(cell.outcomes["predicted"])) > 1 for cell in cells), "photographs do not all give one outcome"
    for attack in ("cama", "pgd", "noise", "identity"):
        for split in ("in", "out"):
            mine = {c.outcomes["predicted"] for c in cells if (c.attack.name, c.split.name) == (attack, split)}
            assert len(mine) > 1, "targets do not all give one outcome"


def test_identity_scores_what_the_clean_predictions_imply(folders):
    for cell in CellStore(folders / "results").cells():
        if cell.attack.name != "identity":
            continue
        for i, true in enumerate(cell.split.classes):
            for wanted in range(cell.dataset.known):
                expected = cell.target.clean[i] if wanted != true else tuple([0] * len(cell.target.clean[i]))
                assert tuple(cell.counts[i][wanted]) == tuple(expected)


def test_a_second_run_finds_everything(folders, bench_here):
    done = bench_here("run", *SOME, "--cache", str(folders / "cache"), "--results", str(folders / "results"))
    assert done.returncode == 0, done.stderr
    assert "0 computed, 24 already there" in done.stdout


def test_one_seed_gives_the_same_weights_whatever_the_workers(folders, tmp_path, bench_here):
    shutil.copytree(folders / "cache" / "data", tmp_path / "cache" / "data")
    place = ["--cache", str(tmp_path / "cache"), "--results", str(tmp_path / "results"), "--profile", "smoke"]
    done = bench_here(
        "run", "--attack", "identity", "--targets", "resnet18/hp/*", *place, "--workers", "1", "--batch", "5"
    )
    assert done.returncode == 0, done.stderr
    trained = list(tmp_path.glob("cache/fits/*/state.safetensors"))
    assert len(trained) == 2
    for path in trained:
        assert path.read_bytes() == (folders / path.relative_to(tmp_path)).read_bytes()


def test_tables_need_no_network(folders, bench_here):
    done = bench_here("table", "2a", "--results", str(folders / "results"), "--profile", "smoke", "--published")
    assert done.returncode == 0, done.stderr
    assert "Cama" in done.stdout
    assert "91.2" in done.stdout, "the paper's figure for Cama on ResNet-18 RGB"
    summary = json.loads(Path(folders / "results" / "virtual" / "smoke" / "dataset.json").read_text())
    assert [row["test"] for row in summary["counts"]] == [2] * 12


@pytest.fixture(scope="module")
def asked(folders, bench_here):
    """All that a reader may ask of one attack, on a target that tiny training does not leave at one class."""
    place = ["--cache", str(folders / "cache"), "--results", str(folders / "more"), "--profile", "smoke"]
    what = ["--attack", "cama,identity,median-3", "--targets", "resnet18/rgb+fd/complete"]
    done = bench_here("run", *what, *place, "--condition", BUILT_IN, "--budget", "native,30,35", *TWO)
    assert done.returncode == 0, done.stderr
    assert f"{3 * 5 * 3 * 2} computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    return folders / "more", done.stdout


@pytest.fixture(scope="module")
def seeds(folders, bench_here):
    """Two seeds, in a folder of their own: each run writes anew what its results folder shows."""
    place = ["--cache", str(folders / "cache"), "--results", str(folders / "seeds"), "--profile", "smoke"]
    what = ["--attack", "noise", "--targets", "resnet18/rgb+fd/complete"]
    return folders / "seeds", bench_here("run", *what, *place, "--seeds", "2", "--workers", "1")


def test_conditions_and_budgets(asked):
    results, said = asked
    assert "gates of virtual, smoke, uint8, native: 5 passed, 0 failed" in said, said
    cells = list(CellStore(results).cells())
    levels = {c.protocol["budget"] for c in cells}
    assert levels == {None, 30, 35}
    for cell in cells:
        if cell.protocol["budget"] is not None and cell.attack.name != "identity":
            assert abs(psnr(cell) - cell.protocol["budget"]) < 0.05, "64 px photographs: rounding makes steps"
        hits = cell.craft.surrogate_hits
        assert (hits is not None) == (cell.attack.name == "cama")
        assert set(cell.craft.stream_hits) == ({"E_H", "E_L"} if hits is not None else set())
    seen = [c.outcomes["predicted"] for c in cells if c.attack.name == "median-3" and c.split.name == "in"]
    assert len(seen) == 15 and len(set(seen)) > 5, "conditions and budgets move what the target sees"
    assert any(len(set(outcomes)) > 1 for outcomes in seen), "and photographs do not all give one outcome"


def test_two_seeds(seeds):
    results, done = seeds
    assert done.stdout.startswith("seed 0\n2 computed") and "seed 1\n2 computed" in done.stdout, done.stderr
    assert {c.protocol["seed"] for c in CellStore(results).cells()} == {0, 1}


def psnr(cell):
    level = cell.craft.measures["psnr"]
    return sum(level.sums) / sum(level.images)


def test_pictures(folders, asked, tmp_path, bench_here):
    place = ["--cache", str(folders / "cache"), "--results", str(asked[0]), "--profile", "smoke"]
    where = place[:2] + place[4:]
    for command in (
        ["show", "photographs", "cama", "--images", "0", "-o", str(tmp_path / "p.png"), *where],
        ["show", "spectra", "cama", "--images", "0,1", "-o", str(tmp_path / "s.png"), *where],
        ["show", "confusion", "cama", "resnet18/rgb+fd/complete", "-o", str(tmp_path / "c.png"), *place[2:4]],
        ["curve", "-o", str(tmp_path / "t.svg"), *place[2:4]],
    ):
        shown = bench_here(*command)
        assert shown.returncode == 0, shown.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"p.png", "s.png", "c.png", "t.svg"}


def test_tables_are_what_a_run_left_and_edits_are_noticed(asked, seeds, bench_here):
    table = bench_here("table", "conditions", "--baselines", "--results", str(asked[0])).stdout
    assert "jpeg-target, 35 dB" in table and "median-3" in table
    whole = bench_here("report", "--check", "--results", str(asked[0]))
    assert whole.returncode == 0, whole.stderr
    few = ["--results", str(seeds[0])]
    assert bench_here("report", *few).returncode == 0
    assert bench_here("report", "--check", *few).returncode == 0
    (seeds[0] / "leaderboard.csv").write_text("edited")
    edited = bench_here("report", "--check", *few)
    assert edited.returncode == 1 and "leaderboard.csv is not what its cells say" in edited.stderr


def test_what_cells_were_made_with_is_not_freed(folders, asked, bench_here):
    freed = bench_here("gc", "--dry-run", "--cache", str(folders / "cache"), "--results", str(asked[0]))
    assert freed.returncode == 0 and "generator/cama" not in freed.stdout and "evaluator" not in freed.stdout
