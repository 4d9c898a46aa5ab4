"""Filling the zoo and checking it: networks trained in a cache, and what they say of unattacked photographs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchbench.base.errors import BenchError, StoreError
from benchbench.base.identity import canonical_json
from benchbench.base.progress import Display, Quiet
from benchbench.base.provenance import provenance
from benchbench.contracts.attack import WHOLE, Attack, evaluators
from benchbench.contracts.fit import Progress, Setup
from benchbench.contracts.profile import Profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Source
from benchbench.contracts.target import Target
from benchbench.contracts.trials import SPLITS, Split, trials, true_classes
from benchbench.evaluate.crossing import CrossingJob, CrossingResult, View, cross
from benchbench.evaluate.networks import craft_context, to_tensor
from benchbench.harness.assemble import confusion
from benchbench.harness.dataset_summary import shared_with_test
from benchbench.harness.executors import run_jobs
from benchbench.harness.executors.jobs import Job, package
from benchbench.harness.executors.meter import Meter
from benchbench.harness.executors.queue import Queue
from benchbench.harness.options import RunOptions
from benchbench.harness.plan import clean_id, target_fits
from benchbench.harness.run import plan_run, run
from benchbench.harness.worklist import fit_name
from benchbench.records.cache import Cache
from benchbench.records.cell import CLASSIFICATION
from benchbench.records.zoo import Zoo

_PARTS = 4
"""Jobs a split: enough for the workers to end together."""
_TOLERANCE = 1
"""Photographs that another processor's rounding may turn."""


@dataclass(frozen=True)
class Score:
    """Unattacked test photographs named correctly."""

    correct: int
    of: int
    confusion: tuple[tuple[int, ...], ...] = ()
    """By true and by predicted class; true classes that the target cannot name are part of it."""

    def __str__(self) -> str:
        return f"{100 * self.correct / self.of:.1f} %" if self.of else "-"


@dataclass(frozen=True)
class Clean:
    """What networks say of unattacked test photographs."""

    targets: Mapping[str, Mapping[Split, Score]]
    """By target; of all camera models, those unknown to the attacker (out) for targets that know them."""
    evaluators: Mapping[str, Score]
    """By attack (`_distinct`): of the known camera models."""


def build(
    zoo: Zoo,
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    *,
    profile: Profile,
    source: Source,
    options: RunOptions,
    display: Display | None = None,
) -> None:
    """Train what the cache lacks and fill the zoo with the networks of attacks and targets.

    A build that is stopped goes on from its checkpoints.

    Raises:
        BenchError: a network could not be trained.
    """
    display = display or Quiet()
    with tempfile.TemporaryDirectory() as nowhere:
        # Without cells every network is wanted, and without a zoo none comes from there.
        alone = replace(options, zoo=None, remote=None, results=Path(nowhere))
        case: dict[str, Any] = {"protocols": [Protocol()], "profile": profile, "source": source, "options": alone}
        plan, _ = plan_run(attacks, targets, SPLITS, **case)
        only = [fit_name(fit_id) for fit_id in plan.missing_fits]
        if only:
            summary = run(attacks, targets, SPLITS, **case, display=display, only=only)
            if summary.failures:
                raise BenchError("; ".join(f"{name}: {why}" for name, why in summary.failures.items()))
    dataset = source.build(options.cache, options.workers, lambda *_: None)
    clean = clean_scores(attacks, targets, plan.setup, source, options, display)
    setup, data_id = plan.setup, plan.setup.data_id
    by_fit: dict[str, Any] = {}
    matrices: dict[str, Any] = {}
    for target in targets:
        scores, ids = clean.targets.get(target.name, {}), target_fits(target, setup)
        for split, score in scores.items():
            found = {"target": target.name, "split": split, **asdict(score)}
            matrices[clean_id(target, setup, split)] = found
        if scores and len(ids) == 1:  # the accuracy of a target is then that of its network
            counts = {split: {"correct": s.correct, "of": s.of} for split, s in scores.items()}
            by_fit[next(iter(ids.values()))] = counts
    photographs = {
        **{k: v for k, v in provenance(options.device, 0).items() if k not in ("commit", "seconds", "utc")},
        "name": dataset.name,
        "camera_models": dataset.camera_models,
        # By which a folder of the same photographs finds these networks.
        "content": getattr(dataset, "content", None),  # photographs of a stranger's source may have none
        "fingerprints": {"test": dataset.fingerprint("test")},
        "shared": shared_with_test(dataset),
        "clean": matrices,
        "evaluators": {name: asdict(score) for name, score in clean.evaluators.items()},
    }
    cache = Cache(options.cache)
    makers = [fit_id for fit_id in makers_of(setup) if cache.has(fit_id)]
    zoo.write(cache, [*fits_of(attacks, targets, setup), *makers], by_fit, {data_id: photographs})


