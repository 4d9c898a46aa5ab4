"""What a stranger adds with one file and one entry point: a preprocessor, a backbone, a layout; the whole chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.base.errors import BenchError, DataError, UnknownNameError
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.fit import Setup, collect
from benchbench.contracts.layout import LAYOUTS
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import load_profile
from benchbench.contracts.roles import ROLES
from benchbench.contracts.target import TARGETS
from benchbench.data.build import build
from benchbench.data.folder.look import look
from benchbench.data.folder.recipe import FolderRecipe, choose_layout, parse_place, plan

Bench = Callable[..., subprocess.CompletedProcess[str]]
PAPER = {
    f"{backbone}/{preprocessor}/{overlap}"
    for backbone, preprocessor, overlap in product(
        ("resnet18", "resnet50", "densenet100", "vgg16"),
        ("rgb", "rgb+fd", "fd", "ww", "cc", "hp"),
        ("complete", "partial"),
    )
}


@pytest.mark.parametrize(
    ("kind", "ours", "stranger", "line"),
    [
        ("preprocessors", "hp", "median", "The brightness minus its 3 x 3 median, of the whole photograph."),
        ("backbones", "vgg16", "tiny", "Two convolutions and a linear layer."),
        ("layouts", "dresden", "albums", "Folders of models and devices: <model>/<device>/<scene>.png."),
    ],
)
def test_lists_show_name_origin_and_a_line(
    plugin: Path, bench_here: Bench, kind: str, ours: str, stranger: str, line: str
) -> None:
    rows = {row.split()[0]: row.split(maxsplit=3)[1:] for row in bench_here("list", kind).stdout.splitlines()[1:]}
    assert rows[stranger] == ["benchbench-stega", "0.2", line]
    assert rows[ours][0] == "benchbench-forensics" and len(rows[ours]) == 3


@pytest.mark.parametrize(
    ("kinds", "environment"),
    [
        (("backbones", "layouts", "targets", "profiles"), {}),
        (("backbones", "layouts", "profiles"), os.environ),  # with the plugin, whose targets import torch
    ],
    ids=["alone", "plugin"],
)
def test_lists_that_need_no_torch_import_none(plugin: Path, kinds: tuple[str, ...], environment: Any) -> None:
    code = (
        "import sys\nfrom benchbench.cli import app\nfrom benchbench.contracts.profile import load_profile\n"
        f"for kind in {kinds}:\n"
        "    try:\n        app(['list', kind])\n    except SystemExit:\n        pass\n"
        "load_profile('quick')\nprint([m for m in ('torch', 'timm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip().endswith("[]") and "vgg16" in done.stdout
    assert ("benchbench-stega" in done.stdout) == bool(environment)


def test_the_papers_grid_stays_as_it_is(plugin: Path) -> None:
    ours = {name for name in TARGETS.names() if TARGETS.origin(name).startswith("benchbench-forensics ")}
    assert ours == PAPER and len(PAPER) == 48
    named = {target.name for target in TARGETS.resolve("all")}
    assert named >= PAPER and not any("tiny" in name or "median" in name for name in named)
    assert len(TARGETS.resolve("resnet18/*/complete")) == 6


def test_any_registered_pair_is_a_target_by_name(plugin: Path) -> None:
    (target,) = TARGETS.resolve("tiny/median/complete")
    assert (target.card.backbone, target.card.preprocessor, target.card.overlap) == ("tiny", "median", "complete")
    assert TARGETS.origin("tiny/median/complete").startswith("benchbench-forensics ")
    assert [t.name for t in TARGETS.resolve("tiny/rgb/partial,resnet18/median/complete")] == [
        "tiny/rgb/partial",
        "resnet18/median/complete",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny/medien/complete", "unknown preprocessor 'medien'. Did you mean 'median'?\n  available: cc, fd, hp, "),
        ("tinny/hp/complete", "unknown backbone 'tinny'. Did you mean 'tiny'?\n  available: "),
        ("toy/rgbb/partial", "unknown target 'toy/rgbb/partial'. Did you mean 'toy/rgb/partial'?"),
        ("tiny/median/both", "unknown target 'tiny/median/both'."),
    ],
)
def test_a_wrong_part_is_named(plugin: Path, name: str, message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        TARGETS.create(name)
    assert str(caught.value).startswith(message)


def fit_ids(name: str, profile: Any) -> list[str]:
    setup = Setup(profile=profile, data_id="d", known=2, classes=3)
    return list(collect(dict(TARGETS.create(name).fits(setup)), "d"))


def test_a_profile_sets_widths_of_a_strangers_backbone(plugin: Path, tmp_path: Path) -> None:
    from benchbench_stega.tiny import TinyShape

    def profile(text: str) -> Any:
        file = tmp_path / "mine.toml"
        file.write_text(f"summary = 'mine'\n[backbones]\n{text}\n", encoding="utf-8")
        return load_profile(str(file))

    silent = profile("dropout = 0.5")
    assert silent.backbones.shape("tiny") == TinyShape(channels=6), "the default"
    wide = profile("tiny = { channels = 9 }")
    assert wide.backbones.shape("tiny") == TinyShape(channels=9)
    assert fit_ids("tiny/hp/complete", silent) != fit_ids("tiny/hp/complete", wide)
    assert fit_ids("resnet18/hp/complete", silent) == fit_ids("resnet18/hp/complete", wide)
    for text, message in (
        ("tinny = { channels = 9 }", "unknown backbone 'tinny'. Did you mean 'tiny'"),
        ("tiny = { width = 9 }", "backbone 'tiny': unknown key 'width'"),
    ):
        with pytest.raises(BenchError) as caught:
            profile(text)
        assert message in str(caught.value) and "mine.toml': " in str(caught.value)


@pytest.mark.parametrize(("registry", "part"), [(BACKBONES, "tiny"), (PREPROCESSORS, "median")])
def test_a_raised_version_moves_what_the_part_made(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, registry: Any, part: str
) -> None:
    smoke = load_profile("smoke")
    before, other = fit_ids("tiny/median/complete", smoke), fit_ids("resnet18/hp/complete", smoke)
    monkeypatch.setattr(registry.get(part), "version", 2)
    after = fit_ids("tiny/median/complete", smoke)
    assert len(after) == 2, "a stack of whole images, and the classifier"
    assert after[1] != before[1] and (after[0] != before[0]) == (part == "median")
    assert fit_ids("resnet18/hp/complete", smoke) == other


def test_a_whole_image_preprocessor_is_never_trained_on_patches(plugin: Path) -> None:
    from dataclasses import replace

    smoke = load_profile("smoke")
    (fit,) = TARGETS.create("tiny/median/complete").fits(Setup(profile=smoke, data_id="d", known=2, classes=3)).values()
    with pytest.raises(BenchError, match=r"preprocessor 'median' sees whole photographs.*WholeImages\(role='p'"):
        replace(fit, residuals=None).build()  # type: ignore[call-arg,attr-defined]


@pytest.mark.slow
def test_the_whole_chain_runs_with_a_strangers_parts(
    plugin: Path, tiny: str, tmp_path: Path, bench_here: Bench
) -> None:
    targets = "tiny/median/complete,tiny/rgb/partial,resnet18/median/partial"
    where = ["--profile", tiny, "--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r")]
    command = ["run", "--attack", "noise", "--targets", targets, "--workers", "2", *where]
    done = bench_here(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    cells = [json.loads(path.read_text()) for path in (tmp_path / "r").rglob("cells/*/*.json")]
    assert {cell["target"]["name"] for cell in cells} == set(targets.split(","))
    assert {(cell["target"]["backbone"], cell["target"]["preprocessor"]) for cell in cells} == {
        ("tiny", "median"),
        ("tiny", "rgb"),
        ("resnet18", "median"),
    }
    again = bench_here(*command)
    assert "0 computed, 6 already there" in again.stdout, again.stdout + again.stderr
    assert "median" in bench_here("table", "other", "--results", str(tmp_path / "r")).stdout
    checked = bench_here("check", "target", "tiny/median/complete", *where[:4])
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def albums(tmp_path: Path) -> Path:
    """One model of five devices and one of three, ten scenes each, as the plugin's layout wants them."""
    root, seed = tmp_path / "photos", 0
    for model, devices in (("Leica M9", 5), ("Leica X", 3)):
        for device in range(devices):
            for scene in range(10):
                seed += 1
                file = root / model / f"body {device}" / f"view {scene}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 72, 3), np.uint8)).save(file)
    return root


