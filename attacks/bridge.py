"""Any torchattacks attack by name, on Cama's evaluator: `torchattacks:MIFGSM[eps=0.02]`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torchattacks
from torch import Tensor

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup

from ._surrogates import DEFAULT, surrogate_fits, surrogate_of


@dataclass(frozen=True, kw_only=True)
class TorchAttack(Attack):
    """One attack of torchattacks, targeted where it can be.

    Attributes:
        attack: class name in torchattacks.
        arguments: its keyword arguments, sorted by name.
    """

    attack: str
    arguments: tuple[tuple[str, Any], ...] = ()

    card: ClassVar[AttackCard] = AttackCard(
        name="torchattacks",
        title="torchattacks",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Kim, Torchattacks: a PyTorch repository for adversarial attacks, 2020",
        licence="MIT",
    )

    @property
    def name(self) -> str:
        """The name in tables: 'torchattacks:MIFGSM'."""
        return f"torchattacks:{self.attack}"

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return Cama's evaluator."""
        return surrogate_fits(DEFAULT, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Run the attack image by image, each with its own random state, so that batches cannot matter."""
        attack = getattr(torchattacks, self.attack)(surrogate_of(DEFAULT, context), **dict(self.arguments))
        if "targeted" in attack.supported_mode:
            attack.set_mode_targeted_by_label(quiet=True)
        results = []
        with torch.enable_grad():
            for i, seed in enumerate(context.seeds):
                with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
                    torch.manual_seed(seed)
                    results.append(attack(x[i : i + 1].clone(), wanted[i : i + 1]))
        return torch.cat(results).clamp(0, 1)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what Cama's evaluator says."""
        return cast(Tensor, surrogate_of(DEFAULT, context)(x))


class Bridge:
    """Makes `TorchAttack`s by name for the registry."""

    def names(self) -> list[str]:
        """Return the names of torchattacks' attacks."""
        base = torchattacks.attack.Attack
        return sorted(
            n for n, c in vars(torchattacks).items() if inspect.isclass(c) and issubclass(c, base) and c is not base
        )

    def create(self, name: str, params: Mapping[str, Any]) -> TorchAttack:
        """Return the attack called `name` with `params` as its keyword arguments.

        Raises:
            UnknownNameError: torchattacks has no such attack.
            BenchError: it takes no such argument.
        """
        if name not in self.names():
            raise UnknownNameError(
                f"unknown attack 'torchattacks:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        known = [p for p in inspect.signature(getattr(torchattacks, name)).parameters if p != "model"]
        for param in params:
            if param not in known:
                raise BenchError(
                    f"attack 'torchattacks:{name}' has no parameter '{param}'.{did_you_mean(param, known)}"
                    f"  parameters: {', '.join(sorted(known))}"
                )
        return TorchAttack(attack=name, arguments=tuple(sorted(params.items())))


bridge = Bridge()
