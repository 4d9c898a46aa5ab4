"""The crossings of a run: jobs from missing cells, parts put together, cells from facts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.metadata import entry_points
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import IdentityError, StoreError, TargetError
from benchbench.base.identity import code_digest, digest, source_digest
from benchbench.base.provenance import provenance
from benchbench.contracts.attack import Attack
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Source
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split, is_targeted, trials
from benchbench.evaluate.crossing import CrossingJob, CrossingResult, View, cross
from benchbench.evaluate.measures import BUILT_IN
from benchbench.evaluate.sealed import Sealed
from benchbench.harness.assemble import clean_facts, make_cell
from benchbench.harness.executors.jobs import Job, Outcome, package
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import crossing_seconds
from benchbench.harness.parts import Parts
from benchbench.harness.plan import Plan, PlannedCell, clean_id, together
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset

JOBS_PER_WORKER = 3
"""Crossings are cut into at least so many jobs a worker, so that none stands idle at the end."""
PART_SECONDS = 600.0
"""What a job should take at most, by its estimate: so much of a crossing is lost with a worker."""


@lru_cache(maxsize=1)
def _packages() -> frozenset[str]:
    """Return benchbench and the top-level packages of all plugins."""
    points = entry_points()
    groups = [group for group in points.groups if group.startswith("benchbench.")]
    roots = (point.module.partition(".")[0] for group in groups for point in points.select(group=group))
    return frozenset({"benchbench", *roots})


@dataclass
class _Group:
    """One attack on one split (None: clean photographs), for the targets that miss a cell; cut into parts."""

    key: str
    attack: Attack | None
    split: Split
    seed: int
    targets: tuple[Target, ...]
    views: tuple[View, ...]
    cells: tuple[PlannedCell, ...]
    total: int
    parts: dict[int, CrossingResult | None]
    kept: Parts
    error: str | None = None

    @property
    def label(self) -> str:
        return f"{self.attack.name if self.attack else 'clean'} {self.split}"


class Crossings:
    """Makes jobs of crossings as soon as their networks are there, and cells of what comes back."""

    def __init__(self, *, plan: Plan, source: Source, dataset: Dataset, options: RunOptions) -> None:
        """Take a plan, whose missing fits are trained while crossings wait for them."""
        self.plan, self.source, self.dataset, self.options = plan, source, dataset, options
        self.failed: list[tuple[PlannedCell, str]] = []
        self.skipped: list[tuple[PlannedCell, str]] = []
        self.failures: dict[str, str] = {}
        self._cache = Cache(options.cache)
        self._store = CellStore(options.results)
        self._camera = np.asarray(dataset.photos("test").camera, np.int64)
        self._groups: dict[str, _Group] = {}
        things = {id(thing): thing for cell in plan.wanted for thing in (cell.attack, cell.target)}
        self._fits = {key: frozenset(plan.needed(t.fits(plan.setup))) for key, t in things.items()}
        self._cells = together(plan.wanted)
        splits = {cell.split: SCENARIOS.create(cell.split).fits(plan.setup) for cell in plan.wanted}
        self._pictures = {split: frozenset(plan.needed(fits)) for split, fits in splits.items()}
        self._awaited = {
            key: {f for cell in mine for f in self._needs(cell.split, cell.attack, cell.target)} & plan.missing_fits
            for key, mine in self._cells.items()
        }
        self._lost: dict[str, str] = {}
        self._clean_jobs: dict[tuple[str, Split], frozenset[str]] = {}
        self._clean_pending: set[str] = set()
        self._unkept = False
        self._size = self._share()

    def fit_ended(self, fit_id: str, lost: str | None = None) -> None:
        """Note that a fit is there, or why it will not be."""
        if lost is not None:
            self._lost[fit_id] = lost
        for fits in self._awaited.values():
            fits.discard(fit_id)

    def released(self) -> list[Job]:
        """Return the jobs that can run now and could not at the last call."""
        jobs: list[Job] = []
        for key in [key for key, fits in self._awaited.items() if not fits]:
            del self._awaited[key]
            if cells := self._without_lost(self._cells[key]):
                jobs += self._start(key, cells)
        return jobs

    def arrived(self, outcome: Outcome) -> Iterator[PlannedCell]:
        """Take the outcome of a job; yield each cell once its file is written.

        Raises:
            StoreError: a cell cannot be written.
        """
        key, _, start = outcome.key.rpartition("/")
        group = self._groups[key]
        self._clean_pending.discard(outcome.key)
        if outcome.error is not None:
            if group.error is None:
                group.error = outcome.error
                if not outcome.blocked:
                    self.failures[group.label] = told(outcome, self._cache)
                self.failed += [(cell, outcome.error) for cell in group.cells]
            return
        self._take(group, int(start), outcome.value)
        parts = [group.parts[place] for place in sorted(group.parts)]
        whole = [part for part in parts if part is not None]
        if group.error is None and len(whole) == len(parts):
            yield from self._complete(group, whole)
            group.kept.remove()
            group.parts.clear()

    def _take(self, group: _Group, start: int, part: CrossingResult) -> None:
        """Note a part, and write it where others are to come: none with a failure, which may not happen again."""
        group.parts[start] = part
        if None not in group.parts.values() or part.failures:
            return
        try:
            group.kept.keep(start, start + len(part.trials), part)
        except (StoreError, ValueError, TypeError) as error:  # no room, or what a stranger's task found is no array
            if not self._unkept:
                text = "bench: parts of crossings are not kept, a run that is stopped repeats them: %s"
                logging.getLogger("benchbench").warning(text, error)
            self._unkept = True

    def _needs(self, split: Split, *things: Attack | Target | None) -> frozenset[str]:
        return self._pictures[split].union(*(self._fits[id(thing)] for thing in things if thing is not None))

    def _without_lost(self, cells: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Return the cells whose fits are all there; the others are skipped, with the reason."""
        reasons: dict[int, str] = {}
        for thing in (thing for cell in cells for thing in (cell.attack, cell.target)):
            if id(thing) not in reasons:
                lost = [why for fit_id, why in self._lost.items() if fit_id in self._fits[id(thing)]]
                reasons[id(thing)] = lost[0] if lost else ""
        ready = []
        for cell in cells:
            unmade = [why for fit_id, why in self._lost.items() if fit_id in self._pictures[cell.split]]
            if reason := reasons[id(cell.attack)] or reasons[id(cell.target)] or next(iter(unmade), ""):
                self.skipped.append((cell, reason))
            else:
                ready.append(cell)
        return ready

    def _start(self, key: str, cells: Sequence[PlannedCell]) -> Iterator[Job]:
        protocols = list(dict.fromkeys(cell.protocol for cell in cells))
        views = tuple(
            View(protocol=p, targets=tuple(cell.target.name for cell in cells if cell.protocol == p)) for p in protocols
        )
        targets = tuple({cell.target.name: cell.target for cell in cells}.values())
        first = cells[0]
        yield from self._clean(targets, first.split)
        needs = frozenset[str]().union(*(self._clean_jobs.get((t.name, first.split), ()) for t in targets))
        group = self._group(key, first.attack, first.split, first.protocol.seed, targets, views, tuple(cells))
        yield from self._jobs(group, needs & self._clean_pending)

    def _clean(self, targets: Sequence[Target], split: Split) -> Iterator[Job]:
        """Yield the jobs that classify the unattacked photographs with targets that have not done so yet."""
        absent = tuple(
            target
            for target in targets
            if (target.name, split) not in self._clean_jobs and self._cache.clean(self._clean_id(target, split)) is None
        )
        if not absent:
            return
        view = View(protocol=Protocol(), targets=tuple(t.name for t in absent))
        jobs = list(self._jobs(self._group(f"clean/{split}/{len(self._groups)}", None, split, 0, absent, (view,), ())))
        self._clean_pending |= {job.key for job in jobs}
        self._clean_jobs |= {(target.name, split): frozenset(job.key for job in jobs) for target in absent}
        yield from jobs

    def _group(
        self,
        key: str,
        attack: Attack | None,
        split: Split,
        seed: int,
        targets: tuple[Target, ...],
        views: tuple[View, ...],
        cells: tuple[PlannedCell, ...],
    ) -> _Group:
        targeted = is_targeted(attack, (view.protocol for view in views))
        protocol = views[0].protocol
        total = len(trials(self._true(split), self.plan.setup.known, split, targeted, protocol.wanted, protocol.limit))
        kept = Parts(self.options.cache, self._identity(attack, split, targets, views, cells))
        self._groups[key] = _Group(key, attack, split, seed, targets, views, cells, total, {}, kept)
        return self._groups[key]

    def _identity(
        self,
        attack: Attack | None,
        split: Split,
        targets: Sequence[Target],
        views: Sequence[View],
        cells: Sequence[PlannedCell],
    ) -> str:
        """Return a digest of all that a part hangs on, code and machine too: what is put together was made alike."""
        things = [thing for thing in (attack, *targets) if thing is not None]
        scenario, setup = SCENARIOS.create(split), self.plan.setup
        fits = [f.fit_id(setup.data_id) for maker in (scenario, *things) for f in maker.fits(setup).values()]
        facts = provenance(self.options.device, 0.0)
        return digest(
            "crossing",
            {
                "pictures": scenario.fingerprint(setup, self.dataset),
                "cells": [cell.cell_id for cell in cells],
                "clean": [self._clean_id(target, split) for target in targets] if attack is None else [],
                "views": [[*view.targets] for view in views],
                "measures": list(self.options.measures),
                "sources": [source_digest(thing) for thing in things],  # of what a script or a notebook defines
                "code": code_digest(frozenset({*_packages(), *(type(t).__module__.partition(".")[0] for t in things)})),
                "networks": [self._cache.content(fit_id) for fit_id in fits],
                "machine": {name: facts[name] for name in ("commit", "packages", "python", "device", "cpu")},
            },
        )

    def _true(self, split: Split) -> NDArray[np.int64]:
        return SCENARIOS.create(split).true(self.plan.setup, self._camera)

    def _share(self) -> int:
        """Return how many trials a job should have."""
        trials_of: dict[tuple[Split, bool, int | None, int | None], int] = {}
        total = 0
        for mine in self._cells.values():
            targeted = is_targeted(mine[0].attack, (cell.protocol for cell in mine))
            case = mine[0].split, targeted, mine[0].protocol.wanted, mine[0].protocol.limit
            if case not in trials_of:
                trials_of[case] = len(trials(self._true(case[0]), self.plan.setup.known, *case))
            total += trials_of[case]
        wanted = JOBS_PER_WORKER * self.options.workers if self.options.workers > 1 else 1
        return max(math.ceil(total / wanted), 2 * self.options.batch)

    def _jobs(self, group: _Group, needs: frozenset[str] = frozenset()) -> Iterator[Job]:
        found = group.kept.found(group.total)
        group.parts |= {start: part for (start, _), part in found.items()}
        edges = [0, *(edge for place in sorted(found) for edge in place), group.total]
        gaps = [gap for gap in zip(edges[::2], edges[1::2], strict=True) if gap[0] < gap[1]]
        for first, last in gaps or [(0, 0)]:  # a crossing without trials is a job as well
            for start, stop in pairwise(self._cut(group, first, last)):
                group.parts[start] = None
                yield self._job(group, start, stop, needs)

    def _cut(self, group: _Group, first: int, last: int) -> list[int]:
        """Return where the trials from `first` to `last` are cut into jobs, both ends included."""
        seconds = self._seconds(group, last - first)
        count = max(1, round((last - first) / self._size), math.ceil(seconds / PART_SECONDS))
        count = min(count, max(1, (last - first) // self.options.batch))
        return [first + (last - first) * i // count for i in range(count + 1)]

    def _seconds(self, group: _Group, count: int) -> float:
        looks = [target for view in group.views for target in group.targets if target.name in view.targets]
        return crossing_seconds(count, group.attack, looks, self.plan.setup, self.dataset.size, self.plan.rate)

    def _job(self, group: _Group, start: int, stop: int, needs: frozenset[str]) -> Job:
        apart = group.attack is not None and self.options.crafts_apart
        crossing = CrossingJob(
            attack=Sealed(group.attack, self.plan.setup) if group.attack is not None and apart else group.attack,
            targets=group.targets,
            views=group.views,
            split=group.split,
            start=start,
            stop=stop,
            setup=self.plan.setup,
            seed=group.seed,
            source=self.source,
            cache=self.options.cache,
            device=self.options.device,
            batch=self.options.batch,
            measures=tuple(dict.fromkeys((*BUILT_IN, *self.options.measures))),
        )
        call = partial(cross, crossing)
        fits = sorted(self._needs(group.split, group.attack, *group.targets))
        reads = (f"data/{self.dataset.root.name}", *(f"fits/{fit_id}" for fit_id in fits))
        return Job(
            key=f"{group.key}/{start}",
            label=group.label,
            call=call,
            cost=self._seconds(group, stop - start),
            needs=needs,
            reads=reads,
            owner="" if apart or group.attack is None else package(group.attack),
            without=partial(_without, crossing),
            imports=self.plan.imports,
        )

    def _complete(self, group: _Group, parts: Sequence[CrossingResult]) -> Iterator[PlannedCell]:
        failures = {name: reason for part in parts for name, reason in part.failures.items()}
        self.failures |= failures
        if group.attack is None:
            self._keep_clean(group, parts, failures)
            return
        for cell in group.cells:
            name = cell.target.name
            clean = self._cache.clean(self._clean_id(cell.target, cell.split))
            if name in failures:
                self.failed.append((cell, failures[name]))
            elif clean is None:
                reason = f"target '{name}' has not been asked about the unattacked photographs"
                self.failed.append((cell, self.failures.setdefault(name, reason)))
            else:
                facts = provenance(self.options.device, math.fsum(part.seconds for part in parts))
                view = [v.protocol for v in group.views].index(cell.protocol)
                try:
                    made = make_cell(cell, parts, clean, self.plan, self.dataset, facts, view)
                except (TargetError, IdentityError) as error:  # the latter: a value that no record can hold
                    self.failures[name] = str(error)
                    self.failed.append((cell, str(error)))
                else:
                    self._store.write(made)
                    yield cell

    def _keep_clean(self, group: _Group, parts: Sequence[CrossingResult], failures: dict[str, str]) -> None:
        for target in group.targets:
            if target.name not in failures:
                try:
                    found = clean_facts(parts, target, group.split, self.plan.setup, self.dataset)
                except TargetError as error:
                    self.failures[target.name] = str(error)
                else:
                    self._cache.save_clean(self._clean_id(target, group.split), target.name, found)

    def _clean_id(self, target: Target, split: Split) -> str:
        return clean_id(target, self.plan.setup, split)


def _without(crossing: CrossingJob, culprit: str, why: str) -> Job | None:
    """Return what is left of a job without a target that has ended its process; see `Job.without`."""
    rest = crossing.without(culprit, why)
    if rest is None:
        return None
    return Job(key="", label="", call=partial(cross, rest), without=partial(_without, rest))


def told(outcome: Outcome, cache: Cache) -> str:
    """Return the error of an outcome, and where its traceback is kept."""
    text = outcome.error or ""
    path = cache.log(outcome.key, outcome.detail) if outcome.detail else None
    return f"{text}  Traceback: {path}" if path else text
