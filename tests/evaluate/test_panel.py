"""Whoever writes into what it was given is dropped by name, and nobody else's numbers move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.authoring.conformance import LinearTarget, check_attack, check_target, sample_images
from benchbench.base.errors import AttackError, TargetError
from benchbench.evaluate.panel import Panel, _shared_key

CLASSES = 3


class Normalized(nn.Module):
    """A target that normalizes, as torchvision does it with inplace=True, then classifies."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.change, self.network = change, LinearTarget(CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(self.change(x))  # type: ignore[no-any-return]


class Shared(nn.Module):
    """A target in two parts; targets of one key share what the first of them preprocessed."""

    def __init__(self, preprocessor: Callable[[torch.Tensor], torch.Tensor], classify: nn.Module) -> None:
        super().__init__()
        self.preprocessor: Any = Part(preprocessor)
        self.preprocessor.key = "shared"
        self.classify = classify

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.preprocessor(x))  # type: ignore[no-any-return]


class Part(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def through_numpy(x: torch.Tensor) -> torch.Tensor:
    x.numpy()[...] = 0  # torch's own count of changes does not see this
    return x


def then_raises(x: torch.Tensor) -> torch.Tensor:
    x.zero_()
    raise RuntimeError("no such layer")


def turned(x: torch.Tensor) -> torch.Tensor:
    return x.transpose_(2, 3)


SINS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "normalize": lambda x: x.sub_(0.5).div_(0.5),
    "relu": lambda x: nn.functional.relu(x.sub_(1), inplace=True),
    "numpy": through_numpy,
    "turned": turned,
    "raises": then_raises,
}


def panel(targets: Mapping[str, nn.Module]) -> Panel:
    return Panel.of({name: module.eval() for name, module in targets.items()}, dict.fromkeys(targets, CLASSES))


def plain(x: torch.Tensor) -> torch.Tensor:
    return x * 2 - 1


@pytest.mark.parametrize("sin", SINS)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_target_that_changes_photographs_is_dropped_alone(sin: str, first: bool, layout: torch.memory_format) -> None:
    x = sample_images(8).contiguous(memory_format=layout)
    before = x.clone()
    good = {"m": LinearTarget(CLASSES), "n": Shared(plain, LinearTarget(CLASSES)), "o": Normalized(torch.clone)}
    alone = panel(good).classify(x)
    bad = {"bad": Normalized(SINS[sin])}
    both = panel({**bad, **good} if first else {**good, **bad})
    for _ in range(2):  # a second batch is asked of those that are left
        found = both.classify(x)
        assert set(found) == set(good)
        for target, classes in alone.items():
            assert np.array_equal(found[target], classes)
    assert torch.equal(x, before)
    reason = "no such layer" if sin == "raises" else "it changed its input in place; work on a copy"
    assert list(both.failures) == ["bad"] and reason in both.failures["bad"]


@pytest.mark.parametrize("sin", SINS)
@pytest.mark.parametrize("part", ["preprocessor", "classify"])
@pytest.mark.parametrize("view", [True, False])
def test_a_target_that_changes_what_is_shared_is_dropped_alone(sin: str, part: str, view: bool) -> None:
    x = sample_images(8)
    through = (lambda x: x) if view else plain  # a preprocessor may hand the photographs on as they are
    good = {name: Shared(through, LinearTarget(CLASSES)) for name in ("m", "n", "o")}
    alone = panel(good).classify(x)
    bad = Shared(SINS[sin], LinearTarget(CLASSES)) if part == "preprocessor" else Shared(through, Normalized(SINS[sin]))
    # The first is asked for what all share; one in the middle leaves it to those after it.
    before, after = ({}, good) if part == "preprocessor" else ({"m": good["m"]}, {"n": good["n"], "o": good["o"]})
    both = panel({**before, "bad": bad, **after})
    found = both.classify(x)
    assert set(found) == set(good) and list(both.failures) == ["bad"]
    for target, classes in alone.items():
        assert np.array_equal(found[target], classes)


@pytest.mark.parametrize("sin", [*SINS, "half"])
def test_a_preprocessor_of_several_tensors_is_no_way_round(sin: str) -> None:
    def halved(x: torch.Tensor) -> torch.Tensor:
        x.data = x.data.half()
        return x

    class First(nn.Module):
        def forward(self, made: Any) -> torch.Tensor:
            return LinearTarget(CLASSES)({**SINS, "half": halved}[sin](made[0]).float())  # type: ignore[no-any-return]

    x = sample_images(8)
    good = {"m": LinearTarget(CLASSES), "n": Shared(plain, LinearTarget(CLASSES)), "o": Normalized(torch.clone)}
    alone = panel(good).classify(x)
    for bad in (Shared(lambda x: (x, x), First()), Normalized(lambda x: First()((x, x)))):  # type: ignore[arg-type,return-value]
        both = panel({"bad": bad, **good})
        found = both.classify(x)
        assert set(found) == set(good) and list(both.failures) == ["bad"], both.failures
        for target, classes in alone.items():
            assert np.array_equal(found[target], classes)


def test_the_conformance_suite_finds_such_a_target(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.toys import Toy

    toy = Toy(look="rgb", overlap="complete")
    for module in (
        Normalized(SINS["normalize"]),
        Shared(SINS["relu"], LinearTarget(CLASSES)),
        Shared(plain, Normalized(SINS["numpy"])),
    ):
        monkeypatch.setattr(Toy, "load", lambda self, networks, device, module=module: module.eval())
        with pytest.raises(TargetError, match=r"target 'toy/rgb/complete' failed: it changed its input in place"):
            check_target(toy, {}, CLASSES)


def test_the_conformance_suite_finds_a_surrogate_that_does(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.fade import Fade

    def surrogate(self: Any, x: torch.Tensor, context: Any) -> torch.Tensor:
        return LinearTarget(CLASSES)(x.sub_(0.5).div_(0.5))  # type: ignore[no-any-return]

    check_attack(Fade())
    monkeypatch.setattr(Fade, "surrogate", surrogate)
    with pytest.raises(AttackError, match=r"surrogate\(\) of 'fade' changed its input in place; work on a copy\."):
        check_attack(Fade())
    monkeypatch.setattr(Fade, "surrogate", lambda self, x, context: torch.zeros(len(x), 7))
    with pytest.raises(AttackError, match=r"returned logits of shape \(4, 7\); \(4, 3\) is expected"):
        check_attack(Fade())


def test_an_attack_that_changes_its_labels_is_told(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench_stega.fade import Fade

    monkeypatch.setattr(Fade, "perturb", lambda self, x, source, target, context: x + 0 * target.fill_(1).sum())
    with pytest.raises(AttackError, match="changed the labels that it was given in place"):
        check_attack(Fade())
    monkeypatch.setattr(Fade, "card", replace(Fade.card, reads_source=True))
    monkeypatch.setattr(Fade, "perturb", lambda self, x, source, target, context: x + 0 * source.fill_(1).sum())
    with pytest.raises(AttackError, match="changed the labels that it was given in place"):
        check_attack(Fade())


class Keyed(nn.Module):
    key = "keyed"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Heir(Keyed):
    """Inherits the key, and computes something else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1 - x


def test_one_that_inherits_a_key_shares_nothing_with_its_parent() -> None:
    def target(preprocessor: nn.Module) -> Shared:
        made = Shared(plain, LinearTarget(CLASSES))
        made.preprocessor = preprocessor
        return made

    assert _shared_key(target(Keyed())) == _shared_key(target(Keyed())) != ""
    assert _shared_key(target(Heir())) == ""
