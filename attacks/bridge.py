"""Any torchattacks attack by name, on Cama's evaluator: `torchattacks:MIFGSM[eps=0.02]`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup

from ._one_by_one import one_by_one, true_or_taken_for
from ._surrogates import DEFAULT, surrogate_fits, surrogate_of

REFUSED = {
    "JSMA": "it holds a number for each pair of values of a photograph: 154 GB at 256 px",
    "LGV": "it trains networks of its own on a data loader, which a fit would do",
    "MultiAttack": "it is made of other attacks, not of a model; name them one by one",
}
"""What cannot work here, and why."""


@dataclass(frozen=True, kw_only=True)
class TorchAttack(Attack):
    """One attack of torchattacks on Cama's evaluator.

    One that can be targeted gets the wanted class. One that cannot gets the true class and wants it to be named no
    more: its goal is `erase`. Of a camera model that the evaluator does not know, it gets what the evaluator takes it
    for.

    Attributes:
        attack: class name in torchattacks.
        arguments: its keyword arguments, sorted by name.
    """

    attack: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def card(self) -> AttackCard:  # type: ignore[override]  # it depends on the attack
        """The card."""
        targeted = is_targeted(self.attack)
        # Version 2: untargeted ones are given true classes; classes are those that there are; NumPy is seeded.
        moved = not targeted or self.attack in _MOVED
        return AttackCard(
            name=f"torchattacks:{self.attack}",
            title=self.attack,
            version=2 if moved else 1,
            knowledge="surrogate",
            needs_fit=True,
            targeted=targeted,
            reads_source=not targeted,
            goal="forge" if targeted else "erase",
            paper="Kim, Torchattacks: a PyTorch repository for adversarial attacks, 2020",
            paper_url="https://arxiv.org/abs/2010.01950",
            code_url="https://github.com/Harry24k/adversarial-attacks-pytorch",
            licence="MIT",
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return Cama's evaluator."""
        return surrogate_fits(DEFAULT, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Run the attack image by image, each with its own random state, so that batches cannot matter."""
        evaluator = surrogate_of(DEFAULT, context)
        arguments = dict(self.arguments)
        if "n_classes" in _parameters(self.attack):
            arguments.setdefault("n_classes", context.known)
        attack = _made(self.attack)(evaluator, **arguments)
        labels = wanted
        if self.card.targeted:
            attack.set_mode_targeted_by_label(quiet=True)
        else:
            labels = true_or_taken_for(x, true, evaluator, context)
        return one_by_one(attack, x, labels, context)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what Cama's evaluator says."""
        return cast(Tensor, surrogate_of(DEFAULT, context)(x))


_MOVED = ("FAB", "OnePixel", "Pixle", "Square")
"""Targeted attacks that number classes themselves, or draw from NumPy."""


def _made(name: str) -> Any:
    """Return the class of an attack of torchattacks."""
    import torchattacks  # late: it imports all of scipy.stats, and every run loads this module

    return getattr(torchattacks, name)


@cache
def is_targeted(name: str) -> bool:
    """Say whether an attack of torchattacks can be aimed at a class."""
    attack = _made(name)(torch.nn.Linear(1, 1))
    return "targeted" in attack.supported_mode


def _parameters(name: str) -> list[str]:
    return [p for p in inspect.signature(_made(name)).parameters if p != "model"]


def all_names() -> list[str]:
    """Return the names of all attacks of torchattacks."""
    import torchattacks

    base = torchattacks.attack.Attack
    return sorted(
        n for n, c in vars(torchattacks).items() if inspect.isclass(c) and issubclass(c, base) and c is not base
    )


class Bridge:
    """Makes `TorchAttack`s by name for the registry."""

    def names(self) -> list[str]:
        """Return the names of torchattacks' attacks that work here."""
        return [name for name in all_names() if name not in REFUSED]

    def create(self, name: str, params: Mapping[str, Any]) -> TorchAttack:
        """Return the attack called `name` with `params` as its keyword arguments.

        Raises:
            UnknownNameError: torchattacks has no such attack.
            BenchError: it takes no such argument, or cannot work here.
        """
        if name in REFUSED:
            raise BenchError(f"attack 'torchattacks:{name}' cannot be used here: {REFUSED[name]}.")
        if name not in self.names():
            raise UnknownNameError(
                f"unknown attack 'torchattacks:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        known = _parameters(name)
        for param in params:
            if param not in known:
                raise BenchError(
                    f"attack 'torchattacks:{name}' has no parameter '{param}'.{did_you_mean(param, known)}"
                    f"  parameters: {', '.join(sorted(known))}"
                )
        return TorchAttack(attack=name, arguments=tuple(sorted(params.items())))


bridge = Bridge()
