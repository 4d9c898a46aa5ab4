"""The crossing: craft photographs with one attack on a part of one split, judge them, classify them with all targets.

A crossing returns facts per trial (one photograph, one wanted class), so that parts can be put together in any order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError
from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Progress, Setup, silent
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.source import Source
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split, Trials, is_targeted, trials
from benchbench.evaluate.craft import craft_trials
from benchbench.evaluate.memory import TRIM_SECONDS, at_a_time, give_back, keep_freed
from benchbench.evaluate.networks import craft_context, networks, to_tensor

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Dataset
    from benchbench.evaluate.conditions import JpegTables
    from benchbench.evaluate.measures import Distortion
    from benchbench.evaluate.panel import CallCounter, Panel


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to judge what was crafted: a protocol, and the targets that are to see it."""

    protocol: Protocol
    targets: tuple[str, ...]
    """Names."""


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A job: one attack (None: the photographs as they are) on trials start to stop of one split.

    Crafting is the same for all views, which differ in budget and condition alone.
    """

    attack: Attack | None
    targets: tuple[Target, ...]
    views: tuple[View, ...]
    split: Split
    start: int
    stop: int
    setup: Setup
    seed: int
    """`Protocol.seed` of all views."""
    source: Source
    cache: Path
    device: str
    batch: int


@dataclass(frozen=True, kw_only=True)
class Viewed:
    """What came of one view; arrays over the crossing's trials."""

    distortion: Distortion | None
    """Of what the attacker handed over, against the original; None for clean photographs."""
    predicted: Mapping[str, NDArray[np.int64]]
    """Predicted class by target."""
    surrogate: NDArray[np.int64] | None
    """Class predicted by the attack's own evaluator, where it has one."""
    clipped: int
    """Values that stand at 0 or 1 and did not before."""
    values: int
    """Values in all."""


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What came of a crossing."""

    trials: Trials
    views: tuple[Viewed, ...]
    """In the order of `Crossing.views`."""
    target_calls: int
    facts: Mapping[str, Any]
    failures: Mapping[str, str]
    """Targets that failed, with the reason."""
    seconds: float


def cross(job: Crossing, progress: Progress = silent) -> Crossed:
    """Craft, judge and classify.

    Raises:
        AttackError: the attack broke its contract, or called a target that it must not know.
    """
    import torch

    began = time.perf_counter()
    keep_freed()
    device = torch.device(job.device)
    dataset = job.source.open(job.cache)
    photos = dataset.photos("test")
    targeted = is_targeted(job.attack, (view.protocol for view in job.views))
    every = trials(photos.camera, job.setup.known, job.split, targeted)
    part = slice(job.start, job.stop)
    mine = Trials(every.image[part], every.true[part], every.wanted[part])

    panel, counter = _panel(job, device)
    context = CraftContext(device=device, known=job.setup.known)
    white_box = job.attack is not None and job.attack.card.knowledge == "white-box"
    if job.attack is not None:
        context = craft_context(job.attack, job.setup, job.cache, device)
        if white_box and panel.targets:
            context.networks = {**context.networks, "target": next(iter(panel.targets.values()))}
    eyes = [_Eye(job, view, context, dataset) for view in job.views]
    try:
        size = at_a_time(job.batch, dataset.size, device)
        trimmed = time.perf_counter()
        for start in range(0, len(mine), size):
            rows = slice(start, start + size)
            batch = Trials(mine.image[rows], mine.true[rows], mine.wanted[rows])
            # Mapped anew for each batch: what was read through a map that stays open counts as memory of this process.
            x = changed = to_tensor(dataset.photos("test").images[batch.image], device)
            if job.attack is not None:
                where = f"split {job.split}, batch {(job.start + start) // size + 1}"
                with counter.watch():
                    changed = craft_trials(job.attack, photos, batch, x, context, job.seed, where)
                if counter.calls and not white_box:
                    raise AttackError(
                        f"'{job.attack.name}' called a target {counter.calls} times on {where}; "
                        f"an attack with knowledge '{job.attack.card.knowledge}' never sees one."
                    )
            for eye in eyes:
                eye.look(x, changed, batch, panel)
            progress(min(start + size, len(mine)), len(mine), "")
            if time.perf_counter() - trimmed > TRIM_SECONDS:
                give_back()
                trimmed = time.perf_counter()
    finally:
        counter.close()
        give_back()
    return Crossed(
        trials=mine,
        views=tuple(eye.viewed(panel.failures) for eye in eyes),
        target_calls=counter.calls,
        facts={n: v for n, v in context.networks.items() if isinstance(v, (bool, int, float, str))},
        failures=panel.failures,
        seconds=time.perf_counter() - began,
    )


class _Eye:
    """Judges crafted photographs under one view, batch by batch."""

    def __init__(self, job: Crossing, view: View, context: CraftContext, dataset: Dataset) -> None:
        self._job, self._view, self._context = job, view, context
        self._distortion: list[Distortion] = []
        self._predicted: dict[str, list[NDArray[np.int64]]] = {}
        self._surrogate: list[NDArray[np.int64]] = []
        self._clipped = self._values = 0
        self._tables: Mapping[int, JpegTables] = {}
        if view.protocol.condition == "jpeg-target":
            from benchbench.evaluate.conditions import camera_tables

            self._tables = camera_tables(dataset)

    def look(self, x: torch.Tensor, changed: torch.Tensor, batch: Trials, panel: Panel) -> None:
        """Take a batch of originals and of what the attack made of them."""
        attack = self._job.attack
        shown = x
        if attack is not None:
            from benchbench.evaluate.conditions import crafted, seen
            from benchbench.evaluate.measures import distortion

            handed = crafted(x, changed, self._view.protocol)
            self._distortion.append(distortion(x, handed, rounded=self._view.protocol.condition != "float"))
            self._clipped += int((((handed == 0) & (x != 0)) | ((handed == 1) & (x != 1))).sum())
            self._values += handed.numel()
            shown = seen(handed, batch.wanted, self._view.protocol, self._tables)
            self._ask_surrogate(attack, shown)
        for name, classes in panel.classify(shown, self._view.targets).items():
            self._predicted.setdefault(name, []).append(classes)

    def _ask_surrogate(self, attack: Attack, shown: torch.Tensor) -> None:
        import torch

        given = shown.clone()
        try:
            with torch.no_grad():
                logits = attack.surrogate(given, self._context)
            if logits is None:
                return
            expected = (len(shown), self._job.setup.known)
            if tuple(logits.shape) != expected:
                raise ValueError(f"logits of shape {tuple(logits.shape)}; {expected} is expected")
        except Exception as error:  # a stranger's code may raise anything
            raise AttackError(f"surrogate() of '{attack.name}' raised {type(error).__name__}: {error}.") from error
        if not torch.equal(given, shown):
            raise AttackError(f"surrogate() of '{attack.name}' changed its input in place; work on a copy.")
        self._surrogate.append(logits.argmax(dim=1).cpu().numpy())

    def viewed(self, failures: Mapping[str, str]) -> Viewed:
        """Return what was seen, without targets that failed."""
        from benchbench.evaluate.measures import Distortion

        return Viewed(
            distortion=Distortion.joined(self._distortion) if self._job.attack is not None else None,
            predicted={n: np.concatenate(found) for n, found in self._predicted.items() if n not in failures},
            surrogate=np.concatenate(self._surrogate) if self._surrogate else None,
            clipped=self._clipped,
            values=self._values,
        )


def _panel(job: Crossing, device: torch.device) -> tuple[Panel, CallCounter]:
    """Load the targets; one that cannot be loaded is named in the panel's failures."""
    from benchbench.evaluate.panel import CallCounter, Panel

    modules, nets, failures = {}, {}, {}
    for target in job.targets:
        name = target.name
        try:
            nets[name] = networks(target.fits(job.setup), job.setup, job.cache, device)
            modules[name] = target.load(nets[name], device).eval()
        except Exception as error:  # a stranger's target may raise anything; the others are still scored
            failures[name] = f"target '{name}' cannot be loaded: {error}"
    panel = Panel(modules, {t.name: t.classes(job.setup) for t in job.targets})
    panel.failures |= failures
    return panel, CallCounter(modules, nets)
