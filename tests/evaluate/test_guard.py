"""Who wrote into a photograph while an attack crafted: its target, a network of its own, or the attack itself."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from benchbench.authoring.conformance import LinearTarget, check_attack
from benchbench.base.errors import AttackError, TargetError
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.evaluate.craft import craft
from benchbench.evaluate.guard import InputGuard


class Normalized(torch.nn.Module):
    """A linear target behind a first layer that scales the photograph, in place or not."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.inplace, self.classify = inplace, LinearTarget()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(x.sub_(0.5).div_(0.5) if self.inplace else (x - 0.5) / 0.5)


@dataclass(frozen=True, kw_only=True)
class Step(Attack):
    """Steps along the gradient of the first network that it is given, at a photograph that autograd watches itself."""

    own: bool = False
    """Writes into the photograph itself."""

    card: ClassVar[AttackCard] = AttackCard(name="step", title="Step", version=1, knowledge="white-box")

    def perturb(self, x: torch.Tensor, true: Any, wanted: torch.Tensor, context: CraftContext) -> torch.Tensor:
        if self.own:
            return x.mul_(0.5)
        moving = x.clone().requires_grad_(True)
        (network,) = context.networks.values()
        (gradient,) = torch.autograd.grad(network(moving).gather(1, wanted[:, None]).sum(), moving)
        network(x)  # with the photograph that it was given, too
        return (x + 0.1 * gradient.sign()).clamp(0, 1)


class Surrogate(Step):
    card: ClassVar[AttackCard] = AttackCard(name="step", title="Step", version=1, knowledge="surrogate")


def crafted(attack: Attack, **networks: torch.nn.Module) -> torch.Tensor:
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(3)
    context = CraftContext(device=x.device, known=3, networks=networks, seeds=(1, 2, 3))
    return craft(attack, x, labels, (labels + 1) % 3, context, "split in, batch 1", "toy/rgb/complete")


def test_a_target_that_writes_is_named_and_not_the_attack() -> None:
    said = (
        "target 'toy/rgb/complete' changed its input in place when 'step' called it on split in, batch 1; "
        "work on a copy, or use inplace=False."
    )
    with pytest.raises(TargetError) as caught:
        crafted(Step(), target=Normalized(inplace=True))
    assert str(caught.value) == said
    with pytest.raises(TargetError, match=r"^the target changed its input in place when 'step' called it"):
        check_attack(Step(), {"target": Normalized(inplace=True)})


def test_a_network_of_the_attacks_own_that_writes_is_named() -> None:
    said = "network 'evaluator' of 'step' changed its input in place on split in, batch 1; work on a copy, or use "
    with pytest.raises(AttackError) as caught:
        crafted(Surrogate(), evaluator=Normalized(inplace=True))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("attack", [Step(own=True), Surrogate(own=True)], ids=["white-box", "surrogate"])
def test_an_attack_that_writes_is_named_itself(attack: Attack) -> None:
    with pytest.raises(AttackError, match=r"^'step' changed its input in place on split in, batch 1; work on a copy\."):
        crafted(attack, target=Normalized(inplace=False))


def test_whoever_writes_nothing_sees_no_guard() -> None:
    """Results are those of calls without one, to the bit, and hooks are gone afterwards."""
    network = Normalized(inplace=False)
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    found = crafted(Step(), target=network)
    moving = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(network(moving).gather(1, torch.tensor([1, 2, 0])[:, None]).sum(), moving)
    assert torch.equal(found, (x + 0.1 * gradient.sign()).clamp(0, 1))
    assert not network._forward_hooks and not network.classify._forward_pre_hooks


def test_what_cannot_be_compared_is_no_offence() -> None:
    network = LinearTarget()
    guard = InputGuard({"evaluator": network, "epsilon": 0.1})
    x = torch.rand(2, 3, 16, 16)
    with guard.watch():
        network(x * float("nan"))
        torch.func.vmap(lambda image: network(image[None]))(x)
        network.forward = lambda *given: torch.zeros(1)  # type: ignore[method-assign]
        network(torch.zeros(2, dtype=torch.int64))
    assert guard.offender is None


def test_a_run_drops_the_target_and_keeps_the_white_box_attack(
    bench: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell_facts: Callable[[Path], Any]
) -> None:
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.toys import Toy

    class InPlace(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.is_grad_enabled():  # while it is crafted against alone: nothing else finds it out
                x.sub_(0.5).div_(0.5)
            return x.mean((2, 3))

    other = Toy(look="gray", overlap="complete")
    bench([OpenBook()], [other], splits=("in",), where="alone")
    original = Toy.load
    monkeypatch.setattr(Toy, "load", lambda self, n, d: InPlace() if self.look == "rgb" else original(self, n, d))
    summary = bench([OpenBook()], [Toy(look="rgb", overlap="complete"), other], splits=("in",), where="beside")
    assert summary.sentence == "1 computed, 0 already there, 0 skipped, 1 failed"
    assert summary.failures == {
        "toy/rgb/complete": "target 'toy/rgb/complete' changed its input in place when 'open-book' called it on "
        "split in, batch 1; work on a copy, or use inplace=False."
    }
    assert cell_facts(tmp_path / "alone" / "r") == cell_facts(tmp_path / "beside" / "r") != {}


class Copier(Step):
    """Works on a copy of its network, as one does that hooks into it."""

    card: ClassVar[AttackCard] = AttackCard(name="step", title="Step", version=1, knowledge="surrogate")

    def perturb(self, x: torch.Tensor, true: Any, wanted: torch.Tensor, context: CraftContext) -> torch.Tensor:
        own = {name: copy.deepcopy(network) for name, network in context.networks.items()}
        return super().perturb(x, true, wanted, dataclasses.replace(context, networks=own))


def test_an_attack_may_copy_its_network() -> None:
    expected = crafted(Surrogate(), own=Normalized(inplace=False))
    assert torch.equal(crafted(Copier(), own=Normalized(inplace=False)), expected)
    with pytest.raises(AttackError, match="network 'own' of 'step' changed its input in place"):
        crafted(Copier(), own=Normalized(inplace=True))
