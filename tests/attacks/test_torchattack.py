"""The bridge to torchattack: each attack moves its evaluator the way that its card says, and leaves it as it was."""

from __future__ import annotations

import importlib.util
import inspect
import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.attack import ATTACKS, CraftContext
from benchbench.evaluate.craft import craft
from benchbench_attacks.torchattack_bridge import HALF_AIMED, REFUSED, _any_size, all_names, bridge

PAGE = Path(__file__).parents[2] / "docs/torchattack.md"
INSTALLED = importlib.util.find_spec("torchattack") is not None
needs_package = pytest.mark.skipif(not INSTALLED, reason="torchattack is not installed")
FEW = {"steps": 2, "num_ens": 2, "num_warping": 2, "num_spectrum": 2, "num_neighbors": 2, "n": 2}
"""Of what there are many in the defaults, so that tests are fast."""
NO_LABEL = ("DR", "FDA")
"""They disturb features, whatever the class; a class need not suffer by it."""


class Stream(nn.Module):
    """A network with a stage where attacks on features look for one."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.backbone = nn.Module()
        self.backbone.layer1 = nn.Sequential(first, nn.ReLU(), nn.AvgPool2d(2))
        self.backbone.layer2 = nn.Sequential(second, nn.ReLU())
        self.backbone.fc = nn.Linear(16, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.backbone.layer2(self.backbone.layer1(x))
        return self.backbone.fc(20 * features.mean((2, 3))).log_softmax(1)


class Evaluator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.high = Stream()
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.high(x)


@pytest.fixture
def context() -> CraftContext:
    return CraftContext(device=torch.device("cpu"), known=6, seeds=(1, 2), cache={"evaluator": Evaluator().eval()})


def photographs(size: int = 40) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(2)) * 0.5 + 0.25


def created(name: str) -> Any:
    takes = bridge.create(name, {})
    assert takes.card.name == f"torchattack:{name}"
    import torchattack

    known = inspect.signature(torchattack.ATTACK_REGISTRY[name]).parameters
    return bridge.create(name, {k: v for k, v in FEW.items() if k in known})


@needs_package
@pytest.mark.parametrize("name", bridge.names())
def test_it_goes_where_its_card_says(name: str, context: CraftContext) -> None:
    attack, x, evaluator = created(name), photographs(), context.cache["evaluator"]
    true = evaluator(x).argmax(1)
    wanted = (true + 1) % 6
    before = {key: value.clone() for key, value in evaluator.state_dict().items()}
    changed = craft(attack, x, true, wanted, context)
    card = attack.card
    assert (card.goal, card.reads_source, card.knowledge) == (
        ("forge", False, "surrogate") if card.targeted else ("erase", True, "surrogate")
    )
    label = (wanted if card.targeted else true)[:, None]
    gain = evaluator(changed).gather(1, label) - evaluator(x).gather(1, label)
    if name in NO_LABEL:
        assert 0 < (changed - x).abs().max() <= 8 / 255 + 1e-6
    else:
        assert (gain > 0).all() if card.targeted else (gain < 0).all(), gain
    assert card.paper and card.paper_url.startswith("https://")
    # Nothing of it stays in the network that others read.
    assert not any(m._forward_hooks or m._backward_hooks for m in evaluator.modules())
    assert not any(p.requires_grad or p.grad is not None for p in evaluator.parameters())
    assert all(torch.equal(value, before[key]) for key, value in evaluator.state_dict().items())


@needs_package
@pytest.mark.parametrize("name", ["BSR", "SSA", "L2T", "Admix"])  # they draw from Python, NumPy and torch
def test_randomness_belongs_to_the_photograph(name: str, context: CraftContext) -> None:
    attack, x = created(name), photographs()
    true, wanted = torch.tensor([0, 0]), torch.tensor([1, 2])
    state = random.getstate()
    whole = craft(attack, x, true, wanted, context)
    assert random.getstate() == state
    context.seeds = context.seeds[1:]
    alone = craft(attack, x[1:], true[1:], wanted[1:], context)
    torch.testing.assert_close(alone, whole[1:], atol=1e-6, rtol=0)


@needs_package
@pytest.mark.parametrize("size", [40, 96])
def test_every_transformation_of_l2t_takes_any_size(size: int) -> None:
    from torchattack.l2t import AUG_OPS, SSM

    x, before = photographs(size), SSM.__call__
    with _any_size():
        for number, transform in enumerate(AUG_OPS):
            made = transform(x[:1])
            assert made.shape[1] == 3 and torch.isfinite(made).all(), number
    assert SSM.__call__ is before


@needs_package
def test_ssa_changes_every_frequency_by_at_most_rho() -> None:
    """Against SciPy's cosine transform: without noise the ratio of spectra lies between 1 - rho and 1 + rho."""
    from scipy.fft import dctn

    from benchbench_attacks.torchattack_bridge import _class

    attack = _class("SSA")(nn.Identity(), None, torch.device("cpu"), eps=0.0, rho=0.5)
    x = photographs(24)[:1].double()
    ratio = dctn(attack.transform(x)[0, 0].numpy(), norm="ortho") / dctn(x[0, 0].numpy(), norm="ortho")
    assert 0.5 - 1e-6 <= ratio.min() < 0.6 and 1.4 < ratio.max() <= 1.5 + 1e-6


@needs_package
def test_what_cannot_work_is_refused_in_a_sentence() -> None:
    assert set(REFUSED) <= set(all_names()) and not set(REFUSED) & set(bridge.names())
    for name in REFUSED:
        with pytest.raises(BenchError, match=f"^attack 'torchattack:{name}' cannot be used here: [^.]*\\d?.*\\.$"):
            bridge.create(name, {})
    with pytest.raises(UnknownNameError, match=r"unknown attack 'torchattack:BSRR'. Did you mean 'BSR'"):
        bridge.create("BSRR", {})
    with pytest.raises(BenchError, match=r"'torchattack:BSR' has no parameter 'targeted'"):
        bridge.create("BSR", {"targeted": True})
    assert ATTACKS.create("torchattack:l2t[steps=3]").card.name == "torchattack:L2T"


@needs_package
@pytest.mark.parametrize("name", ["MIG", *HALF_AIMED])
def test_what_is_said_of_wrong_signs_is_so(name: str) -> None:
    """A later release may put it right; then the bridge should take it."""
    import torchattack

    evaluator, x = Evaluator().eval(), photographs()[:1]
    true = evaluator(x).argmax(1)
    with torch.enable_grad(), torch.random.fork_rng():
        attack = torchattack.ATTACK_REGISTRY[name](evaluator, None, torch.device("cpu"), targeted=True)
        changed = attack(x.clone(), (true + 1) % 6).detach()
    assert (evaluator(changed) - evaluator(x))[0, (true + 1) % 6] < 0


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torchattack" else find(name, *a))
    assert bridge.names() == []
    with pytest.raises(BenchError, match=r"which is not installed.*: pip install '\.\[torchattack\]'"):
        ATTACKS.create("torchattack:BSR")


@needs_package
def test_the_page_names_each_attack_once() -> None:
    rows = re.findall(r"^\| (\w+) \| (forge|erase|refused) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    goals = {n: bridge.create(n, {}).card.goal for n in bridge.names()} | dict.fromkeys(REFUSED, "refused")
    assert sorted(rows) == sorted(goals.items())
