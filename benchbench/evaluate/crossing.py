"""The crossing: craft photographs with one attack on a part of one split, judge them, classify them with all targets.

A crossing returns facts per trial (one photograph, one wanted class), so that parts can be put together in any order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError, TargetError
from benchbench.base.memory import give_back, keep_freed
from benchbench.base.whereabouts import at
from benchbench.contracts.attack import Attack
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.fit import Progress, Setup, silent
from benchbench.contracts.measure import MEASURES
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Source
from benchbench.contracts.target import Target
from benchbench.contracts.task import TASKS, Outcomes, TaskContext
from benchbench.contracts.trials import Split, Trials, is_targeted, trials
from benchbench.evaluate.apart import apart, crafter_of
from benchbench.evaluate.craft import ordered
from benchbench.evaluate.crafter import Crafter
from benchbench.evaluate.global_state import as_it_was
from benchbench.evaluate.measures import BUILT_IN
from benchbench.evaluate.memory import TRIM_SECONDS, at_a_time
from benchbench.evaluate.networks import networks, to_tensor
from benchbench.evaluate.sealed import Sealed

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Dataset
    from benchbench.evaluate.panel import CallCounter, Member, Panel


@dataclass(frozen=True, kw_only=True)
class View:
    """One way to judge what was crafted: a protocol, and the targets that are to see it."""

    protocol: Protocol
    targets: tuple[str, ...]
    """Names."""


@dataclass(frozen=True, kw_only=True)
class CrossingJob:
    """A job: one attack (None: the photographs as they are) on trials start to stop of one split.

    Crafting is the same for all views, which differ in budget and condition alone, so in no wanted model.
    """

    attack: Attack | Sealed | None
    """Sealed: it crafts in a process of its own, and this one never imports its code."""
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
    measures: tuple[str, ...] = BUILT_IN
    """Names of what is measured of each craft."""
    lost: tuple[tuple[str, str], ...] = ()
    """Targets that are left out, by name, and what they did: a sentence."""

    def without(self, culprit: str, why: str) -> CrossingJob | None:
        """Return the job without one of its targets; None where it is not one of them, or the only one.

        Args:
            culprit: as `named` has it.
            why: a sentence.
        """
        left_out = {name for name, _ in self.lost}
        name = next((t.name for t in self.targets if named(t.name) == culprit and t.name not in left_out), None)
        return None if name is None else replace(self, lost=(*self.lost, (name, why)))


def named(target: str) -> str:
    """Return how a target is called where it is to blame."""
    return f"target '{target}'"


@dataclass(frozen=True, kw_only=True)
class ViewResult:
    """What came of one view; arrays over the crossing's trials."""

    measures: Mapping[str, NDArray[np.float64]]
    """Of what the attacker handed over, by name; none for clean photographs."""
    outcomes: Mapping[str, Outcomes]
    """What the task of each target found, by target."""
    surrogate: Mapping[str, NDArray[np.int64]]
    """Class predicted by the attack's own evaluator, by stream, all together as WHOLE; empty where it has none."""
    clipped: int
    """Values that stand at 0 or 1 and did not before."""
    values: int
    """Values in all."""


@dataclass(frozen=True, kw_only=True)
class CrossingResult:
    """What came of a crossing."""

    trials: Trials
    views: tuple[ViewResult, ...]
    """In the order of `CrossingJob.views`."""
    target_calls: int
    facts: Mapping[str, Any]
    failures: Mapping[str, str]
    """Targets that failed, with the reason."""
    seconds: float


def cross(job: CrossingJob, progress: Progress = silent) -> CrossingResult:
    """Craft, judge and classify.

    Raises:
        AttackError: the attack broke its contract, or called a target that it must not know.
    """
    import torch

    began = time.perf_counter()
    keep_freed()
    device = torch.device(job.device)
    dataset = job.source.open(job.cache)
    scenario = SCENARIOS.create(job.split)
    made = networks(scenario.fits(job.setup), job.setup, job.cache, device)
    photos = scenario.pictures(dataset, made)
    targeted = is_targeted(job.attack, (view.protocol for view in job.views))
    protocol = job.views[0].protocol
    every = trials(photos.camera, job.setup.known, job.split, targeted, protocol.wanted, protocol.limit)
    part = slice(job.start, job.stop)
    mine = Trials(every.image[part], every.true[part], every.wanted[part])

    attack = job.attack
    if isinstance(attack, Sealed):
        apart(attack)  # it starts while this process loads the targets
    panel, counter = _panel(job, device, dataset)
    white_box = _white_box(job)
    seen = next(iter(panel.members), "") if white_box else ""
    crafter: Crafter | None = None
    judges = [_Judge(job, view, dataset) for view in job.views]
    try:
        size = at_a_time(job.batch, dataset.size, device)
        trimmed = time.perf_counter()
        if attack is not None and (seen or not white_box):
            crafter = crafter_of(
                attack,
                job.split,
                setup=job.setup,
                source=job.source,
                cache=job.cache,
                device=job.device,
                targets=job.targets,
                beat=lambda: progress(0, len(mine), ""),
            )
            if seen:
                crafter = _met(crafter, next(t for t in job.targets if t.name == seen), panel)
        for start in range(0, len(mine), size) if attack is None or crafter is not None else ():
            rows = slice(start, start + size)
            batch = Trials(mine.image[rows], mine.true[rows], mine.wanted[rows])
            # Mapped anew for each batch: what was read through a map that stays open counts as memory of this process.
            x = changed = to_tensor(scenario.pictures(dataset, made).images[batch.image], device)
            if attack is not None and crafter is not None:
                where = f"split {job.split}, batch {(job.start + start) // size + 1}"
                order = ordered(attack.card, attack.name, photos, batch, job.setup.known, job.seed, where, seen)
                try:
                    with counter.watch():
                        changed = crafter.craft(x, order)
                except TargetError as error:
                    panel.failures[seen] = str(error)
                    break  # it is the only one that this crossing is for
                calls = counter.calls + crafter.calls
                if calls and not white_box:
                    raise AttackError(
                        f"'{attack.name}' called a target {calls} times on {where}; "
                        f"an attack with knowledge '{attack.card.knowledge}' never sees one."
                    )
            for judge in judges:
                judge.take(x, changed, batch, panel, crafter)
            progress(min(start + size, len(mine)), len(mine), "")
            if time.perf_counter() - trimmed > TRIM_SECONDS:
                give_back()
                trimmed = time.perf_counter()
    finally:
        counter.close()
        give_back()
    return CrossingResult(
        trials=mine,
        views=tuple(judge.result(panel.failures) for judge in judges),
        target_calls=crafter.calls if crafter is not None else 0,
        facts=crafter.facts if crafter is not None else {},
        failures=panel.failures,
        seconds=time.perf_counter() - began,
    )


