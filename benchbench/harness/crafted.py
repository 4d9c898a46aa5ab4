"""Crafted photographs out of a run as files, and into one from files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchbench.base.errors import BenchError, DataError
from benchbench.base.identity import plain
from benchbench.base.progress import Display
from benchbench.contracts.attack import Attack, AttackCard
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.fit import collect
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import Profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import SCENARIOS
from benchbench.contracts.source import Source
from benchbench.contracts.trials import Split, is_targeted, limited, trials, wanted_models
from benchbench.evaluate.export import ExportJob, export
from benchbench.evaluate.sealed import Sealed
from benchbench.evaluate.submitted import Submitted
from benchbench.harness.executors import run_jobs
from benchbench.harness.executors.jobs import Job
from benchbench.harness.executors.queue import Queue
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import SECONDS_PER_CRAFT
from benchbench.harness.photographs import shown_on
from benchbench.records.cache import Cache
from benchbench.records.crafted import CraftedFile, CraftedFolder, pixel_digest, read_manifest, write_manifest
from benchbench.records.zoo import Zoo


def check_exportable(attacks: Sequence[Attack], protocols: Sequence[Protocol], splits: Sequence[Split] = ()) -> None:
    """Refuse what cannot be written to files, before anything is computed.

    Raises:
        BenchError: a white-box attack, a condition that no file can hold, or pictures that are no photographs.
    """
    for split in splits:
        if not SCENARIOS.create(split).photographs:
            raise BenchError(f"--export: split '{split}' is no photographs of the data set; in and out are expected.")
    for attack in attacks:
        if attack.card.knowledge == "white-box":
            raise BenchError(
                f"--export: '{attack.name}' is a white-box attack, which crafts anew for each target; "
                "attacks that craft once for all are expected."
            )
    for protocol in protocols:
        if not CONDITIONS.create(protocol.condition).rounded:
            raise BenchError(f"--export: no file can hold what targets see under condition '{protocol.condition}'.")


def export_crafted(
    attack: Attack,
    splits: Sequence[Split],
    *,
    protocol: Protocol,
    profile: Profile,
    source: Source,
    options: RunOptions,
    seed: int,
    folder: Path,
    display: Display,
) -> CraftedFolder:
    """Write what an attack hands over of every trial, and the manifest. Its networks must be there.

    Raises:
        BenchError: a network of the attack has not been trained, or the attack broke its contract.
        StoreError: a file cannot be written.
    """
    if protocol.wanted is None:
        protocol = Protocol(**(plain(protocol) | {"wanted": profile.wanted}))
    reads = CONDITIONS.create(protocol.condition).reads_wanted
    display.start({"photographs": 0.0, "export": 0.0})
    with closing(display):
        dataset = source.build(options.cache, options.workers, shown_on(display), not reads)
        setup = source.facts(options.cache).setup(profile, seed)
        cache = Cache(options.cache)
        fits = collect(attack.fits(setup), setup.data_id, cache.has)
        if options.zoo is not None:
            Zoo(options.zoo).adopt(fits, cache)
        for fit_id, fit in collect(attack.fits(setup), setup.data_id, cache.has).items():
            if not cache.has(fit_id):
                raise BenchError(f"'{fit.label}' is not in the cache; bench run --attack {attack.name} trains it.")
        queue, order = Queue(), []
        for split in splits:
            camera = dataset.classes("test")
            targeted = is_targeted(attack, [protocol])
            total = len(trials(camera, setup.known, split, targeted, protocol.wanted, protocol.limit))
            count = max(1, min(options.workers, math.ceil(total / (2 * options.batch))))
            for start, stop in pairwise(total * i // count for i in range(count + 1)):
                job = ExportJob(
                    attack=Sealed(attack, setup) if options.crafts_apart else attack,
                    split=split,
                    start=start,
                    stop=stop,
                    protocol=protocol,
                    setup=setup,
                    source=source,
                    cache=options.cache,
                    device=options.device,
                    batch=options.batch,
                    folder=folder.absolute(),
                )
                key, label = f"export/{split}/{start}", f"export {attack.name} {split}"
                cost = (stop - start) * SECONDS_PER_CRAFT
                queue.add([Job(key=key, label=label, call=partial(export, job), cost=cost)])
                order.append(key)
        rows: dict[str, list[CraftedFile]] = {}
        for outcome in run_jobs(queue, options, lambda key, done, total, text: None):
            if outcome.error is not None:
                raise BenchError(outcome.error)
            rows[outcome.key] = outcome.value
            display.update("export", len(rows), len(order), "")
        card = attack.card
        manifest = CraftedFolder(
            attack=attack.spec()
            | {"title": card.title, "knowledge": card.knowledge, "control": card.control, "baseline": card.baseline},
            dataset=dataset.name,
            data_id=dataset.data_id,
            profile=profile.name,
            protocol=plain(protocol),
            files=tuple(row for key in order for row in rows[key]),
        )
        write_manifest(folder, manifest)
        return manifest


def submitted(folder: Path, dataset: Dataset) -> tuple[Submitted, list[Split], Protocol]:
    """Return the attack that a folder of crafted photographs is, its splits, and the protocol to judge it by.

    Targets see the files as they are: the protocol's condition is uint8.

    Args:
        dataset: the photographs that they were made from.

    Raises:
        DataError: a file or a trial is missing, or is of other photographs.
    """
    manifest = read_manifest(folder)
    if manifest.data_id != dataset.data_id:
        raise DataError(
            f"'{folder}' was made from photographs {manifest.data_id[:8]} of '{manifest.dataset}'; "
            f"these are {dataset.data_id[:8]} of '{dataset.name}'. See --data and --profile."
        )
    knowledge = manifest.attack["knowledge"]
    if knowledge not in ("none", "surrogate", "oracle"):
        raise DataError(f"'{folder}' says knowledge '{knowledge}'; 'none', 'surrogate' or 'oracle' is expected.")
    photos = dataset.photos("test")
    digests = [pixel_digest(np.asarray(picture)) for picture in photos.images]
    wanted, limit = manifest.protocol.get("wanted"), manifest.protocol.get("limit")
    attacked = limited(photos.camera, limit)
    goals = wanted_models(photos.camera, dataset.known, wanted)
    files = {(one.original, one.wanted): one.file for one in manifest.files}
    known = set(digests)
    for one in manifest.files:
        if one.original not in known:
            raise DataError(f"'{folder / one.file}' is made from '{one.photograph}', which is no test photograph here.")
    every: tuple[Split, ...] = ("in", "out")
    splits: list[Split] = []
    for split in every:
        needed = [
            (i, dataset.camera_models[c])
            for i, true in enumerate(photos.camera)
            if attacked[i] and (true < dataset.known) == (split == "in")
            for c in goals[i]
        ]
        lacking = [(i, model) for i, model in needed if (digests[i], model) not in files]
        if len(lacking) < len(needed):
            splits.append(split)
            if lacking:
                i, model = lacking[0]
                raise DataError(
                    f"'{folder}' lacks {len(lacking)} of {len(needed)} trials of split {split}, "
                    f"the first: '{photos.name[i]}' as '{model}'."
                )
    if not splits:
        raise DataError(f"'{folder}' has no trial of a test photograph.")
    about = AttackCard(
        name=str(manifest.attack["name"]),
        title=str(manifest.attack["title"]),
        version=int(manifest.attack.get("version", 1)),
        knowledge=knowledge,
        control=bool(manifest.attack.get("control", False)),
        baseline=bool(manifest.attack.get("baseline", False)),
    )
    attack = Submitted(
        photographs=manifest.content(folder),
        condition=str(manifest.protocol.get("condition", "uint8")),
        about=about,
        folder=folder.absolute(),
        files=files,
        models=dataset.camera_models,
    )
    return attack, splits, Protocol(wanted=wanted, limit=limit)
