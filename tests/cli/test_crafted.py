"""Crafted photographs as files: `bench run --export` writes them, `bench verify` scores them, whoever made them."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from benchbench.cli import options
from benchbench.cli.display import BarDisplay
from benchbench.contracts.attack import ATTACKS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.harness.crafted import export_crafted
from benchbench.harness.options import RunOptions
from benchbench.records.cells import CellStore


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory, bench_here):
    root = tmp_path_factory.mktemp("crafted")
    place = ["--cache", str(root / "cache"), "--results", str(root / "runs"), "--workers", "1", "--quiet"]
    asked = ["--attack", "forger,noise", "--targets", "resnet18/hp/*", "--condition", "uint8,jpeg-75"]
    done = bench_here("run", *asked, "--profile", tiny, *place, "--export", str(root / "out"))
    assert done.returncode in (0, 3), done.stderr
    return root, place, tiny


def outcomes(results: Path, attack: str, condition: str, **params: str) -> dict[tuple[str, str], tuple[int, ...]]:
    return {
        (c.target.name, c.split.name): (c.outcomes["predicted"], c.craft.trials)
        for c in CellStore(results).cells()
        if c.attack.name == attack
        and c.protocol["condition"] == condition
        and ("photographs" in c.attack.params) == bool(params)
    }


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["uint8", "jpeg-75"])
@pytest.mark.parametrize("attack", ["forger", "noise"])
def test_files_score_what_their_run_scored(exported, bench_here, attack, condition):
    root, place, tiny = exported
    place = [*place[:2], "--results", str(root / f"verified-{attack}-{condition}"), *place[4:]]
    folder = root / "out" / f"{attack}-{condition}"
    suffixes = {path.suffix for path in folder.glob("*/*")}
    assert suffixes == {".png" if condition == "uint8" else ".jpg"}
    done = bench_here("verify", str(folder), "--targets", "resnet18/hp/*", "--profile", tiny, *place)
    assert done.returncode in (0, 3), done.stderr
    assert "4 computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    assert "How the attacks stand" in done.stdout
    ours = outcomes(root / "runs", attack, condition)
    theirs = outcomes(root / f"verified-{attack}-{condition}", attack, "uint8", photographs="yes")
    assert ours == theirs and len(ours) == 4


@pytest.mark.slow
def test_a_folder_needs_neither_digests_nor_our_code(exported, bench_here, tmp_path):
    """Written here with Pillow and json alone: every photograph turned upside down."""
    root, place, tiny = exported
    manifest = json.loads((root / "out" / "forger-uint8" / "manifest.json").read_text())
    trials = [one for one in manifest["files"] if one["split"] == "in"]
    originals = {}
    for path in (root / "cache" / "data").glob("*/test.npy"):
        for picture in np.load(path):
            originals[hashlib.sha256(picture.tobytes()).hexdigest()] = picture
    for one in trials:
        Image.fromarray(originals[one["original"]][::-1]).save(tmp_path / (name := f"{one['original'][:12]}.png"))
        one |= {"file": name, "sha256": ""}
    attack = {"name": "upside-down", "title": "Upside down", "knowledge": "none"}
    text = json.dumps(manifest | {"attack": attack, "files": trials, "protocol": {}})
    (tmp_path / "manifest.json").write_text(text)
    place = [*place[:2], "--results", str(tmp_path / "runs"), *place[4:]]
    done = bench_here("verify", str(tmp_path), "--targets", "resnet18/hp/complete", "--profile", tiny, *place)
    assert done.returncode in (0, 3), done.stderr
    (cell,) = CellStore(tmp_path / "runs").cells()
    assert (cell.attack.title, cell.split.name, len(cell.judged.true)) == ("Upside down", "in", len(trials))
    expected = [20 * np.log10(255 / np.sqrt(np.mean((p[::-1] - p.astype(float)) ** 2))) for p in originals.values()]
    values = cell.craft.measures["psnr"].values
    assert min(abs(np.array(expected) - values[0])) < 1e-9, "PSNR of the file against its original"


def changed(folder: Path, change) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.slow
def test_what_is_wrong_with_a_folder_is_said(exported, bench_here, tmp_path):
    root, place, tiny = exported

    def said(change) -> str:
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
        shutil.copytree(root / "out" / "forger-uint8", tmp_path / "x")
        change(tmp_path / "x")
        done = bench_here("verify", str(tmp_path / "x"), "--targets", "resnet18/hp/*", "--profile", tiny, *place)
        assert done.returncode == 2, done.stdout
        return done.stderr

    def another(folder: Path) -> None:
        path = next(folder.glob("in/*"))
        path.write_bytes(path.read_bytes() + b" ")

    assert "lacks 1 of " in said(lambda f: changed(f, lambda m: m["files"].pop(0)))
    assert "is not the file that the manifest names" in said(another)
    assert "is missing" in said(lambda f: next(f.glob("out/*")).unlink())
    assert "cannot be read" in said(lambda f: (f / "manifest.json").unlink())
    assert "was made from photographs" in said(lambda f: changed(f, lambda m: m.update(data_id="0" * 32)))
    assert "says knowledge 'white-box'" in said(
        lambda f: changed(f, lambda m: m["attack"].update(knowledge="white-box"))
    )
    assert "is no test photograph" in said(lambda f: changed(f, lambda m: m["files"][0].update(original="0" * 64)))


@pytest.mark.slow
def test_a_photograph_of_another_size_is_named(exported, bench_here, tmp_path):
    root, place, tiny = exported
    shutil.copytree(root / "out" / "noise-uint8", tmp_path / "x")
    path = next((tmp_path / "x").glob("in/*"))
    small = io.BytesIO()
    Image.new("RGB", (5, 4)).save(small, "PNG")
    path.write_bytes(small.getvalue())
    changed(tmp_path / "x", lambda m: [one.update(sha256="") for one in m["files"]])
    done = bench_here("verify", str(tmp_path / "x"), "--targets", "resnet18/hp/complete", "--profile", tiny, *place)
    assert done.returncode == 1
    assert f"'{path}' has 5 x 4 pixels; its original has 32 x 32" in done.stderr


def test_what_no_file_can_hold_is_refused_at_once(bench_here):
    done = bench_here("run", "--attack", "noise", "--condition", "float", "--export", "x")
    assert (done.returncode, done.stderr) == (
        2,
        "bench: --export: no file can hold what targets see under condition 'float'.\n",
    )


@pytest.mark.slow
def test_an_export_shows_how_far_it_is(exported, tmp_path):
    root, _, tiny = exported
    profile = load_profile(tiny)
    shown = io.StringIO()
    made = export_crafted(
        ATTACKS.create("noise"),
        ("in",),
        protocol=Protocol(),
        profile=profile,
        source=options.source("virtual", profile, None, None, None),
        options=RunOptions(workers=1, cache=root / "cache", results=tmp_path),
        seed=0,
        folder=tmp_path / "out",
        display=BarDisplay(Console(file=shown, force_terminal=True, width=100)),
    )
    assert made.files and "export" in shown.getvalue() and "100 %" in shown.getvalue()