def _white_box(job: CrossingJob) -> bool:
    return job.attack is not None and job.attack.card.knowledge == "white-box"


def _met(crafter: Crafter, target: Target, panel: Panel) -> Crafter | None:
    """Give a white-box attack its target; None where it cannot be loaded, which `panel` then says."""
    try:
        with at(named(target.name)):
            crafter.meet(target)
    except (Exception, SystemExit) as error:  # a stranger's target may raise anything
        panel.failures[target.name] = f"target '{target.name}' cannot be loaded: {error or type(error).__name__}"
        return None
    return crafter


class _Judge:
    """Judges crafted photographs under one view, batch by batch."""

    def __init__(self, job: CrossingJob, view: View, dataset: Dataset) -> None:
        self._job, self._view = job, view
        self._measured: list[dict[str, NDArray[np.float64]]] = []
        self._outcomes: dict[str, list[Outcomes]] = {}
        self._surrogate: list[dict[str, NDArray[np.int64]]] = []
        self._clipped = self._values = 0
        self._condition = CONDITIONS.create(view.protocol.condition)
        self._measures = [MEASURES.create(name) for name in job.measures]
        self._prepared = self._condition.prepare(dataset) if job.attack is not None else None

    def take(
        self, x: torch.Tensor, changed: torch.Tensor, batch: Trials, panel: Panel, crafter: Crafter | None
    ) -> None:
        """Take a batch of originals and of what the attack made of them."""
        attack = self._job.attack
        shown = x
        if attack is not None:
            from benchbench.evaluate.conditions import crafted
            from benchbench.evaluate.measures import measured

            rounded = self._condition.rounded
            handed = crafted(x, changed, self._view.protocol, rounded)
            self._measured.append(measured(x, handed, rounded, self._measures))
            self._clipped += int((((handed == 0) & (x != 0)) | ((handed == 1) & (x != 1))).sum())
            self._values += handed.numel()
            shown = self._condition.show(handed, batch.wanted, self._prepared)
            if crafter is not None and (attack.evaluates if isinstance(attack, Sealed) else True):
                self._surrogate.append(crafter.ask(shown))
        for name, outcomes in panel.examine(shown, batch, self._view.targets).items():
            self._outcomes.setdefault(name, []).append(outcomes)

    def result(self, failures: Mapping[str, str]) -> ViewResult:
        """Return what was seen, without targets that failed."""
        from benchbench.evaluate.measures import joined

        found = {n: parts for n, parts in self._outcomes.items() if n not in failures}
        return ViewResult(
            measures=joined(self._measured),
            outcomes={n: {c: np.concatenate([p[c] for p in parts]) for c in parts[0]} for n, parts in found.items()},
            surrogate={n: np.concatenate([part[n] for part in self._surrogate]) for n in self._surrogate[0]}
            if self._surrogate
            else {},
            clipped=self._clipped,
            values=self._values,
        )


def _loaded(target: Target, job: CrossingJob, device: torch.device, dataset: Dataset) -> tuple[dict[str, Any], Member]:
    """Load a target: the networks that it is made of, and itself at work."""
    from benchbench.evaluate.panel import Member

    nets = networks(target.fits(job.setup), job.setup, job.cache, device)
    module = target.load(nets, device).eval()
    classes = target.classes(job.setup)
    context = TaskContext(known=job.setup.known, classes=classes, target=target.name, dataset=dataset)
    return nets, Member(module, TASKS.create(target.card.task), context)


def _panel(job: CrossingJob, device: torch.device, dataset: Dataset) -> tuple[Panel, CallCounter]:
    """Load the targets; one that cannot be loaded is named in the panel's failures."""
    from benchbench.evaluate.panel import CallCounter, Panel

    members: dict[str, Member] = {}
    nets: dict[str, dict[str, Any]] = {}
    failures = dict(job.lost)
    for target in job.targets:
        name = target.name
        if name in failures:
            continue
        try:
            with at(named(target.name)), as_it_was():
                nets[name], members[name] = _loaded(target, job, device, dataset)
        except (Exception, SystemExit) as error:  # a stranger's target may raise anything; the others are still scored
            failures[name] = f"target '{name}' cannot be loaded: {error or type(error).__name__}"
    panel = Panel(members)
    panel.failures |= failures
    return panel, CallCounter({name: member.module for name, member in members.items()}, nets)
