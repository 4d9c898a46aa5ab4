"""The crossing: craft photographs with one attack on a part of one split, judge them, classify them with all targets.

A crossing returns facts per trial (one photograph, one wanted class), so that parts can be put together in any order.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError
from benchbench.contracts.attack import Attack, CraftContext, craft, image_seed
from benchbench.contracts.fit import Fit, Progress, Setup, silent
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import Target
from benchbench.data.source import Source
from benchbench.records.cache import Cache

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Dataset, Photos
    from benchbench.evaluate.conditions import JpegTables
    from benchbench.evaluate.measures import Distortion
    from benchbench.evaluate.panel import CallCounter, Panel

Split = Literal["in", "out"]
SPLITS: tuple[Split, ...] = ("in", "out")
USUAL_SIZE = 128
"""Side of the photographs, px, that `RunOptions.batch` counts on a CPU: with the default, four of 256 px stay in its
caches between two layers, and sixteen take a tenth longer each."""
TRIM_SECONDS = 3.0
"""Between two returns of freed memory to the system. glibc (2.36 at least) seldom finds torch's aligned blocks again
once they are freed and takes new memory instead: 2 GB in a worker after 300 batches of one target, 0.3 GB in one batch
of 48. A return costs about a tenth of a second, because pages that come back are zeroed first."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of options in glibc's malloc.h."""
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


def is_targeted(attack: Attack | None, protocols: Iterable[Protocol] = ()) -> bool:
    """Say whether results depend on the wanted class.

    Those of clean photographs (None) do not; those of every attack do where the wanted camera's JPEG tables are used.
    """
    if attack is None:
        return False
    return attack.card.targeted or any(protocol.condition == "jpeg-target" for protocol in protocols)


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


def craft_context(attack: Attack, setup: Setup, root: Path, device: torch.device) -> CraftContext:
    """Return what an attack crafts with: its networks, from the cache `root`, on `device`."""
    loaded = networks(attack.fits(setup), setup, root, device)
    return CraftContext(device=device, known=setup.known, networks=loaded)


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


def at_a_time(batch: int, size: int, device: torch.device) -> int:
    """Return how many photographs a batch has: on a CPU fewer than `batch` of those larger than 128 px.

    Memory then does not grow with their size, and on a CPU large batches are slower. Four at least (or `batch`): torch
    lays out a photograph alone differently, so that its logits differ in the last bit from those in company.

    Args:
        batch: photographs, on a CPU those of 128 px.
        size: side of the photographs, px.
    """
    if device.type != "cpu" or size <= USUAL_SIZE:
        return batch
    return min(batch, max(4, batch * USUAL_SIZE**2 // size**2))


def give_back() -> None:
    """Return freed memory to the system, where the C library is glibc."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@lru_cache(maxsize=1)
def keep_freed() -> None:
    """Keep freed memory until `give_back`, where the C library is glibc.

    Left alone, it takes the larger blocks from the system one by one and returns each at once. The system zeroes every
    page of them: a seventh of the time of a crossing.
    """
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


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


def craft_trials(
    attack: Attack,
    photos: Photos,
    batch: Trials,
    x: torch.Tensor,
    context: CraftContext,
    seed: int,
    where: str,
) -> torch.Tensor:
    """Craft a batch of trials, each with the random numbers that its photograph and wanted class have in every run.

    Args:
        x: the trials' photographs, float32 (N, 3, H, W) in [0, 1].
        context: its seeds are set here.
        seed: `Protocol.seed`.
        where: for messages, e.g. 'split in, batch 3'.

    Raises:
        AttackError: see `benchbench.contracts.attack.craft`.
    """
    import torch

    # An attack that is not targeted still gets a valid class, by the contract; its result may not depend on it, nor
    # on whether this crossing has a trial for every class.
    free = ((batch.true == 0) % context.known).astype(np.int64)
    wanted = batch.wanted if attack.card.targeted else free
    context.seeds = tuple(
        image_seed(seed, attack.name, photos.name[image], int(label) if attack.card.targeted else ANY)
        for image, label in zip(batch.image, batch.wanted, strict=True)
    )
    source, target = (torch.from_numpy(labels.copy()).to(x.device) for labels in (batch.true, wanted))
    return craft(attack, x, source, target, context, where)


def to_tensor(images: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """Return photographs, (N, H, W, 3) uint8, as float32 (N, 3, H, W) in [0, 1]."""
    import torch

    nchw = np.ascontiguousarray(np.asarray(images).transpose(0, 3, 1, 2))
    return torch.from_numpy(nchw).to(device).float().div_(255)


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
