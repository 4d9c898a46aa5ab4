"""One new thing is one new file: a stranger's package adds one of each, and the whole chain runs with all of them."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "tests" / "plugin"
NINE = {
    "attacks": "shift",
    "targets": "doubter",
    "preprocessors": "median",
    "backbones": "tiny",
    "layouts": "albums",
    "conditions": "halved",
    "measures": "largest",
    "tasks": "doubt",
    "papers": "handbook",
}
"""What is added, by the entry-point group; each is a file of its own."""
Bench = Callable[..., subprocess.CompletedProcess[str]]


def photographs(root: Path) -> Path:
    """Return a folder in the plugin's layout: models of five, five, three and three devices, ten scenes each."""
    for model, devices in (("Leica M9", 5), ("Leica X", 3), ("Leica Q", 5), ("Leica S", 3)):
        for device in range(devices):
            for scene in range(10):
                rng = np.random.default_rng([ord(model[6]), device, scene])
                pixels = rng.integers(20, 200, (64, 72, 3)) + 12 * (ord(model[6]) % 4)
                file = root / model / f"body {device}" / f"view {scene}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(file)
    return root


def test_each_of_the_nine_is_a_file_and_an_entry_point() -> None:
    points = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]["entry-points"]
    files = {kind: points[f"benchbench.{kind}"][name].partition(":")[0] for kind, name in NINE.items()}
    assert len(set(files.values())) == 9
    for module in files.values():
        text = (PLUGIN / (module.replace(".", "/") + ".py")).read_text()
        assert len(text.splitlines()) <= 60
        inner = {m for m in re.findall(r"^from benchbench_stega\.(\w+)", text, re.M)}
        assert inner <= {"toys"}, "no file of the nine needs another of them; the attack trains the toys' fit"


def test_lists_name_all_nine(plugin: Path, bench_here: Bench) -> None:
    for kind, name in NINE.items():
        shown = bench_here("list", kind)
        assert shown.returncode == 0 and re.search(rf"^{name}\s", shown.stdout, re.M), f"bench list {kind}"
        assert "benchbench-stega 0.2" in shown.stdout


@pytest.mark.slow
def test_the_whole_chain_runs_with_all_nine(plugin: Path, tmp_path: Path, bench_here: Bench) -> None:
    folder, results = photographs(tmp_path / "photos"), tmp_path / "r"
    command = ["run", "--attack", "shift", "--targets", "tiny/median/complete,toy/rgb/complete,doubter"]
    command += ["--data", f"albums:{folder}", "--rule", "scene", "--profile", "smoke", "--workers", "2"]
    command += ["--condition", "uint8,halved", "--measures", "largest"]
    command += ["--cache", str(tmp_path / "c"), "--results", str(results)]
    done = bench_here(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 computed, 0 already there, 0 skipped, 0 failed" in done.stdout
    again = bench_here(*command)
    assert "0 computed, 12 already there" in again.stdout, again.stdout + again.stderr
    at = ("--results", str(results))
    strongest = bench_here("table", "strongest", *at).stdout
    assert "tiny/median/complete" in strongest and "Shift" in strongest
    doubt = bench_here("table", "tasks", *at).stdout
    assert "doubter (doubt)" in doubt and "mean doubt of the target" in doubt
    assert "Largest change in" in bench_here("table", "distortion", *at).stdout
    conditions = bench_here("table", "conditions", *at).stdout
    assert "halved" in conditions and "Shift (handbook)" in conditions, "by the paper's name for it"
    page = (results / "leaderboard.html").read_text()
    for word in (
        "tiny",
        "median",
        "doubter (doubt)",
        "halved",
        "largest",
        "targets see photographs at half their size",
    ):
        assert word in page, word
    assert "strongest" in (next(results.glob("*/*/tables/README.md"))).read_text().lower()
    packed = bench_here("results", "pack", *at, "--out", str(tmp_path / "packs"))
    assert packed.returncode == 0 and len(packed.stdout.splitlines()) == 2, packed.stderr
    assert bench_here("results", "diff", str(results), str(tmp_path / "packs")).stdout == "all cells are alike.\n"
    assert bench_here("results", "verify", str(results)).stdout.startswith("12 cells are whole, 0 are not; 0 views")


CORE = [
    path
    for path in sorted((ROOT / "benchbench").rglob("*.py"))
    if not path.is_relative_to(ROOT / "benchbench" / "report" / "papers")
]


def test_the_core_names_no_attack_target_or_paper() -> None:
    """In code, that is; an example in a help text may."""
    import ast

    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    attacks = set(points["benchbench.attacks"]) - {"filters", "torchattacks", "torchattack", "identity", "noise"}
    parts = {*points["benchbench.backbones"], *points["benchbench.papers"]}
    wrong = []
    for path in CORE:
        own = path.is_relative_to(ROOT / "benchbench" / "learn" / "backbones")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in attacks | (set() if own else parts):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}")
    assert not wrong, wrong
