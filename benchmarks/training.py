"""Training of the 24 complete-overlap targets of profile quick: side by side in processes, or one after the other.

The limit of a step is the time of its convolutions alone. On a GPU (`--device cuda`) this has not been tried.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchbench.base.processes import cores
from benchbench.contracts.fit import Fit, Progress, Setup, silent
from benchbench.contracts.profile import load_profile
from benchbench.harness.executors.jobs import Job, attempt
from benchbench.harness.executors.local import run_jobs
from benchbench.harness.executors.queue import Queue
from benchbench.harness.fits import FitCall
from benchbench.learn.precision import autocast
from benchbench.learn.training import ClassifierFit

from .clock import say, seconds_of
from .convolutions import Cost, Stopwatch, layers_of
from .photographs import RandomPhotographs, no_progress, targets
from .report import Options, Report, Row, Table, number

EPOCHS = 5
"""Of so few steps that the ends of the first and of the last but one bound a stretch without start and validation."""


@dataclass(frozen=True)
class Timing:
    """When a fit ran, on a clock that all processes share."""

    start: float
    end: float
    steady: float
    """Patches per second after the first epoch and before the last, whose end has the validation in it."""


@dataclass(frozen=True)
class TimedFit:
    """A fit as the harness runs it, and what it took."""

    fit: Fit
    setup: Setup
    source: RandomPhotographs
    cache: Path
    device: str

    def __call__(self, progress: Progress) -> Timing:
        """Train, and put the network into the cache."""
        first: dict[int, float] = {}

        def note(done: int, total: int, text: str) -> None:
            first.setdefault(done, time.perf_counter())

        start = time.perf_counter()
        FitCall(self.fit, self.setup, self.source, self.cache, self.device)(note)
        end = time.perf_counter()
        if not isinstance(self.fit, ClassifierFit):
            return Timing(start, end, 0.0)
        recipe = self.fit.recipe
        steps = recipe.patches_per_epoch // recipe.batch
        steady = first[steps * (EPOCHS - 1)] - first[steps]
        return Timing(start, end, steps * (EPOCHS - 2) * recipe.batch / steady)


@dataclass(frozen=True)
class ConvolutionTime:
    """The convolutions of one training step of a network, each alone."""

    fit: ClassifierFit
    device: str

    def __call__(self, progress: Progress) -> Cost:
        """Run one step to see the layers, then time each."""
        device = torch.device(self.device)
        step = Step(self.fit, device)
        return _stopwatch(self.device).cost(layers_of(step.network, step.forward))


@lru_cache
def _stopwatch(device: str) -> Stopwatch:
    return Stopwatch(torch.device(device), 3)


class Step:
    """One training step of a fit, as `ClassifierFit.run` does it, on patches that are there."""

    def __init__(
        self,
        fit: ClassifierFit,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
        compiled: bool = False,
    ) -> None:
        self.fit, self.device, self.memory_format = fit, device, memory_format
        recipe = fit.recipe
        self.network = fit.build().to(device).to(memory_format=memory_format).train()
        self.classify: nn.Module = self.network.backbone
        if compiled:
            self.classify = torch.compile(self.network.backbone)  # type: ignore[assignment]
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
        self.stacks = [torch.rand(recipe.batch, 3, fit.patch, fit.patch, device=device)]
        self.labels = torch.arange(recipe.batch, device=device) % fit.classes

    def forward(self) -> torch.Tensor:
        """Return the loss."""
        with autocast(self.device, self.fit.recipe.precision):
            features = self.fit.inputs(self.network, self.stacks).contiguous(memory_format=self.memory_format)
            logits = self.classify(features)
        return F.cross_entropy(logits.float(), self.labels)

    def __call__(self) -> None:
        """Update the weights."""
        loss = self.forward()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def measure(options: Options) -> Report:
    """Time both ways to train, the convolutions, and the formats."""
    profile = load_profile("smoke" if options.quick else "quick")
    steps = 1 if options.quick else 6
    source = RandomPhotographs(profile.data["size"], test=1, train=4)
    report = Report("training")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        source.build(cache, 1, no_progress)
        setup = source.facts(cache).setup(profile, 0)
        chosen = targets("resnet18/rgb*/complete" if options.quick else "*/*/complete")
        found = [target.fits(setup)["classifier"] for target in chosen]
        fits = [_short(fit, steps) for fit in found if isinstance(fit, ClassifierFit)]
        residuals = [need for fit in fits for need in fit.needs().values()][:1]
        for fit in residuals:
            FitCall(fit, setup, source, cache, options.device)(silent)
        bench = _Bench(fits, residuals, setup, source, cache, options)
        alone = bench.one_after_the_other()
        together = bench.side_by_side()
        costs = bench.convolutions()
    _compare(fits, alone, together, costs, report)
    report.tables.append(formats(fits, torch.device(options.device), options.quick))
    report.notes.append(
        "The table of formats is one thread; patches that are there, no sampling. The default is mixed, "
        "channels-last, eager: each network would be compiled anew in each process, for the time that is named."
    )
    return report


def _short(fit: ClassifierFit, steps: int, seed: int = 0) -> ClassifierFit:
    """Return the fit with epochs of a few steps."""
    changes = {"epochs": EPOCHS, "patches_per_epoch": steps * fit.recipe.batch, "validate_every": EPOCHS}
    return replace(fit, recipe=fit.recipe.model_copy(update=changes), seed=seed)


@dataclass(frozen=True)
class _Bench:
    fits: Sequence[ClassifierFit]
    residuals: Sequence[Fit]
    setup: Setup
    source: RandomPhotographs
    cache: Path
    options: Options

    def _jobs(self, workers: int) -> list[Job]:
        """Return warm-ups, one a worker, then the fits, which wait for all of them."""
        warm = [
            Job(key=f"warm-up {i}", label=f"warm-up {i}", call=self._call(fit), cost=1e6)
            for i, fit in enumerate(self._warm_ups(workers))
        ]
        needs = frozenset(job.key for job in warm)
        fits = [
            Job(key=fit.label, label=fit.label, call=self._call(fit), cost=fit.cost, needs=needs) for fit in self.fits
        ]
        return warm + fits

    def _warm_ups(self, workers: int) -> list[ClassifierFit]:
        return [replace(self.fits[0], seed=100 + i) for i in range(workers)]

    def _call(self, fit: Fit) -> TimedFit:
        return TimedFit(fit, self.setup, self.source, self.cache, self.options.device)

    def _forget(self) -> None:
        """Remove what was trained, so that it is trained again."""
        for fit in [*self.fits, *self._warm_ups(cores())]:
            shutil.rmtree(self.cache / "fits" / fit.fit_id(self.setup.data_id), ignore_errors=True)

    def one_after_the_other(self) -> dict[str, Timing]:
        """Train in this process, with a thread a core."""
        found = {}
        for job in self._jobs(1):
            say(f"one process: {job.label}")
            outcome = attempt(job, silent)
            if outcome.error:
                raise RuntimeError(outcome.error)
            found[job.key] = outcome.value
        self._forget()
        return {fit.label: found[fit.label] for fit in self.fits}

    def side_by_side(self) -> dict[str, Timing]:
        """Train in worker processes of one thread, a process a core."""
        found = {}
        for outcome in run_jobs(Queue(self._jobs(cores())), workers=cores(), on_progress=lambda *_: None):
            if outcome.error:
                raise RuntimeError(outcome.error + outcome.detail)
            say(f"{cores()} processes: {outcome.key}")
            found[outcome.key] = outcome.value
        return {fit.label: found[fit.label] for fit in self.fits}

    def convolutions(self) -> dict[str, Cost]:
        """Time them where all cores are busy, as they are while training."""
        say("convolutions, each alone")
        call = partial(ConvolutionTime, device=self.options.device)
        jobs = [Job(key=fit.label, label=fit.label, call=call(fit)) for fit in self.fits]
        found = {}
        # Processes take longer to start than all of this at quick sizes.
        workers = 1 if self.options.quick else cores()
        for outcome in run_jobs(Queue(jobs), workers=workers, on_progress=lambda *_: None):
            if outcome.error:
                raise RuntimeError(outcome.error + outcome.detail)
            found[outcome.key] = outcome.value
        return found


def _compare(
    fits: Sequence[ClassifierFit],
    alone: dict[str, Timing],
    together: dict[str, Timing],
    costs: dict[str, Cost],
    report: Report,
) -> None:
    patches = sum(fit.recipe.epochs * fit.recipe.patches_per_epoch for fit in fits)
    ours, peer = (max(t.end for t in each.values()) - min(t.start for t in each.values()) for each in (together, alone))
    limit = sum(costs[f.label].seconds * f.recipe.epochs * f.recipe.patches_per_epoch / f.recipe.batch for f in fits)
    workers = cores()
    work = f"{len(fits)} targets in {workers} processes of 1 thread (one process, {workers} threads)"
    report.rows.append(Row(work=work, ours=ours, peer=peer, wanted=1.25, limit=limit / workers))
    steady = [sum(1 / t[f.label].steady for f in fits) for t in (together, alone)]
    report.notes += [
        f"{len(fits)} targets of complete overlap, {patches // len(fits)} patches each, all that a fit does: "
        f"{patches / ours:.0f} patches/s in {workers} processes, {patches / peer:.0f} in one. Steps alone: "
        f"{workers * len(fits) / steady[0]:.0f} and {len(fits) / steady[1]:.0f}, ratio "
        f"{number(workers * steady[1] / steady[0])} (harmonic means over targets).",
        "The limit is the time of the convolutions alone (forward and backward, same type and layout, all cores busy). "
        "What else a step does: batch norm, activations, sampling, optimizer.",
    ]
    rows = []
    for fit in fits:
        a, b, cost = alone[fit.label].steady, together[fit.label].steady, costs[fit.label]
        step = fit.recipe.batch / b
        rows.append(
            (
                fit.label,
                f"{a:.0f}",
                f"{workers * b:.0f}",
                number(workers * b / a),
                number(1000 * step),
                number(1000 * cost.seconds),
                number(cost.seconds / step),
                number(cost.rate),
            )
        )
    headers = (
        "target",
        "one process, patches/s",
        f"{workers} processes, patches/s",
        "ratio",
        "step, ms",
        "convolutions alone, ms",
        "share",
        "their GFLOP/s",
    )
    report.tables.append(Table(title="Steps alone, by target:", headers=headers, rows=tuple(rows)))


def formats(fits: Sequence[ClassifierFit], device: torch.device, quick: bool) -> Table:
    """Time steps of each architecture in each precision, layout and, for the first, compiled."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = []
    for fit in fits:
        if fit.preprocessor != "rgb":
            continue
        for precision in ("float32", "bfloat16"):
            for layout, name in ((torch.contiguous_format, "contiguous"), (torch.channels_last, "channels-last")):
                say(f"{fit.backbone} {precision} {name}")
                step = Step(_in(fit, precision), device, layout)
                rows.append((fit.backbone, precision, name, "eager", f"{_rate(step, quick):.0f}"))
        if fit is fits[0] and not quick:
            say(f"{fit.backbone} compiled")
            step = Step(_in(fit, "bfloat16"), device, compiled=True)
            try:
                built = seconds_of(step, device)
            except Exception as error:  # no C++ compiler, most likely
                rows.append((fit.backbone, "bfloat16", "channels-last", f"compiled: {type(error).__name__}", ""))
            else:
                text = f"compiled in {built:.0f} s"
                rows.append((fit.backbone, "bfloat16", "channels-last", text, f"{_rate(step, quick):.0f}"))
    torch.set_num_threads(threads)
    headers = ("backbone", "precision", "layout", "mode", "patches/s")
    return Table(title="Formats, one thread, RGB targets:", headers=headers, rows=tuple(rows))


def _in(fit: ClassifierFit, precision: str) -> ClassifierFit:
    return replace(fit, recipe=fit.recipe.model_copy(update={"precision": precision}))


def _rate(step: Step, quick: bool) -> float:
    """Patches per second, from the fastest of a few steps after a warm-up: one core's share is taken by others."""
    for _ in range(2):
        step()
    seconds = [seconds_of(step, step.device) for _ in range(2 if quick else 7)]
    return step.fit.recipe.batch / sorted(seconds)[len(seconds) // 2]
