"""An attack at work: its networks, its target if it is given one, and the three things that it is asked for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError
from benchbench.contracts.attack import Attack, evaluators
from benchbench.contracts.fit import Setup
from benchbench.contracts.target import Target
from benchbench.evaluate.craft import WHITE_BOX, Order, Retake, carry_out
from benchbench.evaluate.global_state import as_it_was
from benchbench.evaluate.networks import craft_context, networks

if TYPE_CHECKING:
    import torch


class Crafter(Protocol):
    """Who crafts for a crossing: the attack in this process, or in one of its own."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The numbers and words that the attack was calibrated to, for the record."""

    @property
    def calls(self) -> int:
        """How often it has called its target, or a network that is a target's."""

    def meet(self, target: Target) -> None:
        """Give a white-box attack its target, a copy that nobody else holds.

        Raises:
            BenchError: it cannot be loaded.
        """

    def craft(self, x: torch.Tensor, order: Order) -> torch.Tensor:
        """Return crafted photographs of the shape of `x`, finite, float32 in [0, 1].

        Raises:
            AttackError, TargetError: see `benchbench.evaluate.craft.craft`.
        """

    def ask(self, shown: torch.Tensor) -> dict[str, NDArray[np.int64]]:
        """Return the class, int64 (N,), that each of the attack's own evaluators takes photographs for.

        Raises:
            AttackError: it raised, gave something else than logits, or changed its input.
        """


class Here:
    """A `Crafter` in this process."""

    def __init__(
        self,
        attack: Attack,
        setup: Setup,
        cache: Path,
        device: torch.device,
        watched: Collection[str] = (),
        retake: Retake | None = None,
    ) -> None:
        """Load the attack's networks, its own.

        Args:
            cache: where they are.
            watched: names of those that it must not call, because they are networks of a target.
            retake: see `benchbench.evaluate.craft.craft_trials`.

        Raises:
            AttackError: a calibrated number that no record can hold.
            BenchError: a network cannot be loaded.
        """
        import torch

        from benchbench.evaluate.panel import CallCounter

        self._attack, self._setup, self._cache, self.device = attack, setup, cache, device
        self._retake = retake
        self._context = craft_context(attack, setup, cache, device)
        self.facts: Mapping[str, Any] = _facts(attack, self._context.networks)
        own = {name: self._context.networks[name] for name in watched}
        modules = {name: value for name, value in own.items() if isinstance(value, torch.nn.Module)}
        self._counter = CallCounter(modules, {name: {} for name in modules})

    @property
    def calls(self) -> int:
        """How often it has called what is counted."""
        return self._counter.calls

    def meet(self, target: Target) -> None:
        """Load the target; see `Crafter.meet`."""
        from benchbench.evaluate.panel import CallCounter

        with as_it_was():
            nets = networks(target.fits(self._setup), self._setup, self._cache, self.device, own=True)
            module = target.load(nets, self.device).eval()
        self._context.networks = {**self._context.networks, WHITE_BOX: module}
        self._counter = CallCounter({target.name: module}, {target.name: nets})

    def craft(self, x: torch.Tensor, order: Order) -> torch.Tensor:
        """Call `perturb`; see `Crafter.craft`."""
        with self._counter.watch():
            return carry_out(self._attack, order, x, self._context, self._retake)

    def ask(self, shown: torch.Tensor) -> dict[str, NDArray[np.int64]]:
        """Call `surrogate`; see `Crafter.ask`."""
        import torch

        given = shown.clone()
        try:
            with torch.no_grad(), as_it_was():
                found = evaluators(self._attack, given, self._context)
        except Exception as error:  # a stranger's code may raise anything
            name = self._attack.name
            raise AttackError(f"surrogate() of '{name}' raised {type(error).__name__}: {error}.") from error
        if not torch.equal(given, shown):
            raise AttackError(f"surrogate() of '{self._attack.name}' changed its input in place; work on a copy.")
        return {name: logits.argmax(dim=1).cpu().numpy() for name, logits in found.items()}


def _facts(attack: Attack, networks: Mapping[str, Any]) -> dict[str, Any]:
    found = {n: v for n, v in networks.items() if isinstance(v, (bool, int, float, str))}
    for name, value in found.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise AttackError(f"'{name}' of '{attack.name}' is {value}; a finite number is expected.")
    return found
