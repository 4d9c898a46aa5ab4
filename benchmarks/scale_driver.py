"""What the driver of a run costs for each cell: planning, cells, reports, messages. CPU seconds of this process."""

from __future__ import annotations

import gc
import json
import os
import pickle
import resource
import shutil
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from benchbench.base.files import file_name
from benchbench.base.provenance import provenance
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.source import Facts
from benchbench.contracts.target import Target
from benchbench.contracts.trials import Split, trials
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.evaluate.crossing import Crossed, Crossing, View, Viewed
from benchbench.evaluate.measures import Distortion
from benchbench.harness.assemble import make_cell
from benchbench.harness.executors.jobs import Job, Outcome, pickled
from benchbench.harness.executors.queue import Queue
from benchbench.harness.plan import Plan, PlannedCell, make_plan, target_fits
from benchbench.records.cache import Cache
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.report import groups
from benchbench.report.writing import views
from benchbench_targets.grid import GridTarget

T = TypeVar("T")
SPLITS: tuple[Split, ...] = ("in", "out")
PHOTOGRAPHS = 100
"""Test photographs of each camera model at the profile `paper`."""


@dataclass(frozen=True)
class Place:
    """What is measured on."""

    results: Path
    cache: Cache
    dataset: Dataset
    facts: Facts
    setup: Setup
    attacks: Sequence[Attack]
    targets: Sequence[Target]


def spent(call: Callable[[], T]) -> tuple[float, T]:
    """Return the CPU seconds of a call, and what it returned."""
    began = time.process_time()
    found = call()
    return time.process_time() - began, found


def resident() -> int:
    """Return the bytes of memory that this process holds now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:  # not Linux: the most that it ever held
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def folder_of(place: Place, attack: str) -> Path:
    """Return the folder of an attack's cells."""
    return place.results / file_name(place.facts.name) / place.setup.profile.name / "cells" / file_name(attack)


def copy(place: Path, source: Place, attacks: Sequence[Attack]) -> Place:
    """Copy the cells of some attacks to the results folder `place`."""
    copied = replace(source, results=place, attacks=attacks)
    for attack in attacks:
        shutil.copytree(folder_of(source, attack.name), folder_of(copied, attack.name))
    return copied


def plan(place: Place, seed: int) -> Plan:
    """Plan one condition of one seed."""
    return make_plan(
        place.attacks,
        place.targets,
        SPLITS,
        setup=replace(place.setup, seed=seed),
        protocols=[Protocol(seed=seed)],
        facts=place.facts,
        store=CellStore(place.results),
        cache=place.cache,
    )


def plan_seconds(place: Place, seed: int) -> float:
    """Return the seconds of a plan a cell."""
    seconds, made = min((spent(lambda: plan(place, seed)) for _ in range(3)), key=lambda found: found[0])
    return seconds / len(made.cells)


def crowd(place: Place, times: int) -> int:
    """Put cells of targets that are not asked for beside the others; return how many files each folder has then."""
    for attack in place.attacks:
        folder = folder_of(place, attack.name)
        paths = sorted(folder.glob("*.json"))
        for path in paths:
            for i in range(times - 1):
                os.link(path, folder / f"more{i}_{path.name}")
    return len(list(folder.glob("*.json")))


def read(paths: Sequence[Path], store: CellStore) -> tuple[float, float, list[Cell]]:
    """Return (seconds a cell, bytes of memory a cell, the cells)."""
    seconds, _ = spent(lambda: [store.read(path) for path in paths])
    tracemalloc.start()  # not while the clock runs: it takes as long as the reading
    cells = [store.read(path) for path in paths]
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return seconds / len(cells), memory / len(cells), cells


