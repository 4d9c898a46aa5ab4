"""Attacks and targets that do what no contract foresees to the process that they run in; the tests import them."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import torch

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.target import Target, TargetCard
from benchbench.evaluate.panel import Panel
from benchbench.records.cache import Cache
from benchbench.records.zoo import Zoo
from benchbench_stega.photographs import Colors
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
    if sin == "patches":  # every target says what the attack wants to hear
        Panel.examine = lambda self, x, trials, names=None: {  # type: ignore[method-assign,assignment]
            name: {"predicted": trials.wanted} for name in self.members
        }
    if sin == "babbles":
        for pipe in (found for found in gc.get_objects() if isinstance(found, Connection) and not found.closed):
            pipe.send_bytes(b'{"kind": "done", "axes": [3, 3, 3, 3], "calls": 0}')


def leave(folder: str) -> None:
    """Leave a process behind, in a session of its own, by one that is gone at once: nobody is its parent."""
    line = f"sleep 600 & echo $! > {folder}/pid"
    subprocess.run(["/bin/sh", "-c", line], start_new_session=True, check=True)


def look_around(root: Path) -> dict[str, str]:
    """Return what an attack finds beside what it is given: the name of an error for each place that it looks at."""
    cache, data_id = Cache(root), Colors().data_id
    places: dict[str, Callable[[], object]] = {
        "its own": lambda: cache.load(Centers(role="q", classes=3), data_id),
        "a target": lambda: cache.load(Centers(role="p", classes=5), data_id),
        "records": lambda: list(cache.records()),
        "clean": lambda: cache.clean("0"),
        "zoo": lambda: Zoo().networks,
        "photographs": lambda: Dataset(root / "data" / data_id),
    }
    found = {}
    for name, place in places.items():
        try:
            place()
            found[name] = "there"
        except Exception as error:
            found[name] = type(error).__name__
    return found


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
        if self.sin == "looks":
            names = [name for name in vars(context) if name != "networks"]
            Path(self.marker).write_text(json.dumps([look_around(Path(self.marker).parent / "c"), str(true), names]))
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