def makers_of(setup: Setup) -> dict[str, str]:
    """Return the labels of the networks that make the pictures of scenarios, by their ids."""
    made = [fit for name in SCENARIOS.names() for fit in SCENARIOS.create(name).fits(setup).values()]
    return {need.fit_id(setup.data_id): need.label for fit in made for need in fit.needs().values()}


def fits_of(attacks: Sequence[Attack], targets: Sequence[Target], setup: Setup) -> list[str]:
    """Return the ids of the fits that attacks and targets load, each once."""
    things: list[Attack | Target] = [*attacks, *targets]
    every = (fit for thing in things for fit in thing.fits(setup).values())
    return list(dict.fromkeys(fit.fit_id(setup.data_id) for fit in every))


def verify(
    zoo: Zoo,
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    *,
    profile: Profile,
    source: Source,
    options: RunOptions,
    display: Display | None = None,
) -> tuple[Clean, list[str]]:
    """Load every network from the zoo, classify the unattacked photographs, and compare with the index.

    Returns:
        What was found, and a sentence for each thing that is wrong.
    """
    setup = source.facts(options.cache).setup(profile, 0)
    things: list[Attack | Target] = [*attacks, *targets]
    wanted = {fit.fit_id(setup.data_id): fit.label for thing in things for fit in thing.fits(setup).values()}
    wanted |= {fit_id: label for fit_id, label in makers_of(setup).items() if fit_id in zoo.networks}
    wrong = []
    for fit_id, label in wanted.items():
        if fit_id not in zoo.networks:
            wrong.append(f"'{label}' ({fit_id[:8]}) is not in the zoo: its recipe, code or photographs have changed")
        elif fit_id not in zoo.ids():
            wrong.append(f"the file of '{label}' is missing: {zoo.path(fit_id)}")
    for fit_id in zoo.networks.keys() - wanted.keys():
        wrong.append(f"'{zoo.networks[fit_id]['label']}' ({fit_id[:8]}) is in the zoo and nothing uses it")
    source.build(options.cache, options.workers, lambda *_: None, test_alone=True)
    with tempfile.TemporaryDirectory() as folder:
        # A cache of its own, so that it is the zoo's networks that are looked at.
        cache = Path(folder)
        (cache / "data").symlink_to((options.cache / "data").resolve())
        for fit_id in wanted:
            try:
                zoo.adopt([fit_id], Cache(cache))
            except StoreError as error:
                wrong.append(str(error))

        def complete(thing: Attack | Target) -> bool:
            return all(Cache(cache).has(fit.fit_id(setup.data_id)) for fit in thing.fits(setup).values())

        clean = clean_scores(
            [attack for attack in attacks if complete(attack)],
            [target for target in targets if complete(target)],
            setup,
            source,
            replace(options, cache=cache),
            display or Quiet(),
        )
    known = zoo.photographs(setup.data_id) or {"clean": {}, "evaluators": {}}
    for target in targets:
        for split, score in clean.targets.get(target.name, {}).items():
            recorded = known["clean"].get(clean_id(target, setup, split))
            wrong += _compared(f"'{target.name}' ({split})", score, recorded)
    for name, score in clean.evaluators.items():
        wrong += _compared(f"the evaluator of '{name}'", score, known["evaluators"].get(name))
    return clean, wrong


def _compared(what: str, score: Score, recorded: Mapping[str, Any] | None) -> Iterator[str]:
    if recorded is None:
        yield f"{what} has no clean accuracy in the index"
    elif recorded["of"] != score.of or abs(recorded["correct"] - score.correct) > _TOLERANCE:
        said = Score(recorded["correct"], recorded["of"])
        yield f"{what} names {score.correct} of {score.of} correctly; the index says {said}"