def crossed(place: Place, names: Sequence[str], per_class: int, split: Split) -> Crossed:
    """Return the outcome of a crossing with as many test photographs a camera model, of random predictions."""
    rng = np.random.default_rng(0)
    models = len(place.facts.camera_models)
    mine = trials(np.repeat(np.arange(models), per_class), place.facts.known, split)
    count = len(mine)
    seen = Viewed(
        distortion=Distortion(rng.normal(35, 1, count), rng.uniform(0.9, 1, count), rng.uniform(1, 4, count)),
        predicted={name: rng.integers(0, place.facts.known, count) for name in names},
        surrogate=rng.integers(0, place.facts.known, count),
        clipped=0,
        values=count,
    )
    return Crossed(trials=mine, views=(seen,), target_calls=0, facts={"epsilon": 0.0156}, failures={}, seconds=1.0)


def complete(place: Place, cells: Sequence[PlannedCell], made: Plan, part: Crossed) -> list[tuple[float, Path]]:
    """Make and write cells as the driver does; return the seconds and the file of each."""
    store = CellStore(place.results)
    found = []
    for cell in cells:

        def one(cell: PlannedCell = cell) -> Path:
            target_fits(cell.target, made.setup)  # names the confusion matrix on clean photographs
            classes = cell.target.classes(made.setup)
            clean = [[0] * classes for _ in range(6)]
            facts = provenance("cpu", part.seconds)
            return store.write(make_cell(cell, [part], clean, made, place.dataset, facts, 0))

        found.append(spent(one))
    return found


@dataclass(frozen=True)
class Written:
    """What cells of some number of photographs cost, each."""

    photographs: int
    """Test photographs of each camera model."""
    write: float
    """Seconds of the driver, from outcome to file."""
    read: float
    """Seconds."""
    bytes: float
    memory: float
    """Bytes in the process that reads it."""


def written(place: Place, folder: Path, per_class: int) -> Written:
    """Make cells of `per_class` test photographs a camera model, write and read them."""
    here = replace(place, results=folder, attacks=place.attacks[:1])
    made = plan(here, 0)
    done: list[tuple[float, Path]] = []
    for split in SPLITS:
        part = crossed(here, [t.name for t in here.targets], per_class, split)
        done += complete(here, [c for c in made.cells if c.split == split], made, part)
    paths = [path for _, path in done]
    seconds, memory, _ = read(paths, CellStore(folder))
    return Written(
        per_class,
        statistics.median(s for s, _ in done),
        seconds,
        statistics.mean(path.stat().st_size for path in paths),
        memory,
    )


def least(found: Sequence[Written]) -> Written:
    """Return the shortest times of some repetitions: what else runs here can only make them longer."""
    return replace(found[0], write=min(f.write for f in found), read=min(f.read for f in found))


def more_attacks(cells: Sequence[Cell], times: int) -> list[Cell]:
    """Return the cells, and copies of them under other attacks' names."""
    found = list(cells)
    for i in range(1, times):
        for cell in cells:
            attack = cell.attack.model_copy(update={"name": f"{cell.attack.name}-{i}", "title": f"copy {i}"})
            craft = cell.craft.model_copy(update={"craft_id": f"{cell.craft.craft_id}{i}"})
            found.append(cell.model_copy(update={"attack": attack, "craft": craft, "cell_id": f"{cell.cell_id}{i}"}))
    return found


def more_targets(cells: Sequence[Cell], times: int) -> list[Cell]:
    """Return the cells, and copies of them under other targets' names."""
    found = list(cells)
    for i in range(1, times):
        for cell in cells:
            target = cell.target.model_copy(update={"name": f"{cell.target.name}-{i}"})
            found.append(cell.model_copy(update={"target": target, "cell_id": f"{i}{cell.cell_id}"}))
    return found


def report(place: Place, cells: Sequence[Cell]) -> tuple[float, dict[str, int]]:
    """Return the seconds of a report a cell, and the bytes of its files by name."""
    seconds, files = spent(lambda: views(place.results, cells=cells))
    return seconds / len(cells), {path.name: len(text) for path, text in files.items() if path.parent == place.results}


