"""Command lines and profiles that nobody should type: one sentence and exit code 2, before anything is computed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(bench_here: Run, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return bench_here


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith(f"bench: {sentence}") and done.stderr.count("\n") == 1, done.stderr


RUN = ("run", "--targets", "resnet18/rgb/complete", "--profile", "smoke", "--dry-run", "--cache", "c", "--attack")


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        ("pgd[psnr=nan]", "attack 'pgd': parameter 'psnr' is 'nan'; input should be "),
        ("pgd[epsilon=inf]", "attack 'pgd': parameter 'epsilon' is 'inf'; input should be a finite number."),
        ("pgd[steps=-3]", "attack 'pgd': parameter 'steps' is -3; input should be greater than or equal to 1."),
        ("pgd[steps=10000000000000]", "attack 'pgd': parameter 'steps' is 10000000000000; input should be less than "),
        ("noise[psnr=-1000]", "attack 'noise': parameter 'psnr' is -1000; input should be greater than 0."),
        ("cama[pixel_weight=-1]", "attack 'cama': parameter 'pixel_weight' is -1; input should be greater than or "),
        (
            "median-3[size=2]",
            "attack 'median-3' (benchbench-forensics 0.1.0) cannot be made: ValueError: size is 2; ",
        ),
        (
            "jpeg-30[quality=500]",
            "attack 'jpeg-30' (benchbench-forensics 0.1.0) cannot be made: ValueError: quality is 5",
        ),
        ("shift[strength=nan]", "attack 'shift': parameter 'strength' is nan; a finite number is expected."),
        ("torchattacks:PGD[eps=1e999]", "attack 'torchattacks:PGD': parameter 'eps' is inf; a finite number is "),
        (f"pgd[steps={'[' * 5000}{']' * 5000}]", "attack 'pgd': parameter 'steps' is '[[[["),
    ],
)
def test_parameters_out_of_range(here: Run, attack: str, sentence: str) -> None:
    refused(here(*RUN, attack), sentence)


def test_fractions_are_read() -> None:
    from benchbench.contracts.spec import parse

    assert parse("torchattacks:PGD[eps=8/255,alpha=-1 / 4]").params == {"eps": 8 / 255, "alpha": -0.25}
    assert parse("x[a=1/0,b=a/b,c=2/3/4]").params == {"a": "1/0", "b": "a/b", "c": "2/3/4"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("patch = 8\ndata = {size = 16}", "profile 'mine': 'data.size' input should be greater than or equal to 32."),
        ("data = {size = 0}", "profile 'p.toml': 'patch' is 64 and photographs have 0 px."),
        ("data = {size = -64}", "profile 'p.toml': 'patch' is 64 and photographs have -64 px."),
        ("data = {size = 65}", "profile 'mine': 'data.size' input should be a multiple of 8."),
        ("data = {scenes = 0}", "profile 'mine': 'data.scenes' input should be greater than or equal to 3."),
        ("data = {test_per_class = 0}", "profile 'mine': 'data.test_per_class' input should be greater than or "),
        ("data = {q_per_device = 1000000000}", "profile 'mine': 'data.q_per_device' input should be less than or "),
        ("data = {sise = 64}", "profile 'mine': 'data.sise' extra inputs are not permitted."),
        ("data = {seed = -1}", "profile 'mine': 'data.seed' input should be greater than or equal to 0."),
        ("patch = 128\ndata = {size = 64}", "profile 'p.toml': 'patch' is 128 and photographs have 64 px."),
        ("patch = 0", "profile 'p.toml': 'patch' input should be greater than or equal to 8."),
        ("target = {epochs = 0}", "profile 'p.toml': 'target.epochs' input should be greater than or equal to 1."),
        ("target = {batch = 0}", "profile 'p.toml': 'target.batch' input should be greater than or equal to 1."),
        ("cgan = {validate_every = 0}", "profile 'p.toml': 'cgan.validate_every' input should be greater than or "),
        ("evaluator = {patches_per_epoch = 0}", "profile 'p.toml': 'evaluator.patches_per_epoch' input should be "),
        ("target = {learning_rate = nan}", "profile 'p.toml': 'target.learning_rate' input should be "),
        ("residual = {learning_rate = inf}", "profile 'p.toml': 'residual.learning_rate' input should be a finite "),
        ("backbones = {resnet18 = {stem = 0}}", "profile 'p.toml': backbone 'resnet18': 'stem' input should be "),
        ("attacks = {pgdd = {steps = 3}}", "unknown attack 'pgdd'. Did you mean 'pgd'?"),
        ("attacks = {pgd = {step = 3}}", "attack 'pgd' in the profile has no parameter 'step'. Did you mean 'steps'?"),
        ("target_overrides = {'resnet18/wz/*' = {epochs = 1}}", "profile 'mine': 'target_overrides' has 'resnet18/w"),
        ("evaluator_overrides = {hihg = {epochs = 1}}", "profile 'mine': 'evaluator_overrides' has 'hihg', no strea"),
        ("cgan_overrides = {camma = {epochs = 1}}", "unknown attack 'camma'. Did you mean 'cama'?"),
        ("cgan_overrides = {cama = {epoch = 1}}", "profile 'p.toml': unknown key 'epoch'"),
        ("name = 'quick'", "profile 'p.toml' bears the name of the built-in profile 'quick'; give it one of its own"),
        ("name = '../quick'", "profile '../quick' cannot be used: its name holds '/'."),
        ("a = " + "[" * 5000, "profile 'p.toml' is n"),
    ],
)
def test_profiles_are_checked_when_they_are_read(here: Run, tmp_path: Path, text: str, sentence: str) -> None:
    head = "" if text.startswith("name") else "name = 'mine'\n"
    (tmp_path / "p.toml").write_text(f"{head}summary = ''\n{text}\n")
    done = here("run", "--attack", "pgd", "--targets", "resnet18/rgb/complete", "--profile", "p.toml", "--dry-run")
    assert done.returncode == 2 and done.stderr.startswith(f"bench: {sentence}"), done.stderr
    assert "Traceback" not in done.stderr and "pydantic" not in done.stderr


def test_a_profile_that_is_no_text(here: Run, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_bytes(b"name = '\xff'")
    refused(here("run", "--attack", "pgd", "--profile", "p.toml"), "profile file 'p.toml' cannot be read (not text in ")


def place(root: Path, kind: str) -> str:
    path = root / kind
    if kind == "file":
        path.write_text("")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "below":
        (root / "f").write_text("")
        return str(root / "f" / "x")
    return str(path) if kind != "long" else "x" * 300


@pytest.mark.parametrize("kind", ["file", "loop", "below", "long"])
@pytest.mark.parametrize("option", ["--results", "--cache"])
@pytest.mark.parametrize("command", [("run", "--attack", "shift"), ("gc",), ("status",)])
def test_places_that_cannot_be(here: Run, tmp_path: Path, kind: str, option: str, command: Any) -> None:
    refused(here(*command, option, place(tmp_path, kind)), f"{option} '")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*RUN, "shift", "--device", "meta"), "device 'meta' cannot be used: "),
        ((*RUN, "shift", "--workers", "1000"), "--workers 1000; this machine has "),
        ((*RUN, "shift", "--address", "x:1"), "--address 'x:1' goes with --executor ray alone."),
        ((*RUN, "shift", "--only", "x"), "--only and --dry-run do not go together; "),
        (("report", "--results", "TYPO"), "--results 'TYPO' does not exist; "),
        ((*RUN, "\x1b(31mred"), "unknown attack '\\x1b(31mred'."),
    ],
)
def test_options_that_do_not_go_together(here: Run, arguments: Any, sentence: str) -> None:
    arguments = tuple(a for a in arguments if a != "--dry-run") if "meta" in arguments else arguments
    done = here(*arguments)
    assert done.returncode == 2 and done.stderr.startswith(f"bench: {sentence}"), done.stderr
    assert not Path("TYPO").exists()


def test_a_seed_that_torch_cannot_take(here: Run) -> None:
    done = here(*RUN, "shift", "--seed", "1" + "0" * 23)
    assert done.returncode == 2 and "Invalid value for '--seed'" in done.stderr and "Traceback" not in done.stderr


def test_output_on_a_full_disk_is_one_sentence(plugin: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "benchbench", "list", "metrics"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "bench: the output cannot be used (No space left on device).\n")


def test_names_that_the_terminal_cannot_show_are_escaped(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "Größe").mkdir()
    environment = os.environ | {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONCOERCECLOCALE": "0",
    }
    command = [sys.executable, "-m", "benchbench", "data", "check", "Größe"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment)
    assert b"'Gr\\" in done.stdout + done.stderr and b"Traceback" not in done.stderr


def test_one_photograph_takes_one_attack(here: Run, tmp_path: Path) -> None:
    options = ("--as", "Fictional_One", "--output", "o.png", "--profile", "smoke", "--cache", "c")
    refused(
        here("anonymize", __file__, "--attack", "noise,median-3", *options), "--attack 'noise,median-3' names 2 attac"
    )


@pytest.mark.parametrize("meta", ["[]", "{}", '{"a": ' * 50_000, "\x1b[31m"])
def test_a_data_set_that_is_damaged_is_left_out_of_the_list(here: Run, tmp_path: Path, meta: str) -> None:
    place = tmp_path / "c" / "data" / "x\x1b[2J"
    place.mkdir(parents=True)
    (place / "meta.json").write_text(meta, encoding="utf-8")
    done = here("list", "datasets", "--cache", "c")
    assert done.returncode == 0 and "left out: the photographs in " in done.stdout and "virtual-neutral" in done.stdout
    assert "\x1b" not in done.stdout
