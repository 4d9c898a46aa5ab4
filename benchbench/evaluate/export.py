"""Crafted photographs as files: a job that crafts a part of one split and writes what targets would see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchbench.base.files import file_name, write_atomic
from benchbench.contracts.attack import Attack
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.fit import Progress, Setup, silent
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.source import Source
from benchbench.contracts.trials import ANY, Split, Trials, is_targeted, trials, wanted_models
from benchbench.evaluate.apart import crafter_of
from benchbench.evaluate.craft import ordered
from benchbench.evaluate.memory import at_a_time
from benchbench.evaluate.networks import to_tensor
from benchbench.evaluate.sealed import Sealed
from benchbench.records.crafted import CraftedFile, pixel_digest


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """Trials `start` to `stop` of one split, crafted by an attack under a protocol, as files below `folder`."""

    attack: Attack | Sealed
    split: Split
    start: int
    stop: int
    protocol: Protocol
    setup: Setup
    source: Source
    cache: Path
    device: str
    batch: int
    folder: Path


def export(job: ExportJob, progress: Progress = silent) -> list[CraftedFile]:
    """Craft, write, and return a row of the manifest for each trial.

    Raises:
        AttackError: the attack broke its contract.
        StoreError: a file cannot be written.
    """
    import torch

    from benchbench.evaluate.conditions import crafted

    device = torch.device(job.device)
    dataset = job.source.open(job.cache)
    photos = dataset.photos("test")
    known = job.setup.known
    targeted = is_targeted(job.attack, [job.protocol])
    every = trials(photos.camera, known, job.split, targeted, job.protocol.wanted, job.protocol.limit)
    goals = wanted_models(photos.camera, known, job.protocol.wanted)
    condition = CONDITIONS.create(job.protocol.condition)
    prepared = condition.prepare(dataset)
    attack = job.attack
    crafter = crafter_of(
        attack,
        job.split,
        setup=job.setup,
        source=job.source,
        cache=job.cache,
        device=job.device,
        beat=lambda: progress(0, job.stop - job.start, ""),
    )
    size = at_a_time(job.batch, dataset.size, device)
    rows: list[CraftedFile] = []
    for start in range(job.start, job.stop, size):
        part = slice(start, min(start + size, job.stop))
        batch = Trials(every.image[part], every.true[part], every.wanted[part])
        originals = np.asarray(photos.images[batch.image])
        x = to_tensor(originals, device)
        where = f"split {job.split}, batch {start // size + 1}"
        order = ordered(attack.card, attack.name, photos, batch, known, job.protocol.seed, where)
        changed = crafter.craft(x, order)
        handed = crafted(x, changed, job.protocol, rounded=True)
        files = condition.files(handed, batch.wanted, prepared)
        for image, wanted, original, (suffix, content) in zip(batch.image, batch.wanted, originals, files, strict=True):
            stem = Path(photos.name[image]).stem
            models = [dataset.camera_models[c] for c in (goals[image] if wanted == ANY else (int(wanted),))]
            goal = "" if wanted == ANY else f"-as-{models[0]}"
            name = f"{job.split}/{file_name(f'{image:05d}-{stem}{goal}')}{suffix}"
            write_atomic(job.folder / name, content)
            rows += [
                CraftedFile(
                    file=name,
                    split=job.split,
                    photograph=photos.name[image],
                    original=pixel_digest(original),
                    wanted=model,
                    sha256=hashlib.sha256(content).hexdigest(),
                )
                for model in models
            ]
        progress(part.stop - job.start, job.stop - job.start, "")
    return rows
