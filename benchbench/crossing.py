"""The crossing: craft photographs with one attack on a part of one split, judge them, classify them with all targets.

A crossing returns facts per trial (one photograph, one wanted class), so that parts can be put together in any order.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.attack import Attack, CraftContext, craft, image_seed
from benchbench.cache import Cache
from benchbench.errors import AttackError
from benchbench.fit import Fit, Progress, Setup, silent
from benchbench.metrics import psnr
from benchbench.protocol import Protocol
from benchbench.source import Source
from benchbench.target import Target

if TYPE_CHECKING:
    import torch

    from benchbench.data import Photos
    from benchbench.scoring import CallCounter, Panel

Split = Literal["in", "out"]
SPLITS: tuple[Split, ...] = ("in", "out")
ANY = -1
"""The wanted class of a trial that stands for all of them, of an attack that is not targeted."""


@dataclass(frozen=True)
class Trials:
    """What is crafted on a split: three int64 (N,) arrays. A photograph's trials follow one another."""

    image: NDArray[np.int64]
    """Position among the test photographs."""
    true: NDArray[np.int64]
    wanted: NDArray[np.int64]
    """The wanted class, or ANY."""

    def __len__(self) -> int:
        return len(self.image)


def true_classes(known: int, classes: int, split: Split) -> range:
    """Return the true classes of a split: those the attacker knows, or the others."""
    return range(known) if split == "in" else range(known, classes)


