"""A run: photographs, then missing fits, then one crossing per attack and split, each cell written as it arrives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchbench.base.errors import BenchError, StoreError
from benchbench.base.processes import start_server
from benchbench.base.progress import Display, Quiet
from benchbench.base.provenance import provenance
from benchbench.contracts.attack import Attack
from benchbench.contracts.profile import Profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.source import Facts, Source
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split
from benchbench.harness.dataset_summary import write_dataset_json
from benchbench.harness.executors import run_jobs
from benchbench.harness.executors.jobs import Job, Outcome
from benchbench.harness.executors.meter import Meter
from benchbench.harness.executors.mirrored import mirrored
from benchbench.harness.executors.queue import Queue
from benchbench.harness.fits import fit_jobs
from benchbench.harness.options import RunOptions
from benchbench.harness.photographs import from_zoo, make_photographs, photograph_seconds, test_is_enough
from benchbench.harness.plan import Plan, clean_id, make_plan
from benchbench.harness.rounds import Crossings, told
from benchbench.harness.summary import RunSummary
from benchbench.harness.worklist import PHOTOGRAPHS
from benchbench.harness.worklist import only as part_of
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore
from benchbench.records.mirror import Mirror
from benchbench.records.zoo import Zoo

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset


def plan_run(
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    splits: Sequence[Split],
    *,
    protocols: Sequence[Protocol],
    profile: Profile,
    source: Source,
    options: RunOptions,
    seed: int = 0,
    fingerprint: str = "",
) -> tuple[Plan, Facts]:
    """Find out what a run would do, without making photographs, networks or cells.

    Args:
        protocols: how crafted photographs are judged; they are crafted once for all that share a seed.
        seed: of the networks' training; `Protocol.seed` is that of crafting.
        fingerprint: of the test photographs, where they are known better than the source knows them.

    Raises:
        BenchError: see `benchbench.harness.plan.make_plan`.
    """
    facts = source.facts(options.cache)
    if facts.known < 2:
        raise BenchError(
            f"the attacker knows {facts.known} camera models of '{facts.name}'; a run takes one for another, and needs "
            "two. bench data check says what the folder lacks."
        )
    facts = replace(facts, fingerprint=fingerprint) if fingerprint else facts
    plan = make_plan(
        attacks,
        targets,
        splits,
        setup=facts.setup(profile, seed),
        protocols=protocols,
        facts=facts,
        store=CellStore(options.results),
        cache=Cache(options.cache),
        stored=_stored(options),
        device=options.device,
    )
    return plan, facts


def _stored(options: RunOptions) -> frozenset[str]:
    """Return the ids of fits that are not in the cache and need no training all the same."""
    zoo = Zoo(options.zoo).ids() if options.zoo is not None else frozenset()
    return zoo | (Mirror(options.remote).names("fits") if options.remote else frozenset())


def run(
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    splits: Sequence[Split] = ("in", "out"),
    *,
    protocols: Sequence[Protocol],
    profile: Profile,
    source: Source,
    options: RunOptions,
    seed: int = 0,
    display: Display | None = None,
    only: Collection[str] = (),
) -> RunSummary:
    """Compute the missing cells of attacks x targets x splits and write each as it arrives.

    Args:
        attacks, targets, splits, protocols, profile, source, options, seed: see `plan_run`.
        display: shows how far the run is.
        only: names of pieces of `benchbench.harness.worklist` to do, where another scheduler does the rest; empty: all.

    A failing fit, attack or target is named in the summary and the others finish. Whatever stops a run, the next one
    with the same arguments goes on from what is there.

    Raises:
        BenchError: the request makes no sense, a cell is damaged, or a cell cannot be written.
    """
    display = display or Quiet()
    cache = Cache(options.cache)
    with leased(cache) as need:

        def planned(fingerprint: str = "") -> tuple[Plan, Facts]:
            case: dict[str, Any] = {"protocols": protocols, "profile": profile, "source": source, "options": options}
            return plan_run(attacks, targets, splits, **case, seed=seed, fingerprint=fingerprint)

        plan, facts = planned()
        if cache.set_aside_damaged(plan.fits):  # what was damaged is missing now
            plan, facts = planned()
        enough = test_is_enough(plan, options)
        whole = plan
        plan = part_of(plan, facts, only) if only else plan
        known = {cell.fingerprint for cell in plan.having("present") if cell.fingerprint}
        if not plan.wanted and not plan.missing_fits and PHOTOGRAPHS not in only and len(known) < 2:
            return _summary(plan)
        if options.executor == "local" and (options.apart or options.workers > 1):
            start_server()
        need([*whole.fits, *_used(whole), plan.setup.data_id])
        CellStore(options.results).clean()
        display.start(stage_seconds(plan, facts, options))
        try:
            _adopt(plan, options)
            dataset = make_photographs(plan, facts, source, options, display, enough)
            if known - {dataset.fingerprint("test")}:  # cells of other pixels count as missing
                plan, facts = planned(dataset.fingerprint("test"))
                plan = part_of(plan, facts, only) if only else plan
                _adopt(plan, options)
                dataset = make_photographs(plan, facts, source, options, display, test_is_enough(plan, options))
            summary = _summary(plan)
            _crossed(plan, source, dataset, options, display, summary)
        finally:
            display.close()
    return summary


@contextmanager
def leased(cache: Cache) -> Iterator[Callable[[Iterable[str]], None]]:
    """Hold the cache against `bench gc`; one that cannot be written nobody frees."""
    with ExitStack() as held:
        try:
            need = held.enter_context(cache.lease())
        except StoreError:
            yield lambda names: None
        else:
            yield need


def _used(plan: Plan) -> set[str]:
    """Return the ids of the fits that attacks and targets of a plan are made of."""
    things = {id(thing): thing for cell in plan.cells for thing in (cell.attack, cell.target)}.values()
    return {fit.fit_id(plan.setup.data_id) for thing in things for fit in thing.fits(plan.setup).values()}


def _summary(plan: Plan) -> RunSummary:
    return RunSummary(
        present=plan.having("present"),
        skipped=[(cell, cell.reason) for cell in plan.having("skipped")],
        failures=dict(plan.broken),
    )


def _crossed(
    plan: Plan, source: Source, dataset: Dataset, options: RunOptions, display: Display, summary: RunSummary
) -> None:
    """Train and cross what is missing, on photographs that are there."""
    known = from_zoo(plan, options)
    if options.zoo is not None:
        fingerprint = dataset.fingerprint("test")
        here = provenance(options.device, 0)
        Zoo(options.zoo).adopt_clean(_clean_ids(plan), plan.setup.data_id, fingerprint, here, Cache(options.cache))
        if known is not None and known["fingerprints"]["test"] != fingerprint:
            logging.getLogger("benchbench").warning(
                "bench: the networks of the zoo were trained on photographs that other versions of a library rendered; "
                "numbers may differ from the reference in rounding, and are not shown beside it. --no-zoo trains here."
            )
    # A folder may lack a role; say so before anything trains on it.
    roles = (getattr(plan.fits[fit_id], "role", None) for fit_id in plan.missing_fits)
    dataset.require(*dict.fromkeys(role for role in roles if role is not None))
    shared = known["shared"] if known is not None and not dataset.whole else None
    write_dataset_json(dataset, plan.setup.profile, options.results, shared)
    _compute(plan, source, dataset, options, display, summary)


def _adopt(plan: Plan, options: RunOptions) -> None:
    """Put networks of the zoo into the cache, and where several machines share a store, there as well."""
    if options.zoo is None:
        return
    zoo = Zoo(options.zoo)
    zoo.adopt(plan.fits, Cache(options.cache))
    if options.remote:
        for fit_id in zoo.ids().intersection(plan.fits):
            Mirror(options.remote).put(f"fits/{fit_id}", options.cache)


def _clean_ids(plan: Plan) -> list[str]:
    """Return the ids of the confusion matrices that the wanted cells need."""
    pairs = {(cell.target.name, cell.split): cell.target for cell in plan.wanted}
    return [clean_id(target, plan.setup, split) for (_, split), target in pairs.items()]


def _compute(
    plan: Plan, source: Source, dataset: Dataset, options: RunOptions, display: Display, summary: RunSummary
) -> None:
    """Train what is missing and cross; a crossing starts as soon as its own networks are there."""
    crossings = Crossings(plan=plan, source=source, dataset=dataset, options=options)
    queue = Queue()
    networks = Meter(lambda done, total, text: display.update("networks", done, total, text))
    crossing = Meter(lambda done, total, text: display.update("crossing", done, total, text), plan.seconds_crossing)

    def add(jobs: Sequence[Job], meter: Meter) -> None:
        meter.add(jobs)
        queue.add(mirrored(job, options.remote, options.cache) for job in jobs)

    def on_progress(key: str, done: int, total: int, text: str) -> None:
        (networks if key in networks else crossing).progress(key, done, total, text)

    add(fit_jobs(plan.fits, plan.missing_fits, plan.costs, plan.setup, source, options), networks)
    add(crossings.released(), crossing)
    waiting = set(plan.missing_fits)
    if not waiting:
        display.update("networks", 1, 1, "ready")
    for outcome in run_jobs(queue, options, on_progress):
        if outcome.key in networks:
            networks.finish(outcome)
            crossings.fit_ended(outcome.key, _lost(outcome, plan, options, summary))
            waiting.discard(outcome.key)
            if not waiting:
                display.update("networks", 1, 1, "ready")
            add(crossings.released(), crossing)
        else:
            crossing.finish(outcome)
            summary.computed += crossings.arrived(outcome)
    display.update("crossing", 1, 1, "ready")
    summary.skipped += crossings.skipped
    summary.failed += crossings.failed
    summary.failures |= crossings.failures


def _lost(outcome: Outcome, plan: Plan, options: RunOptions, summary: RunSummary) -> str | None:
    """Return why cells lack the network of a fit that has ended, or None where it is there."""
    label = plan.fits[outcome.key].label
    if outcome.error is None:
        return None
    if outcome.blocked:
        return outcome.error
    summary.failures[label] = told(outcome, Cache(options.cache))
    return f"'{label}' failed"


def stage_seconds(plan: Plan, facts: Facts, options: RunOptions) -> dict[str, float]:
    """Return the wall-clock seconds that each stage is expected to take."""
    workers = max(1, options.workers)
    photographs = photograph_seconds(plan, facts, options)
    longest = max(plan.costs.values(), default=0.0)
    return {
        "photographs": photographs / workers,
        "networks": max(longest, plan.seconds_fits / workers),
        "crossing": plan.seconds_crossing / workers,
    }
