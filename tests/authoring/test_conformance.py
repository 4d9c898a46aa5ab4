from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchbench.authoring.conformance import check_attack, check_target, sample_images
from benchbench.base.errors import AttackError, TargetError


@pytest.fixture
def network(plugin: Path) -> Any:
    import torch
    from benchbench_stega.toys import Nearest

    return Nearest(torch.rand(3, 3, generator=torch.Generator().manual_seed(0))).eval()


def test_good_ones_pass(network: Any) -> None:
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    check_attack(Shift(), {"centers": network})
    check_attack(Fade())
    check_target(Toy(look="rgb", overlap="complete"), {"centers": network}, 3)


CALLS = count()
"""Gives an attack another number at every call, as a clock or the system's own randomness would."""


def counted(context: Any) -> int:
    """Return how many batches this context has seen."""
    context.cache["batches"] = context.cache.get("batches", 0) + 1
    return int(context.cache["batches"])


def perturbing(function: Any, monkeypatch: pytest.MonkeyPatch, **card: Any) -> Any:
    from benchbench_stega.fade import Fade

    monkeypatch.setattr(Fade, "perturb", lambda self, x, source, target, context: function(x, target, context))
    monkeypatch.setattr(Fade, "card", replace(Fade.card, **card))
    return Fade()


@pytest.mark.parametrize(
    ("function", "card", "complaint"),
    [
        (lambda x, t, c: (x + 0.01 * c.cache.setdefault("n", len(x))).clamp(0, 1), {}, "alone than in a batch"),
        (lambda x, t, c: (x - x.mean()).clamp(0, 1), {}, "alone than in a batch"),
        (lambda x, t, c: (x + 0.01 * counted(c)).clamp(0, 1), {}, "keeps something between batches that changes its"),
        (lambda x, t, c: (x + t[:, None, None, None] / 9).clamp(0, 1), {}, "its card says targeted=False"),
        (lambda x, t, c: x * 0 + next(CALLS) % 8 / 8, {}, "two results for the same seeds"),
        (lambda x, t, c: x.mul_(0.5), {}, "changed its input in place"),
        (lambda x, t, c: x + 1, {}, "an attack stays in"),
    ],
)
def test_bad_attacks_are_told_what_they_did(
    plugin: Path, monkeypatch: pytest.MonkeyPatch, function: Any, card: Any, complaint: str
) -> None:
    with pytest.raises(AttackError, match=complaint):
        check_attack(perturbing(function, monkeypatch, **card))


def test_bad_targets_are_told_what_they_did(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from benchbench_stega.toys import Toy

    toy = Toy(look="rgb", overlap="complete")

    def loads(module: Any) -> None:
        monkeypatch.setattr(Toy, "load", lambda self, networks, device: module)
        check_target(toy, {}, 3)

    with pytest.raises(TargetError, match=r"logits of shape \(4, 3\); \(4, 5\) is expected"):
        check_target(toy, {"centers": network}, 5)
    with pytest.raises(TargetError, match="training mode"):
        loads(torch.nn.Linear(3, 3))
    with pytest.raises(TargetError, match="alone than in a batch"):
        loads(Batchwise().eval())


def Batchwise() -> Any:  # noqa: N802  # a class that needs torch, made when it is asked for
    import torch

    class Module(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x.mean((2, 3)) - x.mean()) * 10

    return Module()


def test_sample_images_are_fixed() -> None:
    import torch

    assert torch.equal(sample_images(), sample_images()) and sample_images().max() == 1
