"""Crafting and scoring on 48 targets against the plain loop with torchattacks, and against bare forward passes.

Networks have random weights, which do not change their cost, at the sizes of profile quick; batch norm is folded on
both sides, as loading a target does. On a GPU (`--device cuda`) this has not been tried.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchattacks
from torch import Tensor, nn

from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import Target
from benchbench.contracts.trials import trials
from benchbench.evaluate.crossing import CrossingJob, CrossingResult, View, cross
from benchbench.evaluate.networks import networks
from benchbench_attacks._evaluator import evaluator_fits, make_evaluator

from .clock import copy_bandwidth, paired_seconds, say, seconds_of
from .convolutions import Cost, Stopwatch, layers_of
from .photographs import RandomPhotographs, no_progress, prefill, targets
from .report import Options, Report, Row, Table, number

EPSILON, STEPS, STEP_SIZE = 0.02, 10, 0.25
"""PGD: radius in the [0, 1] scale, gradient steps, length of a step in radii."""


@dataclass(frozen=True)
class Bench:
    """Photographs and targets, ready to be crossed with attacks."""

    source: RandomPhotographs
    setup: Setup
    cache: Path
    device: torch.device
    targets: tuple[Target, ...]
    modules: Mapping[str, nn.Module]
    """Loaded targets by name."""

    def cross(self, attack: Attack, count: int) -> CrossingResult:
        """Cross an attack with all targets on `count` trials, in one batch."""
        view = View(protocol=Protocol(), targets=tuple(t.name for t in self.targets))
        job = CrossingJob(
            attack=attack,
            targets=self.targets,
            views=(view,),
            split="in",
            start=0,
            stop=count,
            setup=self.setup,
            seed=0,
            source=self.source,
            cache=self.cache,
            device=str(self.device),
            batch=count,
        )
        return cross(job)


def measure(options: Options) -> Report:
    """Time both comparisons."""
    device = torch.device(options.device)
    profile = load_profile("smoke" if options.quick else "quick")
    count, crafted, repeats = (4, 2, 1) if options.quick else (16, 4, 3)
    source = RandomPhotographs(profile.data["size"], test=3)
    chosen = targets("resnet18/*/complete" if options.quick else "all")
    pgd = ATTACKS.create(f"pgd[epsilon={EPSILON},steps={STEPS},step_size={STEP_SIZE}]")
    identity = ATTACKS.create("identity")
    report = Report("scoring")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        source.build(cache, 1, no_progress)
        setup = source.facts(cache).setup(profile, 0)
        say(f"{len(chosen)} untrained targets")
        prefill(cache, setup, [*chosen, pgd])
        modules = {t.name: t.load(networks(t.fits(setup), setup, cache, device), device).eval() for t in chosen}
        bench = Bench(source, setup, cache, device, tuple(chosen), modules)
        _against_bare(bench, identity, count, repeats, report)
        _against_loop(bench, pgd, crafted, report)
    report.notes.insert(
        0,
        f"{len(chosen)} targets of profile {profile.name}, untrained (weights do not change the cost), photographs of "
        f"{source.size} px with random pixels, one process with {torch.get_num_threads()} threads on both sides.",
    )
    return report


# --- bare forward passes ---


def _against_bare(bench: Bench, identity: Attack, count: int, repeats: int, report: Report) -> None:
    """Compare a crossing that crafts nothing with forward passes on tensors that are ready."""
    say("bare forward passes")
    x = _photographs(bench, count)[0].contiguous(memory_format=torch.channels_last)

    def preprocess() -> dict[str, Tensor]:
        """All outputs: one a key, and one a network where the preprocessor is learned."""
        found: dict[str, Tensor] = {}
        for name, module in bench.modules.items():
            if (key := _key(name, module)) not in found:
                found[key] = _part(module, "preprocessor")(x)
        return found

    with torch.no_grad():
        ready = {key: made.contiguous(memory_format=torch.channels_last) for key, made in preprocess().items()}

    def backbones(features: Mapping[str, Tensor]) -> None:
        for name, module in bench.modules.items():
            _part(module, "classify")(features[_key(name, module)])

    def forward() -> None:
        with torch.no_grad():
            preprocess()
            backbones(ready)

    def backbones_alone() -> None:
        with torch.no_grad():
            backbones(ready)

    def separately() -> None:
        with torch.no_grad():
            for module in bench.modules.values():
                _part(module, "preprocessor")(x)

    def together() -> None:
        with torch.no_grad():
            preprocess()

    crossing, bare = paired_seconds(lambda: bench.cross(identity, count), forward, repeats, bench.device)
    shared, apart = paired_seconds(together, separately, repeats, bench.device)
    alone, _ = paired_seconds(backbones_alone, together, repeats, bench.device)
    say("convolutions, each alone")
    watch = Stopwatch(bench.device, 3)
    parts = {
        name: watch.cost(layers_of(module, lambda m=module, n=name: _silent(m, ready[_key(n, m)])))  # type: ignore[misc]
        for name, module in bench.modules.items()
    }
    cost = Cost(sum(c.seconds for c in parts.values()), sum(c.operations for c in parts.values()))
    moved = sum(x.nbytes + made.nbytes for made in ready.values()) / copy_bandwidth(bench.device)
    report.rows += [
        Row(
            work=f"crossing, {count} photographs x {len(bench.modules)} targets (bare forward passes)",
            ours=crossing,
            peer=bare,
            wanted=1 / 1.3,
            limit=cost.seconds + moved,
        ),
        Row(
            work=f"preprocessing, {count} photographs: once for all targets (each target its own)",
            ours=shared,
            peer=apart,
            limit=moved,
        ),
    ]
    report.notes += [
        f"A crossing that crafts nothing takes {number(crossing / bare)} times the time of the bare forward passes and "
        f"preprocessors (1.3 is asked for), and {number(crossing / alone)} times that of the backbones alone "
        f"({number(alone)} s). It also reads the photographs, checks and rounds what the attack returned, and measures "
        "PSNR, SSIM and L1.",
        f"Limit: {cost.operations / 1e9:.0f} GFLOP in convolutions, which reach {cost.rate:.0f} GFLOP/s each alone, "
        f"and what the preprocessors read and write. The whole crossing reaches {cost.operations / crossing / 1e9:.0f} "
        "GFLOP/s.",
    ]
    report.tables.append(_by_backbone(bench, ready, parts, count))


def _by_backbone(bench: Bench, ready: Mapping[str, Tensor], parts: Mapping[str, Cost], count: int) -> Table:
    rows = []
    for backbone in dict.fromkeys(t.card.backbone for t in bench.targets):
        names = [t.name for t in bench.targets if t.card.backbone == backbone]
        spent = 0.0
        for name in names:
            module = bench.modules[name]
            features = ready[_key(name, module)]
            spent += seconds_of(lambda m=module, f=features: _silent(m, f), bench.device)  # type: ignore[misc]
        alone = sum(parts[n].seconds for n in names)
        operations = sum(parts[n].operations for n in names)
        images = count * len(names)
        rows.append(
            (
                backbone,
                number(1000 * spent / images),
                number(1000 * alone / images),
                number(alone / spent),
                number(operations / spent / 1e9),
                number(operations / alone / 1e9),
            )
        )
    headers = (
        "backbone",
        "ms a photograph",
        "convolutions alone, ms",
        "share",
        "GFLOP/s",
        "convolutions alone, GFLOP/s",
    )
    return Table(title="Forward passes by backbone, mean over its targets:", headers=headers, rows=tuple(rows))


def _silent(module: nn.Module, features: Tensor) -> None:
    with torch.no_grad():
        _part(module, "classify")(features)


def _part(module: nn.Module, name: str) -> Any:
    return getattr(module, name)


def _key(name: str, module: nn.Module) -> str:
    return str(_part(module, "preprocessor").key) or name


# --- the plain loop ---


def _against_loop(bench: Bench, pgd: Attack, count: int, report: Report) -> None:
    """Compare PGD on all targets with a loop that crafts and preprocesses anew for each."""
    x, wanted = _photographs(bench, count)
    found: list[CrossingResult] = []
    say(f"crafting once and scoring, {count} photographs")
    bench.cross(pgd, count)
    ours = seconds_of(lambda: found.append(bench.cross(pgd, count)), bench.device)
    evaluator = make_evaluator(networks(evaluator_fits("dual", bench.setup), bench.setup, bench.cache, bench.device))
    predicted: dict[str, np.ndarray] = {}

    def loop() -> None:
        for i, (name, module) in enumerate(bench.modules.items()):
            if i % 12 == 0:
                say(f"plain loop, target {i + 1} of {len(bench.modules)}")
            attack = torchattacks.PGD(
                evaluator, eps=EPSILON, alpha=STEP_SIZE * EPSILON, steps=STEPS, random_start=False
            )
            attack.set_mode_targeted_by_label(quiet=True)
            changed = (attack(x, wanted) * 255).round() / 255
            with torch.no_grad():
                predicted[name] = module(changed).argmax(1).cpu().numpy()

    peer = seconds_of(loop, bench.device)
    same = sum(
        int((found[0].views[0].outcomes[name]["predicted"] == classes).sum()) for name, classes in predicted.items()
    )
    targets_ = len(bench.modules)
    work = f"PGD of {STEPS} steps, {count} photographs x {targets_} targets (loop with torchattacks)"
    report.rows.append(Row(work=work, ours=ours, peer=peer, wanted=10.0))
    report.notes.append(
        f"The plain loop crafts, preprocesses and predicts for each of the {targets_} targets; all of it is measured, "
        f"nothing extrapolated. Its predictions are ours in {same} of {count * targets_}. Ours also asks the surrogate "
        "and measures distortion."
    )


def _photographs(bench: Bench, count: int) -> tuple[Tensor, Tensor]:
    """Return the photographs and wanted classes of the first trials, as a crossing takes them."""
    photos = bench.source.open(bench.cache).photos("test")
    every = trials(photos.camera, bench.setup.known, "in")
    images = torch.from_numpy(photos.images[every.image[:count]]).to(bench.device)
    wanted = torch.from_numpy(every.wanted[:count]).to(bench.device)
    return images.permute(0, 3, 1, 2).float().contiguous() / 255, wanted
