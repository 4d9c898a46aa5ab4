from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, which has imported torch already."""
    from benchbench.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(caught.value.code or 0), out, err)

    return call


@pytest.fixture
def cli(plugin: Path, tmp_path: Path) -> Run:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchbench", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)

    return call


def test_help_is_fast_and_imports_no_torch(plugin: Path) -> None:
    code = (
        "import sys\nfrom benchbench.cli import app\n"
        "try:\n    app(['run', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in sys.modules if m in ('torch', 'pandas', 'benchbench_attacks', 'benchbench_stega')])"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]") and "Examples:" in done.stdout
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--attack", "shiftt"], "bench: unknown attack 'shiftt'. Did you mean 'shift'?\n  available: "),
        (["run", "--attack", "shift[step=2]"], "bench: attack 'shift' has no parameter 'step'. Did you mean 'steps'?"),
        (["run", "--attack", "shift", "--targets", "resnet*/wz/*"], "bench: --targets 'resnet*/wz/*' matches none of "),
        (["run", "--attack", "shift", "--profile", "quik"], "bench: unknown profile 'quik'. Did you mean 'quick'?"),
        (
            ["run", "--attack", "shift", "--split", "inn"],
            "bench: unknown split 'inn'; splits are in, out, off-training, synthetic, unseen.",
        ),
        (["run", "--attack", "shift", "--condition", "uint"], "bench: unknown condition 'uint'. Did you mean 'uint8'?"),
        (["run", "--attack", "shift", "--budget", "loud"], "bench: --budget 'loud'; 'native' or a number of dB is "),
        (["run", "--attack", "shift", "--budget", "90"], "bench: budget 90 dB; a PSNR above 0 and up to 60 dB is "),
        (["show", "photographs", "shift", "--images", "one"], "bench: --images 'one'; a comma list of whole numbers"),
        (["show", "photographs", "shiftt"], "bench: unknown attack 'shiftt'. Did you mean 'shift'?"),
        (["show", "confusion", "cama", "x"], "bench: no cell of attack 'cama' here."),
        (["curve"], "bench: no attack has cells under two budgets with condition 'uint8'; for example: "),
        (["run", "--attack", "shift", "--data", "nowhere"], "bench: --data 'nowhere' is neither a folder nor virtual."),
        (
            ["run", "--attack", "shift", "--rule", "x"],
            "bench: unknown split rule 'x'; those of virtual cameras are device and scene.",
        ),
        (["run", "--attack", "shift", "--device", "cuda:77"], "bench: device 'cuda:77' cannot be used: "),
        (
            ["gc", "--cache", "c"],
            "bench: no readable cell under 'runs', so the whole cache would go. Name the folder ",
        ),
        (["table", "99"], "bench: unknown table '99'."),
        (
            ["table", "2a", "--condition", "unit8"],
            "bench: unknown condition 'unit8'. Did you mean 'uint8'?",
        ),
        (["curve", "--condition", "jpeg"], "bench: unknown condition 'jpeg'. Did you mean 'jpeg-"),
        (
            ["show", "confusion", "cama", "x", "--condition", "flot"],
            "bench: unknown condition 'flot'. Did you mean 'flo",
        ),
        (["table", "2a", "--format", "word"], "bench: unknown format 'word'; formats are "),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_code_2(here: Run, arguments: list[str], message: str) -> None:
    more = ["--targets", "toy/rgb/complete"] if arguments[0] == "run" and "--targets" not in arguments else []
    done = here(*arguments, *more)
    assert done.returncode == 2 and done.stderr.startswith(message), done.stderr
    assert "Traceback" not in done.stderr


def test_not_loaded_plugins_are_named_with_an_unknown_one(here: Run) -> None:
    done = here("run", "--attack", "stega")
    assert "  not loaded: stega (benchbench-stega 0.2): No module named 'kornia'" in done.stderr


def test_lists(here: Run) -> None:
    attacks = here("list", "attacks").stdout
    assert "shift" in attacks and "strength=0.6" in attacks and "benchbench-stega 0.2" in attacks
    assert "toybox: Shove" in attacks and "not loaded: stega" in attacks
    assert "toy/gray/partial" in here("list", "targets").stdout
    metrics = here("list", "metrics").stdout
    assert all(f"\n{name} " in metrics for name in ("tsr", "usr", "psnr", "ssim", "l1", "own_evaluator", "accuracy"))
    assert "smoke" in here("list", "profiles").stdout
    assert "none built yet" in here("list", "datasets", "--cache", "c").stdout


def test_doctor_names_the_plugin_that_failed(here: Run) -> None:
    done = here("doctor", "--cache", "c")
    assert done.returncode == 1 and "not loaded: stega (benchbench-stega 0.2)" in done.stdout
    assert "torch " in done.stdout and "free" in done.stdout
    assert re.search(r"processor: .+ cores usable, .+, precision 'mixed' is (bfloat16|float32)\n", done.stdout)


def test_report_on_nothing_and_a_version(here: Run) -> None:
    assert here("--version").stdout.startswith("benchbench ")
    assert here("table", "2a").returncode == 0


@pytest.mark.slow
def test_a_whole_run_on_virtual_cameras(cli: Run, here: Run, tiny: str, tmp_path: Path) -> None:
    """From nothing to tables with the plugin, on tiny photographs, by the command that a user types."""
    where = ["--cache", "c", "--results", "r", "--profile", tiny, "--targets", "toy/*"]
    run: list[Any] = ["run", "--attack", "shift,fade", *where, "--workers"]
    dry = here(*run, "2", "--dry-run")
    assert "16 missing" in dry.stdout and "estimate with 2 workers" in dry.stdout, dry.stdout + dry.stderr
    assert not (tmp_path / "r").exists() and not (tmp_path / "c" / "fits").exists()
    first = cli(*run, "1")  # workers that a process of its own starts: tests/harness/test_script.py
    assert first.returncode == 0, first.stderr
    assert "16 computed, 0 already there, 0 skipped, 0 failed" in first.stdout
    assert "page: r/leaderboard.html" in first.stdout and (tmp_path / "r" / "leaderboard.csv").exists()
    assert "bench: networks: done" in first.stderr and "to go" in first.stderr
    began = time.monotonic()
    assert "0 computed, 16 already there" in here(*run, "2").stdout
    assert time.monotonic() - began < 20
    status = here("status", "--attack", "shift,fade", *where).stdout
    assert "cells: 16 present, 0 missing, 0 stale, 0 skipped" in status
    assert "shift" in here("table", "other", "--results", "r").stdout.lower()
    assert here("report", "--results", "r").returncode == 0
    assert "virtual" in here("list", "datasets", "--cache", "c").stdout
    assert "known" in here("data", "info", "virtual", "--profile", tiny, "--cache", "c").stdout