def trials(camera: NDArray[np.int64], known: int, split: Split, targeted: bool = True) -> Trials:
    """Return every test photograph of a split with every wrong class that the attacker knows.

    Args:
        camera: true class of each test photograph.
        targeted: False gives each photograph one trial with wanted class ANY.
    """
    rows = [
        (i, int(true), wanted)
        for i, true in enumerate(camera)
        if (true < known) == (split == "in")
        for wanted in (range(known) if targeted else (ANY,))
        if wanted != true
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Trials(table[:, 0], table[:, 1], table[:, 2])


def is_targeted(attack: Attack | None) -> bool:
    """Say whether results depend on the wanted class; clean photographs (None) do not."""
    return attack is not None and attack.card.targeted


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A job: one attack (None: the photographs as they are) on trials start to stop of one split."""

    attack: Attack | None
    targets: tuple[Target, ...]
    split: Split
    start: int
    stop: int
    setup: Setup
    protocol: Protocol
    source: Source
    cache: Path
    device: str
    batch: int


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What came of a crossing; arrays over its trials."""

    trials: Trials
    psnr: NDArray[np.float64]
    """dB against the original, infinite where unchanged; empty for clean photographs."""
    predicted: Mapping[str, NDArray[np.int64]]
    """Predicted class by target."""
    clipped: int
    """Values that stand at 0 or 1 and did not before."""
    values: int
    """Values in all."""
    target_calls: int
    facts: Mapping[str, Any]
    failures: Mapping[str, str]
    """Targets that failed, with the reason."""
    seconds: float


@lru_cache(maxsize=1)
def process_cache(root: Path) -> Cache:
    """Return this process's cache, which keeps what it has loaded."""
    return Cache(root)


def networks(fits: Mapping[str, Fit], setup: Setup, root: Path, device: torch.device) -> dict[str, Any]:
    """Load fits from the cache, networks and tensors on `device`."""
    import torch

    cache = process_cache(root)
    loaded = {name: cache.load(fit, setup.data_id) for name, fit in fits.items()}
    return {
        name: value.to(device) if isinstance(value, (torch.nn.Module, torch.Tensor)) else value
        for name, value in loaded.items()
    }


def cross(job: Crossing, progress: Progress = silent) -> Crossed:
    """Craft, judge and classify.

    Raises:
        AttackError: the attack broke its contract, or called a target that it must not know.
    """
    import torch

    began = time.perf_counter()
    device = torch.device(job.device)
    photos = job.source.open(job.cache).photos("test")
    every = trials(photos.camera, job.setup.known, job.split, is_targeted(job.attack))
    part = slice(job.start, job.stop)
    mine = Trials(every.image[part], every.true[part], every.wanted[part])

    panel, counter = _panel(job, device)
    context = CraftContext(device=device, known=job.setup.known)
    white_box = job.attack is not None and job.attack.card.knowledge == "white-box"
    if job.attack is not None:
        context.networks = networks(job.attack.fits(job.setup), job.setup, job.cache, device)
        if white_box and panel.targets:
            context.networks = {**context.networks, "target": next(iter(panel.targets.values()))}

    psnrs: list[float] = []
    predicted: dict[str, list[NDArray[np.int64]]] = {}
    clipped = values = 0
    try:
        for start in range(0, len(mine), job.batch):
            rows = slice(start, start + job.batch)
            batch = Trials(mine.image[rows], mine.true[rows], mine.wanted[rows])
            x = _tensor(photos.images[batch.image], device)
            if job.attack is not None:
                where = f"split {job.split}, batch {(job.start + start) // job.batch + 1}"
                with counter.watch():
                    crafted = _craft(job, job.attack, photos, batch, x, context, where)
                if counter.calls and not white_box:
                    raise AttackError(
                        f"'{job.attack.name}' called a target {counter.calls} times on {where}; "
                        f"an attack with knowledge '{job.attack.card.knowledge}' never sees one."
                    )
                seen = condition(crafted, job.protocol)
                psnrs += _psnr(x, seen, job.protocol)
                clipped += int((((seen == 0) & (x != 0)) | ((seen == 1) & (x != 1))).sum())
                values += seen.numel()
                x = seen
            for name, classes in panel.classify(x).items():
                predicted.setdefault(name, []).append(classes)
            progress(min(start + job.batch, len(mine)), len(mine), "")
    finally:
        counter.close()
    return Crossed(
        trials=mine,
        psnr=np.array(psnrs, dtype=np.float64),
        predicted={name: np.concatenate(found) for name, found in predicted.items() if name not in panel.failures},
        clipped=clipped,
        values=values,
        target_calls=counter.calls,
        facts={n: v for n, v in context.networks.items() if isinstance(v, (bool, int, float, str))},
        failures=panel.failures,
        seconds=time.perf_counter() - began,
    )


def condition(x: torch.Tensor, protocol: Protocol) -> torch.Tensor:
    """Return what a target sees of crafted photographs: rounded to 8 bits, or as they are."""
    return x.mul(255).round_().clamp_(0, 255).div_(255) if protocol.condition == "uint8" else x


def _craft(
    job: Crossing,
    attack: Attack,
    photos: Photos,
    batch: Trials,
    x: torch.Tensor,
    context: CraftContext,
    where: str,
) -> torch.Tensor:
    import torch

    context.seeds = tuple(
        image_seed(job.protocol.seed, attack.name, photos.name[image], int(wanted))
        for image, wanted in zip(batch.image, batch.wanted, strict=True)
    )
    # An attack that is not targeted still gets a valid class, by the contract; its result may not depend on it.
    wanted = np.where(batch.wanted == ANY, (batch.true == 0) % job.setup.known, batch.wanted)
    source, target = (torch.from_numpy(labels).to(x.device) for labels in (batch.true, wanted))
    return craft(attack, x, source, target, context, where)


def _tensor(images: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """(N, H, W, 3) uint8 to float32 (N, 3, H, W) in [0, 1]."""
    import torch

    nchw = np.ascontiguousarray(np.asarray(images).transpose(0, 3, 1, 2))
    return torch.from_numpy(nchw).to(device).float().div_(255)


def _psnr(x: torch.Tensor, seen: torch.Tensor, protocol: Protocol) -> list[float]:
    """Return the PSNR of each image in dB, of integer grey levels where the targets see 8 bits."""
    import torch

    original, shown = x.to(torch.float64).mul(255), seen.to(torch.float64).mul(255)
    if protocol.condition == "uint8":
        original, shown = original.round(), shown.round()
    squared = (shown - original).square().flatten(1).sum(dim=1)
    return [psnr(float(error), x[0].numel()) for error in squared.cpu()]


def _panel(job: Crossing, device: torch.device) -> tuple[Panel, CallCounter]:
    """Load the targets; one that cannot be loaded is named in the panel's failures."""
    from benchbench.scoring import CallCounter, Panel

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