def test_a_folder_in_a_strangers_layout(plugin: Path, albums: Path, tmp_path: Path, bench_here: Bench) -> None:
    checked = bench_here("data", "check", str(albums), "--profile", "smoke")
    lines = checked.stdout.splitlines()
    assert lines[0] == "layout: albums (benchbench-stega 0.2)" and checked.returncode == 1
    assert lines[1].startswith("a run needs two camera models that the attacker knows") and lines[2] == "findings: 1"
    assert lines[6].split() == ["1", "Leica", "M9", "known", "5", "50", "20", "20", "10", "0"]
    built = bench_here("data", "build", str(albums), "--profile", "smoke", "--rule", "scene", "--cache", str(tmp_path))
    assert built.returncode == 0 and "Leica M9" in built.stdout, built.stderr
    dataset = build(FolderRecipe(path=str(albums), size=64, split_rule="scene"), tmp_path, workers=1)
    assert dataset.camera_models == ("Leica M9", "Leica X") and dataset.known == 1
    scenes = [set(dataset.photos(role).scene.tolist()) for role in ROLES]
    assert [len(s) for s in scenes] == [4, 4, 2] and len(set.union(*scenes)) == 10


def test_the_layouts_name_is_no_part_of_the_identity(plugin: Path, albums: Path, tmp_path: Path) -> None:
    def data_id(recipe: FolderRecipe) -> str:
        return build(recipe, tmp_path / "cache", workers=1).data_id

    said = FolderRecipe(path=str(albums), size=64, layout="albums")
    assert data_id(said) == data_id(FolderRecipe(path=str(albums), size=64))
    (albums / "manifest.csv").write_text("path,camera_model,device\nLeica X/body 0/view 0.png,x,0\n")
    assert choose_layout(look(albums)) == "manifest", "who writes one wants it read"
    assert plan(said)[2].total == 80 and plan(FolderRecipe(path=str(albums), size=64))[2].total == 1


