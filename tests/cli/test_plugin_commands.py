"""`bench new attack` and `bench check`: what they write works, what they refuse stays whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchbench.authoring.conformance import LinearTarget, check_attack, sample_images
from benchbench.authoring.scaffold import new_attack
from benchbench.base.errors import AttackError, BenchError
from benchbench_attacks.ddn import Ddn
from benchbench_attacks.fgsm import Fgsm
from benchbench_attacks.pgd import Pgd


def test_linear_target_is_its_closed_form() -> None:
    network, x = LinearTarget(3), sample_images(2, 13).requires_grad_(True)
    logits = network(x)
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), x)
    # Linear, so the logit is the gradient times (x - 0.5), and the gradient is the same everywhere.
    assert torch.allclose((gradient * (x - 0.5)).sum((1, 2, 3)), logits[:, 1], atol=1e-4)
    assert torch.equal(gradient[0], gradient[1]) and torch.equal(gradient[..., 8:, 8:], gradient[..., :5, :5])
    assert 0.9 < float(gradient.abs().max()) * 3 * 13 * 13 / 50 <= 1


@pytest.mark.parametrize("attack", [Fgsm(), Pgd(), Ddn(steps=20)], ids=lambda a: a.name)
def test_gradient_attacks_succeed_on_the_linear_target(attack: Any) -> None:
    linear = LinearTarget()
    networks = {"epsilon": 8 / 255, "residual": Nothing(), "high": Stream(linear), "low": Stream(linear)}
    assert check_attack(attack, networks, fools=linear)[-1].startswith("log probability of the wanted class")


class Nothing(torch.nn.Module):
    """An E0 that finds no residual, so that E_L sees the photograph."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)


class Stream(torch.nn.Module):
    """A stream of the dual evaluator with the linear target behind it; its input is in [-1, 1]."""

    def __init__(self, linear: LinearTarget) -> None:
        super().__init__()
        self.linear = linear

    def classify(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear((x + 1) / 2)


def test_an_attack_that_steps_the_wrong_way_is_told(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.bad import OpenBook

    assert "after" in check_attack(OpenBook())[-1]
    right = OpenBook.perturb
    monkeypatch.setattr(OpenBook, "perturb", lambda self, x, *rest: (2 * x - right(self, x, *rest)).clamp(0, 1))
    with pytest.raises(AttackError, match="check the sign of its step"):
        check_attack(OpenBook())


@pytest.mark.parametrize(
    ("draw", "whose"),
    [("random.random()", "Python"), ("numpy.random.rand()", "NumPy"), ("numpy.random.seed(3)", "NumPy")],
)
def test_global_randomness_is_told(plugin: Path, monkeypatch: pytest.MonkeyPatch, draw: str, whose: str) -> None:
    import random

    import numpy
    from benchbench_stega.fade import Fade

    def perturb(self: Any, x: torch.Tensor, *rest: Any) -> torch.Tensor:
        eval(draw, {"random": random, "numpy": numpy})
        return x.clone()

    monkeypatch.setattr(Fade, "perturb", perturb)
    with pytest.raises(AttackError, match=f"used {whose}'s global random state"):
        check_attack(Fade())


def test_an_attack_that_cannot_take_other_sizes_is_told(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.fade import Fade

    monkeypatch.setattr(Fade, "perturb", lambda self, x, *rest: x + x.new_zeros(1, 1, 32, 32))
    with pytest.raises(AttackError, match="raised RuntimeError"):
        check_attack(Fade())


@pytest.mark.slow
def test_a_generated_project_passes_its_own_tests_and_lint(tmp_path: Path) -> None:
    files = new_attack("box-blur", tmp_path)
    folder = tmp_path / "benchbench-box-blur"
    names = ["README.md", "benchbench_box_blur.py", "pyproject.toml", "test_benchbench_box_blur.py"]
    assert sorted(path.relative_to(folder).as_posix() for path in files) == names
    for command in (["pytest", "-q", "-p", "no:cacheprovider"], ["ruff", "check", "--isolated", "."]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Box", "2d", "a_b", "class", "all", "x-", ""])
def test_names_that_cannot_be_typed_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError, match="cannot name an attack"):
        new_attack(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_taken_names_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"attack 'cama' is there already, from benchbench-forensics "):
        new_attack("cama", tmp_path)
    with pytest.raises(BenchError, match="'benchbench-forensics' is a part of benchbench itself; choose another name"):
        new_attack("forensics", tmp_path)
    new_attack("mine", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    with pytest.raises(BenchError, match="nothing was written"):
        new_attack("mine", tmp_path)
    assert before == {path: path.read_bytes() for path in before}
