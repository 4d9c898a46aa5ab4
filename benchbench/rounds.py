"""The crossings of a run: jobs from missing cells, parts put together, cells from facts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchbench.assemble import make_cell
from benchbench.attack import Attack
from benchbench.cache import Cache
from benchbench.crossing import Crossed, Crossing, Split, View, cross, is_targeted, trials, true_classes
from benchbench.executors.jobs import Job, Outcome
from benchbench.executors.meter import Meter
from benchbench.fit import Progress
from benchbench.plan import Plan, PlannedCell, clean_id, craft_key, crossing_seconds, target_fits
from benchbench.protocol import Protocol, RunOptions
from benchbench.provenance import provenance
from benchbench.source import Source
from benchbench.store import CellStore
from benchbench.target import Target

if TYPE_CHECKING:
    from benchbench.data import Dataset

JOBS_PER_WORKER = 3
"""Crossings are cut into at least so many jobs a worker, so that none stands idle at the end."""


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
    parts: dict[int, Crossed | None]
    error: str | None = None

    @property
    def label(self) -> str:
        return f"{self.attack.name if self.attack else 'clean'} {self.split}"


class Crossings:
    """Runs the crossings that missing cells need and writes the cells."""

    def __init__(
        self, *, plan: Plan, source: Source, dataset: Dataset, options: RunOptions, cells: Sequence[PlannedCell]
    ) -> None:
        """Take the cells to compute, whose fits are all in the cache."""
        self.plan, self.source, self.dataset, self.options = plan, source, dataset, options
        self.failed: list[tuple[PlannedCell, str]] = []
        self.failures: dict[str, str] = {}
        self._cache = Cache(options.cache)
        self._store = CellStore(options.results)
        self._camera = np.asarray(dataset.photos("test").camera, np.int64)
        self._fits = {t.name: target_fits(t, plan.setup) for t in {c.target.name: c.target for c in cells}.values()}
        self._groups = {group.key: group for group in [*self._clean_groups(cells), *self._craft_groups(cells)]}

    def run(self, show: Progress) -> Iterator[PlannedCell]:
        """Run all jobs; yield each cell once its file is written.

        Raises:
            StoreError: a cell cannot be written.
        """
        from benchbench.executors.local import run_jobs

        jobs = self._jobs()
        meter = Meter(jobs, show)
        for outcome in run_jobs(jobs, workers=self.options.workers, on_progress=meter.progress):
            meter.finish(outcome)
            yield from self._arrived(outcome)

    def _clean_groups(self, cells: Sequence[PlannedCell]) -> Iterator[_Group]:
        for split in dict.fromkeys(cell.split for cell in cells):
            targets = {cell.target.name: cell.target for cell in cells if cell.split == split}
            absent = tuple(t for t in targets.values() if self._cache.clean_matrix(self._clean_id(t, split)) is None)
            if absent:
                view = View(protocol=Protocol(), targets=tuple(t.name for t in absent))
                yield self._group(f"clean/{split}", None, split, 0, absent, (view,), ())

    def _craft_groups(self, cells: Sequence[PlannedCell]) -> Iterator[_Group]:
        together: dict[str, list[PlannedCell]] = {}
        for cell in cells:
            together.setdefault(craft_key(cell), []).append(cell)
        for key, mine in together.items():
            protocols = list(dict.fromkeys(cell.protocol for cell in mine))
            views = tuple(
                View(protocol=p, targets=tuple(cell.target.name for cell in mine if cell.protocol == p))
                for p in protocols
            )
            targets = tuple({cell.target.name: cell.target for cell in mine}.values())
            first = mine[0]
            yield self._group(key, first.attack, first.split, first.protocol.seed, targets, views, tuple(mine))

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
        total = len(trials(self._camera, self.plan.setup.known, split, targeted))
        return _Group(key, attack, split, seed, targets, views, cells, total, {})

    def _jobs(self) -> list[Job]:
        wanted = JOBS_PER_WORKER * self.options.workers if self.options.workers > 1 else 1
        share = math.ceil(sum(group.total for group in self._groups.values()) / wanted)
        size = max(share, 2 * self.options.batch)
        jobs: list[Job] = []
        clean: dict[Split, set[str]] = {"in": set(), "out": set()}
        for group in self._groups.values():
            count = max(1, round(group.total / size))
            edges = [group.total * i // count for i in range(count + 1)]
            for start, stop in pairwise(edges):
                group.parts[start] = None
                needs = frozenset(clean[group.split]) if group.attack else frozenset[str]()
                job = self._job(group, start, stop, needs)
                jobs.append(job)
                if group.attack is None:
                    clean[group.split].add(job.key)
        return jobs

    def _job(self, group: _Group, start: int, stop: int, needs: frozenset[str]) -> Job:
        crossing = Crossing(
            attack=group.attack,
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
        )
        looks = sum(len(view.targets) for view in group.views)
        cost = crossing_seconds(stop - start, looks, self.dataset.size)
        call = partial(cross, crossing)
        return Job(key=f"{group.key}/{start}", label=group.label, call=call, cost=cost, needs=needs)

    def _arrived(self, outcome: Outcome) -> Iterator[PlannedCell]:
        key, _, start = outcome.key.rpartition("/")
        group = self._groups[key]
        if outcome.error is not None:
            if group.error is None:
                group.error = outcome.error
                if not outcome.blocked:
                    self.failures[group.label] = told(outcome, self._cache)
                self.failed += [(cell, outcome.error) for cell in group.cells]
            return
        group.parts[int(start)] = outcome.value
        parts = [group.parts[place] for place in sorted(group.parts)]
        whole = [part for part in parts if part is not None]
        if group.error is None and len(whole) == len(parts):
            yield from self._complete(group, whole)
            group.parts.clear()

    def _complete(self, group: _Group, parts: Sequence[Crossed]) -> Iterator[PlannedCell]:
        failures = {name: reason for part in parts for name, reason in part.failures.items()}
        self.failures |= failures
        if group.attack is None:
            self._keep_clean(group, parts, failures)
            return
        for cell in group.cells:
            name = cell.target.name
            clean = self._cache.clean_matrix(self._clean_id(cell.target, cell.split))
            if name in failures:
                self.failed.append((cell, failures[name]))
            elif clean is None:
                reason = f"target '{name}' has no confusion matrix on the unattacked photographs"
                self.failed.append((cell, self.failures.setdefault(name, reason)))
            else:
                facts = provenance(self.options.device, math.fsum(part.seconds for part in parts))
                view = [v.protocol for v in group.views].index(cell.protocol)
                self._store.write(make_cell(cell, parts, clean, self.plan, self.dataset, facts, view))
                yield cell

    def _keep_clean(self, group: _Group, parts: Sequence[Crossed], failures: dict[str, str]) -> None:
        classes = true_classes(self.plan.setup.known, self.plan.setup.classes, group.split)
        true = np.concatenate([part.trials.true for part in parts])
        for target in group.targets:
            if target.name not in failures:
                table = np.zeros((len(classes), target.classes(self.plan.setup)), np.int64)
                predicted = np.concatenate([part.views[0].predicted[target.name] for part in parts])
                np.add.at(table, (true - classes[0], predicted), 1)
                self._cache.save_clean_matrix(self._clean_id(target, group.split), target.name, table.tolist())

    def _clean_id(self, target: Target, split: Split) -> str:
        return clean_id(target, self._fits[target.name], self.plan.setup.data_id, split)


def told(outcome: Outcome, cache: Cache) -> str:
    """Return the error of an outcome, and where its traceback is kept."""
    text = outcome.error or ""
    path = cache.log(outcome.key, outcome.detail) if outcome.detail else None
    return f"{text}  Traceback: {path}" if path else text