def test_which_layout_is_said_in_a_sentence(plugin: Path, tmp_path: Path, bench_here: Bench) -> None:
    both, none, place = tmp_path / "both", tmp_path / "none", Path("Canon_Ixus") / "0"
    (both / place).mkdir(parents=True)
    none.mkdir()
    Image.new("RGB", (64, 64)).save(both / place / "Canon_Ixus_0_1.png")
    Image.new("RGB", (64, 64)).save(none / "img.png")
    done = bench_here("data", "check", str(both), "--profile", "smoke")
    sentence = f"'{both}' can be read by the layouts albums and dresden; say which, for example albums:{both}."
    assert done.returncode == 1 and done.stdout.splitlines() == [sentence, "findings: 1"]
    done = bench_here("data", "check", f"dresden:{both}", "--profile", "smoke")
    assert done.stdout.startswith("layout: dresden (benchbench-forensics ")
    done = bench_here("run", "--attack", "noise", "--targets", "toy/rgb/complete", "--data", f"dresdn:{both}")
    assert done.returncode == 2 and done.stderr.startswith("bench: unknown layout 'dresdn'. Did you mean 'dresden'?")
    assert parse_place(f"albums:{both}") == ("albums", both) and parse_place("virtual") == (None, Path("virtual"))
    with pytest.raises(DataError) as caught:
        choose_layout(look(none))
    assert str(caught.value) == (
        f"the photographs of '{none}' are named as in none of the layouts albums, cama-release, csafe, dresden, exif, "
        "forchheim, kaggle, manifest, socrates, vision.  "
        "See: bench list layouts"
    )


def test_a_layout_that_fails_is_named(plugin: Path, albums: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, path: str) -> None:
        raise IndexError("no part 2")

    monkeypatch.setattr(LAYOUTS.get("albums"), "place", fail)
    with pytest.raises(DataError, match=r"layout 'albums' \(benchbench-stega 0.2\) failed on .* IndexError: no part 2"):
        choose_layout(look(albums))
