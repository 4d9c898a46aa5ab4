"""Attacks and targets that do what no contract foresees to the process that they run in; the tests import them."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.target import Target, TargetCard
from benchbench_stega.toys import Centers, Closest


def commit(sin: str, marker: str = "") -> None:
    if sin == "exit":
        sys.exit(0)
    if sin == "dies":
        os._exit(9)
    if sin == "loops":
        time.sleep(600)
    if sin == "eats":
        kept = []
        while True:
            kept.append(torch.ones(2**24))
    if sin == "dtype":
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
    if sin == "killed-once" and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), 9)
    if sin == "patches":
        torch.Tensor.clone = torch.Tensor.zero_  # type: ignore[method-assign]


@dataclass(frozen=True, kw_only=True)
class Hostile(Attack):
    sin: str
    marker: str = ""

    card: ClassVar[AttackCard] = AttackCard(name="hostile", title="Hostile", version=1, knowledge="surrogate")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {"centers": Centers(role="q", classes=setup.known, seed=setup.seed)}

    def perturb(
        self, x: torch.Tensor, true: torch.Tensor | None, wanted: torch.Tensor, context: CraftContext
    ) -> torch.Tensor:
        if self.sin == "edits":
            with torch.no_grad():
                context.networks["centers"].classify.centers.mul_(-1)
        if self.sin == "draws":
            return (x + random.random() / 9 + torch.from_numpy(np.random.rand(*x.shape)).float() / 9).clamp(0, 1)
        changed = x.clone()
        commit(self.sin, self.marker)
        return changed


class _Spoiled(Closest):
    sin = ""

    def forward(self, colors: torch.Tensor) -> torch.Tensor:
        commit(self.sin)
        return super().forward(colors.mean(dim=(2, 3)))


@dataclass(frozen=True, kw_only=True)
class Wrecker(Target):
    sin: str

    @property
    def card(self) -> TargetCard:
        return TargetCard(name=f"wrecker/{self.sin}", backbone="toy", preprocessor="rgb", overlap="complete")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {"centers": Centers(role="p", classes=self.classes(setup), seed=setup.seed)}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        made = _Spoiled(networks["centers"].classify.centers)
        made.sin = self.sin
        return made