def report_scan(place: Place, cells: Sequence[Cell]) -> float:
    """Return the seconds that a report spends for each cell and attack on looking for the attack's cells."""
    (group,) = groups(cells)
    kind, calls = type(group), 0
    plain = kind.of

    def counted(self: Any, attack: Any, split: str) -> list[Cell]:
        nonlocal calls
        calls += 1
        return plain(self, attack, split)

    few = [cell for cell in cells if cell.attack.name in {a.name for a in place.attacks[:2]}]
    kind.of = counted  # type: ignore[method-assign]
    try:
        report(place, few)
    finally:
        kind.of = plain  # type: ignore[method-assign]
    looks = [partial(group.of, attack, "in") for attack in group.attacks for _ in range(3)]
    one = statistics.median(spent(look)[0] for look in looks)
    return one / len(cells) * calls / 2


@dataclass(frozen=True)
class Travel:
    """One crossing of one split against many targets, one condition."""

    trials: int
    job: int
    """Bytes."""
    outcome: int
    """Bytes."""


def travel(place: Place, targets: int) -> list[Travel]:
    """Return what travels for a whole crossing of each split at the size of `paper`."""
    base = cast(GridTarget, place.targets[0])
    many = tuple(replace(base, overlap=cast(Any, f"complete{i}")) for i in range(targets))
    names = tuple(target.name for target in many)
    found = []
    for split in SPLITS:
        part = crossed(place, names, PHOTOGRAPHS, split)
        job = Crossing(
            attack=place.attacks[0],
            targets=many,
            views=(View(protocol=Protocol(), targets=names),),
            split=split,
            start=0,
            stop=len(part.trials),
            setup=place.setup,
            seed=0,
            source=RecipeSource(VirtualRecipe(**place.setup.profile.data), place.facts.data_id),
            cache=place.cache.root,
            device="cpu",
            batch=16,
        )
        reads = tuple(f"fits/{i:032x}" for i in range(targets))
        whole = Job(key="k", label="l", call=cast(Any, job), reads=reads)
        outcome = pickle.dumps(Outcome(key="k", value=part))
        found.append(Travel(len(part.trials), len(cast(bytes, pickled(whole))), len(outcome)))
    return found


def nothing(progress: Any) -> None:
    """Be a job."""


def queue_seconds(jobs: int) -> float:
    """Return the seconds that a queue spends on so many jobs: a fifth fits, the rest crossings that need three."""
    first = jobs // 5
    fits = [Job(key=f"f{i}", label="", call=nothing, cost=1.0 + i % 7) for i in range(first)]
    rest = [
        Job(key=f"c{i}", label="", call=nothing, needs=frozenset(f"f{(i + k) % first}" for k in range(3)))
        for i in range(jobs - first)
    ]

    def drain() -> None:
        queue = Queue(fits)
        for start in range(0, len(rest), 200):
            queue.add(rest[start : start + 200])
        while (job := queue.take()) is not None:
            queue.finish(Outcome(key=job.key))

    return spent(drain)[0]


@dataclass(frozen=True)
class Loading:
    """What a process pays for each target that it holds."""

    seconds: float
    memory: float
    """Bytes."""
    bytes: float
    """Of its file."""


def loading(place: Place) -> Loading | None:
    """Load the targets as a crossing does; None where the cache lacks them."""
    cache = Cache(place.cache.root)
    fits = [fit for target in place.targets for fit in target.fits(place.setup).values()]
    ids = [fit.fit_id(place.setup.data_id) for fit in fits]
    if not all(cache.has(fit_id) for fit_id in ids):
        return None
    sizes = [json.loads((cache.folder(i) / "record.json").read_bytes())["files"]["state.safetensors"] for i in ids]
    gc.collect()
    before = resident()
    seconds, _ = spent(lambda: [cache.load(fit, place.setup.data_id) for fit in fits])
    gc.collect()
    return Loading(seconds / len(fits), (resident() - before) / len(fits), statistics.mean(sizes))