def clean_scores(
    attacks: Sequence[Attack],
    targets: Sequence[Target],
    setup: Setup,
    source: Source,
    options: RunOptions,
    display: Display,
) -> Clean:
    """Classify the unattacked test photographs with targets and with the attacks' own evaluators.

    Examiners of other tasks name no class of a single photograph, and have no score here.

    Raises:
        BenchError: a network cannot be loaded, or fails.
    """
    targets = [target for target in targets if target.card.task == CLASSIFICATION]
    camera = np.asarray(source.open(options.cache).photos("test").camera, np.int64)
    view = View(protocol=Protocol(), targets=tuple(t.name for t in targets))
    queue = Queue()
    jobs = []
    for split in SPLITS:
        total = len(trials(camera, setup.known, split, targeted=False))
        size = math.ceil(total / _PARTS)
        for start, stop in pairwise([*range(0, total, max(size, 1)), total]):
            crossing = CrossingJob(
                attack=None,
                targets=tuple(targets),
                views=(view,),
                split=split,
                start=start,
                stop=stop,
                setup=setup,
                seed=0,
                source=source,
                cache=options.cache,
                device=options.device,
                batch=options.batch,
            )
            call = partial(cross, crossing)
            jobs.append(Job(key=f"{split}/{start}", label=f"clean {split}", call=call, cost=float(stop - start)))
    for name, attack in zip(_distinct(attacks), attacks, strict=True):
        own = OwnEvaluator(attack, setup, source, options)
        jobs.append(Job(key=f"own/{name}", label=f"evaluator of {name}", call=own, owner=package(attack)))
    queue.add(jobs)
    meter = Meter(lambda done, total, text: display.update("clean", done, total, text))
    meter.add(jobs)
    display.start({"clean": sum(job.cost for job in jobs)})
    parts: dict[str, list[CrossingResult]] = {split: [] for split in SPLITS}
    evaluators: dict[str, Score] = {}
    try:
        for outcome in run_jobs(queue, replace(options, executor="local"), meter.progress):
            if outcome.error is not None:
                raise BenchError(outcome.error)
            meter.finish(outcome)
            kind, _, name = outcome.key.partition("/")
            if kind == "own":
                if outcome.value is not None:
                    evaluators[name] = outcome.value
                continue
            if outcome.value.failures:
                raise BenchError("; ".join(outcome.value.failures.values()))
            parts[kind].append(outcome.value)
    finally:
        display.close()
    found = {
        target.name: {
            split: _score(
                confusion(parts[split], target, split, setup), true_classes(setup.known, setup.classes, split)
            )
            for split in SPLITS
            if parts[split]
        }
        for target in targets
    }
    return Clean(found, evaluators)


def _distinct(attacks: Sequence[Attack]) -> list[str]:
    """Return the attacks' names; where several share one, with their parameters."""
    names = [attack.name for attack in attacks]
    return [
        name if names.count(name) == 1 else f"{name} {canonical_json(attack.spec()['params'])}"
        for name, attack in zip(names, attacks, strict=True)
    ]


def _score(table: list[list[int]], classes: Sequence[int]) -> Score:
    """Return the score of a confusion matrix; true classes that the target cannot name do not count."""
    rows = [(c, row) for c, row in zip(classes, table, strict=True) if c < len(row)]
    confused = tuple(tuple(row) for row in table)
    return Score(sum(row[c] for c, row in rows), sum(sum(row) for _, row in rows), confused)


@dataclass(frozen=True)
class OwnEvaluator:
    """The work of one attack's evaluator on the unattacked photographs of the known camera models."""

    attack: Attack
    setup: Setup
    source: Source
    options: RunOptions

    def __call__(self, progress: Progress) -> Score | None:
        """Return the score, or None where the attack has no evaluator."""
        import torch

        device = torch.device(self.options.device)
        context = craft_context(self.attack, self.setup, self.options.cache, device)
        photos = self.source.open(self.options.cache).photos("test")
        rows = np.flatnonzero(photos.camera < self.setup.known)
        correct = 0
        for start in range(0, len(rows), self.options.batch):
            part = rows[start : start + self.options.batch]
            with torch.no_grad():
                found = evaluators(self.attack, to_tensor(photos.images[part], device), context)
            if not found:
                return None
            correct += int((found[WHOLE].argmax(1).cpu().numpy() == photos.camera[part]).sum())
            progress(min(start + len(part), len(rows)), len(rows), "")
        return Score(correct, len(rows))
