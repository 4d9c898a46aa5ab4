"""Attacks that break the contract, each in one way; not registered, the tests import them."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench_stega.toys import Centers

SINS = ("nan", "shape", "range", "raises", "in-place", "seeds", "draws", "type", "dtype", "dies")


@dataclass(frozen=True, kw_only=True)
class Bad(Attack):
    sin: str

    card: ClassVar[AttackCard] = AttackCard(name="bad", title="Bad", version=1, knowledge="none")

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        calls = context.cache["calls"] = context.cache.get("calls", 0) + 1
        if calls < 3:
            return x.clone()
        if self.sin == "nan":
            return x * float("nan")
        if self.sin == "shape":
            return x[:, :, 1:]
        if self.sin == "range":
            return x - 0.02 - x.min()
        if self.sin == "raises":
            raise ValueError("third batch")
        if self.sin == "in-place":
            return x.mul_(0.5)
        if self.sin == "seeds":
            torch.manual_seed(0)
            torch.rand(1)
        if self.sin == "draws":
            return x * random.random()
        if self.sin == "type":
            return x.numpy()  # type: ignore[return-value]
        if self.sin == "dtype":
            return x.double()
        if self.sin == "dies":
            os._exit(7)
        return x.clone()


@dataclass(frozen=True, kw_only=True)
class Cheat(Attack):
    """Asks for the examiner's network and calls it."""

    card: ClassVar[AttackCard] = AttackCard(name="cheat", title="Cheat", version=1, knowledge="surrogate")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {"stolen": Centers(role="p", classes=setup.known, seed=setup.seed)}

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        context.networks["stolen"](x)
        return x.clone()


@dataclass(frozen=True, kw_only=True)
class OpenBook(Attack):
    """White-box: it is given the target."""

    card: ClassVar[AttackCard] = AttackCard(name="open-book", title="Open book", version=1, knowledge="white-box")

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        x = x.clone().requires_grad_(True)
        loss = context.networks["target"](x)[torch.arange(len(x)), wanted].sum()
        (gradient,) = torch.autograd.grad(loss, x)
        return (x + 0.3 * gradient.sign()).clamp(0, 1).detach()
