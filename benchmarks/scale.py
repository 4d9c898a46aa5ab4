"""What a campaign of many attacks, targets, seeds and data sets would cost, from unit costs measured here.

    python benchmarks/scale.py --results results --cache CACHE [--markdown] [--tflops 47]

The cache is one that a finished run at `quick` left; nothing is written to it, nor to the results. Takes two to three
minutes. docs/scale.md explains the tables.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scale_driver as driver
import scale_flops as flops
import torch
from scipy.optimize import nnls
from tabulate import tabulate

from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.contracts.profile import load_profile
from benchbench.contracts.target import TARGETS, Target
from benchbench.data.build import open_dataset
from benchbench.data.source import facts_of
from benchbench.evaluate.conditions import jpeg
from benchbench.evaluate.measures import distortion
from benchbench.evaluate.networks import to_tensor
from benchbench.harness.photographs import SECONDS_PER_PHOTOGRAPH
from benchbench.harness.rounds import JOBS_PER_WORKER
from benchbench.learn.arrays import StackFit
from benchbench.learn.training import ClassifierFit
from benchbench.records.cache import Cache
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore

MAIN = ("cama", "misl-cgan", "spoc-cgan", "fgsm", "pgd", "ddn", "identity", "noise")
GENERATORS, GRADIENTS, PLAIN = MAIN[:3], MAIN[3:6], MAIN[6:]
CONDITIONS = {"uint8": False, "float": False, "jpeg-90": True, "jpeg-75": True, "jpeg-target": True}
"""Whether a condition writes JPEG files."""
BATCH = 16
MB, GB, TB = 1e6, 1e9, 1e12
HOUR = 3600.0

# --- the campaign ---


@dataclass(frozen=True)
class Campaign:
    """How much is crossed. Attacks are the main job's eight, over and over: three generators, three that follow
    gradients, two that only filter; targets are the 48, over and over."""

    attacks: int
    targets: int
    seeds: int
    datasets: int

    @property
    def runs(self) -> int:
        """Data sets times seeds: what one `bench run` with one seed does."""
        return self.seeds * self.datasets

    @property
    def kinds(self) -> dict[str, float]:
        """Attacks of each kind."""
        return {
            kind: self.attacks * len(names) / len(MAIN)
            for kind, names in (("generator", GENERATORS), ("gradient", GRADIENTS), ("plain", PLAIN))
        }

    @property
    def sets(self) -> float:
        """How often the main job's fits are trained: once for every three generators."""
        return self.kinds["generator"] / len(GENERATORS)

    def fits(self) -> dict[str, float]:
        """Return the number of fits of each kind, of all runs."""
        return {
            "targets": self.targets * self.runs,
            "evaluators": 5 * self.sets * self.runs,
            "generators": self.kinds["generator"] * self.runs,
            "epsilons": self.kinds["gradient"] * 2 / 3 * self.runs,
            # Wiener residuals of p and q and re-mosaiced q depend on no seed; learned residuals do.
            "stacks": 3 * self.datasets + self.sets * self.runs,
        }

    def trials(self, photographs: flops.Photographs, conditions: int) -> dict[str, float]:
        """Return the photographs that attacks of each kind craft, of all runs."""
        targeted, once = (sum(photographs.trials(t)) for t in (True, False))
        # Judged with the wanted camera's JPEG tables, an attack that wants nothing is crafted for each class too.
        each = {"generator": targeted, "gradient": targeted, "plain": targeted if conditions > 1 else once}
        return {kind: count * each[kind] * self.runs for kind, count in self.kinds.items()}

    def cells(self, conditions: int) -> int:
        """Return the number of cells."""
        return self.attacks * self.targets * self.runs * 2 * conditions

    def jobs(self, photographs: flops.Photographs, workers: int) -> float:
        """Return the number of crossing jobs, as `benchbench.harness.rounds` cuts them, of all runs."""
        targeted, once = (photographs.trials(t) for t in (True, False))
        counts = [(self.attacks - self.kinds["plain"], n) for n in targeted]
        counts += [(self.kinds["plain"], n) for n in once]
        total = sum(attacks * n for attacks, n in counts)
        share = max(total / (JOBS_PER_WORKER * workers), 2 * BATCH)
        return self.runs * sum(attacks * max(1, round(n / share)) for attacks, n in counts)


# --- unit costs ---


@dataclass(frozen=True)
class Trained:
    """A finished fit of the cache."""

    kind: str
    seconds: float
    bytes: int
    work: flops.Work


def kind_of(fit: Fit) -> str:
    """Return the kind of a fit, as in `Campaign.fits`."""
    if isinstance(fit, StackFit):
        return "stacks"
    if isinstance(fit, ClassifierFit) and not fit.name.startswith("evaluator/"):
        return "targets"
    kind = type(fit).__name__
    return {"GeneratorFit": "generators", "EpsilonFit": "epsilons"}.get(kind, "evaluators")


def all_fits(attacks: Sequence[Attack], targets: Sequence[Target], setup: Setup) -> dict[str, Fit]:
    """Return the fits of attacks and targets by id."""
    things: list[Attack | Target] = [*attacks, *targets]
    roots = {f"{i}/{name}": fit for i, thing in enumerate(things) for name, fit in thing.fits(setup).items()}
    return collect(roots, setup.data_id)


def trained(place: driver.Place, photographs: flops.Photographs) -> dict[str, Trained]:
    """Return what the cache's records say of the fits of the main job, by label."""
    found = {}
    for fit_id, fit in all_fits(place.attacks, place.targets, place.setup).items():
        if place.cache.has(fit_id):
            record = place.cache.record(fit_id)
            size = sum(record["files"].values())
            found[fit.label] = Trained(kind_of(fit), record["seconds"], size, flops.work(fit, photographs))
    return found


@dataclass(frozen=True)
class CrossingDone:
    """One crossing that committed cells came of."""

    attack: str
    trials: int
    targets: tuple[str, ...]
    conditions: tuple[str, ...]
    """What the targets were shown; budgets can make a condition stand here twice."""
    main: bool
    """Of the main job: 8-bit photographs, each attack's own distortion."""
    seconds: float
    """Core seconds."""


def crossings_done(cells: Iterable[Cell], attacks: Sequence[Attack]) -> list[CrossingDone]:
    """Return the crossings: cells of one have one number of seconds."""
    together: dict[tuple[str, str, float], list[Cell]] = defaultdict(list)
    for cell in cells:
        together[cell.attack.name, cell.split.name, cell.provenance["seconds"]].append(cell)
    targeted = {attack.name: attack.card.targeted for attack in attacks}
    found = []
    for (name, split, seconds), mine in together.items():
        protocols = dict.fromkeys((str(cell.protocol["condition"]), cell.protocol["budget"]) for cell in mine)
        conditions = tuple(condition for condition, _ in protocols)
        many = targeted[name] or "jpeg-target" in conditions
        wanted = (mine[0].dataset.known - (split == "in")) if many else 1
        targets = tuple(dict.fromkeys(cell.target.name for cell in mine))
        main = list(protocols) == [("uint8", None)]
        found.append(CrossingDone(name, mine[0].split.images * wanted, targets, conditions, main, seconds))
    return found


@dataclass(frozen=True)
class CrossingUnits:
    """Core seconds of one crafted photograph at `quick`."""

    craft: dict[str, float]
    """By kind of attack, the own evaluator included."""
    look: float
    """One target's."""
    view: float
    """Distortion, for each condition."""
    jpeg: float

    def seconds(self, kind: str, targets: int, conditions: Sequence[str]) -> float:
        """Return what one crafted photograph costs."""
        looks = len(conditions) * (targets * self.look + self.view)
        return self.craft[kind] + looks + self.jpeg * sum(CONDITIONS[c] for c in conditions)


def kind_of_attack(name: str) -> str:
    """Return 'generator', 'gradient' or 'plain'."""
    return "generator" if name in GENERATORS else "gradient" if name in GRADIENTS else "plain"


def crossing_units(done: Sequence[CrossingDone], view: float, jpeg_seconds: float) -> CrossingUnits:
    """Solve for the seconds of crafting and of a look from crossings of one condition; plain attacks craft for free."""
    single = [c for c in done if c.main]
    plain = [c for c in single if c.attack in PLAIN]
    look = statistics.median((c.seconds / c.trials - view) / len(c.targets) for c in plain)
    craft: dict[str, list[float]] = {"plain": [0.0], "generator": [], "gradient": []}
    for c in single:
        if c.attack not in PLAIN:
            craft[kind_of_attack(c.attack)].append(c.seconds / c.trials - view - len(c.targets) * look)
    return CrossingUnits({kind: statistics.mean(found) for kind, found in craft.items()}, look, view, jpeg_seconds)


def judging(place: driver.Place) -> tuple[float, float]:
    """Return the CPU seconds of one photograph's distortion, and of its JPEG file."""
    x = to_tensor(place.dataset.photos("test").images[:BATCH], torch.device("cpu"))
    y = (x * 255 + torch.randint(-2, 3, x.shape)).clamp(0, 255) / 255
    shown = statistics.median(driver.spent(lambda: distortion(x, y, rounded=True))[0] for _ in range(5))
    saved = statistics.median(driver.spent(lambda: jpeg(y, [{"quality": 90}] * BATCH))[0] for _ in range(5))
    return shown / BATCH, saved / BATCH


@dataclass(frozen=True)
class DriverUnits:
    """Seconds and bytes of the driver for each cell."""

    plan: float
    """Nothing there yet."""
    scan: float
    """A missing cell, for each file in its folder."""
    report: tuple[float, float, float]
    """Seconds of one group of cells: for each cell, for each cell and attack, for each pair of attacks."""
    page: float
    """Bytes."""
    csv: float
    """Bytes."""
    quick: driver.Written
    paper: driver.Written

    def reporting(self, attacks: int, targets: int) -> float:
        """Return the seconds of a report for each cell: of groups of so many attacks and targets, both splits."""
        cell, scan, pair = self.report
        return cell + scan * attacks + pair * attacks / (2 * targets)


# --- the model ---


@dataclass(frozen=True)
class Size:
    """What a profile's networks and photographs are, for the 48 targets and the eight attacks."""

    photographs: flops.Photographs
    work: dict[str, flops.Work]
    """Mean of a kind of fit."""
    bytes: dict[str, float]
    """Mean of a kind of fit."""
    look: float
    """Mean operations of a target on a photograph."""
    craft: dict[str, float]
    """Mean operations of crafting, by kind of attack."""
    chain: float
    """Operations of the longest chain of fits."""


def size_of(profile: str) -> Size:
    """Count the operations and bytes of a profile."""
    loaded = load_profile(profile)
    setup = Setup(profile=loaded, data_id="", known=6, classes=12)
    photographs = flops.Photographs.of(loaded)
    attacks, targets = ATTACKS.resolve(",".join(MAIN), loaded.attacks), TARGETS.resolve("all")
    works: dict[str, list[flops.Work]] = defaultdict(list)
    sizes: dict[str, list[float]] = defaultdict(list)
    chains: dict[str, float] = {}
    fits = all_fits(attacks, targets, setup)
    pixels = 3 * photographs.size**2
    for fit_id, fit in fits.items():
        kind = kind_of(fit)
        mine = flops.work(fit, photographs)
        works[kind].append(mine)
        chains[fit_id] = mine.total + max((chains[n.fit_id("")] for n in fit.needs().values()), default=0.0)
        if isinstance(fit, ClassifierFit):
            sizes[kind].append(flops.classifier_bytes(fit))
        elif kind == "generators":
            sizes[kind].append(flops.generator_bytes(loaded.generator, 6))
        elif isinstance(fit, StackFit):
            count = photographs.p if fit.role == "p" else photographs.q
            sizes[fit.label] = [count * pixels * (1 if "mosaiced" in fit.label else 2)]
        else:
            sizes[kind].append(0.0)
    looks = [
        flops.classifier(fit, photographs.size)
        for target in targets
        for fit in target.fits(setup).values()
        if isinstance(fit, ClassifierFit)
    ]
    craft: dict[str, list[float]] = defaultdict(list)
    for attack in attacks:
        craft[kind_of_attack(attack.name)].append(flops.crafting(attack, setup, photographs.size))
    return Size(
        photographs,
        {
            kind: flops.Work(*(statistics.mean(getattr(w, f) for w in found) for f in ("training", "validation")))
            for kind, found in works.items()
        },
        {kind: statistics.mean(found) for kind, found in sizes.items()},
        statistics.mean(looks),
        {kind: statistics.mean(found) for kind, found in craft.items()},
        max(chains.values()),
    )


def photograph_bytes(place: driver.Place) -> float:
    """Return the bytes of a photograph's JPEG file for each of its pixels."""
    folder = place.dataset.root
    files = sum((folder / f"{role}.jpegs").stat().st_size for role in ("q", "p", "test"))
    count = sum(len(place.dataset.labels(role)["camera"]) for role in ("q", "p", "test"))
    return files / count / place.dataset.size**2


def stack_bytes(size: Size, campaign: Campaign) -> float:
    """Return the bytes of all stacks of a campaign."""
    once = sum(size.bytes[f"{name}"] for name in ("wiener residuals of p", "wiener residuals of q", "re-mosaiced q"))
    return campaign.datasets * once + campaign.runs * campaign.sets * size.bytes["learned residuals of q"]


# --- tables ---


@dataclass(frozen=True)
class Printer:
    """Prints tables as text or as Markdown."""

    markdown: bool

    def title(self, text: str) -> None:
        """Print the title of a table."""
        print(f"\n**{text}**\n" if self.markdown else f"\n{text}\n")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; all but the first column stand to the right."""
        align = ("left", *("right" for _ in headers[1:]))
        form = "pipe" if self.markdown else "simple"
        print(tabulate(rows, headers=headers, tablefmt=form, colalign=align, disable_numparse=True))


def short(value: float) -> str:
    """Return a number with two or three digits that matter."""
    if abs(value) < 1e-3:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) < 1 else f"{value:.2f}"


def print_fits(show: Printer, found: dict[str, Trained]) -> None:
    """Seconds, bytes and operations of the fits in the cache."""
    groups: dict[str, list[Trained]] = defaultdict(list)
    for label, fit in found.items():
        groups[f"targets, {label.split('/')[0]}" if fit.kind == "targets" else fit.kind].append(fit)
    rows = []
    for name, fits in sorted(groups.items(), key=lambda g: -len(g[1])):
        seconds = [f.seconds for f in fits]
        rates = [f.work.total / f.seconds / 1e9 for f in fits if f.work.total]
        rows.append(
            (
                name,
                str(len(fits)),
                short(statistics.median(seconds)),
                f"{min(seconds):.0f} to {max(seconds):.0f}",
                short(statistics.mean(f.bytes for f in fits) / MB),
                short(statistics.mean(f.work.total for f in fits) / 1e12),
                f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})" if rates else "-",
            )
        )
    show.title("Fits at quick, one core")
    show.table(("kind", "fits", "median s", "range s", "MB each", "TFLOP each", "GFLOP/s"), rows)


def print_crossings(show: Printer, done: Sequence[CrossingDone], units: CrossingUnits, place: driver.Place) -> None:
    """Seconds of the crossings behind the committed cells, and what the units say of them."""
    size = place.facts.size
    craft = {a.name: flops.crafting(a, place.setup, size) for a in place.attacks}
    looks: dict[str, int] = {}
    for target in place.targets:
        (fit,) = (f for f in target.fits(place.setup).values() if isinstance(f, ClassifierFit))
        looks[target.name] = flops.classifier(fit, size)

    def work(c: CrossingDone) -> float:
        return c.trials * (craft[c.attack] + sum(looks[t] for t in c.targets)) / c.seconds / 1e9

    def said(c: CrossingDone) -> float:
        return c.trials * units.seconds(kind_of_attack(c.attack), len(c.targets), c.conditions)

    rows = []
    for names in (GENERATORS, GRADIENTS, PLAIN):
        mine = [c for c in done if c.attack in names]
        single = [c for c in mine if c.main]
        several = [c.seconds / said(c) for c in mine if not c.main]
        seconds, trials = sum(c.seconds for c in single), sum(c.trials for c in single)
        rates = [work(c) for c in single]
        rows.append(
            (
                ", ".join(names),
                short(trials),
                short(seconds),
                short(1000 * seconds / trials),
                f"{statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})",
                spread([c.seconds / said(c) for c in single]),
                spread(several) if several else "-",
            )
        )
    headers = ("attacks", "crafted", "s", "ms each", "GFLOP/s", "measured / units", "the same, other conditions")
    show.title("Crossings at quick: both splits, 48 targets, one condition, core seconds")
    show.table(headers, rows)
    print(
        f"\nUnits, core ms a crafted photograph: look of one target {1000 * units.look:.1f}, crafting by a generator "
        f"{1000 * units.craft['generator']:.0f}, along gradients {1000 * units.craft['gradient']:.0f}, distortion "
        f"{1000 * units.view:.0f}, JPEG file {1000 * units.jpeg:.1f}."
    )


def spread(values: Sequence[float]) -> str:
    """Return the smallest and the largest of some ratios."""
    return f"{min(values):.1f} to {max(values):.1f}"


def print_driver(
    show: Printer,
    rows: Sequence[tuple[str, ...]],
    travels: Sequence[driver.Travel],
    queue: dict[int, float],
    load: driver.Loading | None,
) -> None:
    """What the driver pays."""
    first, last = travels[0], travels[-1]
    more = [
        (f"queue, {min(queue)} and {max(queue)} jobs", "s", *(short(s) for s in queue.values())),
        (
            f"job of a whole crossing, 1000 targets, {first.trials} and {last.trials} photographs",
            "KB",
            *(short(t.job / 1e3) for t in travels),
        ),
        ("its outcome, each condition", "MB", *(short(t.outcome / MB) for t in travels)),
    ]
    show.title("Driver, CPU time of one process, at two sizes")
    show.table(("what", "unit", "smaller", "larger"), [*rows, *more])
    if load is not None:
        print(
            f"\nA worker loads a target of quick in {1000 * load.seconds:.0f} ms; it takes {load.bytes / MB:.1f} MB on "
            f"disk and {load.memory / MB:.1f} MB in memory."
        )


PARTS = ("looks", "crafting, distortion", "targets", "generators", "evaluators", "photographs, epsilons, stacks")
"""Of the hours, the largest first."""


def part_of(kind: str) -> str:
    """Return the part that a kind of fit belongs to."""
    return kind if kind in PARTS else PARTS[-1]


@dataclass(frozen=True)
class Model:
    """A campaign, and what its parts cost."""

    campaign: Campaign
    quick: Size
    paper: Size
    found: dict[str, Trained]
    units: CrossingUnits
    costs: DriverUnits
    jpeg_bytes: float
    """Of a photograph's JPEG file, a pixel."""
    rate: float
    """Operations a GPU does in an hour."""

    def quick_hours(self, conditions: Sequence[str]) -> dict[str, float]:
        """Return core hours by part."""
        fits = self.campaign.fits()
        shots = self.campaign.datasets * self.quick.photographs.all * (self.quick.photographs.size / 256) ** 2
        hours = dict.fromkeys(PARTS, 0.0)
        hours[PARTS[-1]] = shots * SECONDS_PER_PHOTOGRAPH / HOUR
        for kind, count in fits.items():
            seconds = [f.seconds for f in self.found.values() if f.kind == kind]
            hours[part_of(kind)] += count * statistics.mean(seconds or [0.0]) / HOUR
        trials = self.campaign.trials(self.quick.photographs, len(conditions))
        craft = {kind: self.units.seconds(kind, 0, conditions) for kind in trials}
        whole = {kind: self.units.seconds(kind, self.campaign.targets, conditions) for kind in trials}
        hours["crafting, distortion"] = sum(n * craft[kind] for kind, n in trials.items()) / HOUR
        hours["looks"] = sum(n * (whole[kind] - craft[kind]) for kind, n in trials.items()) / HOUR
        return hours

    def paper_operations(self, conditions: Sequence[str]) -> dict[str, float]:
        """Return operations by part."""
        fits = self.campaign.fits()
        found = dict.fromkeys(PARTS, 0.0)
        for kind, count in fits.items():
            found[part_of(kind)] += count * self.paper.work[kind].total
        trials = self.campaign.trials(self.paper.photographs, len(conditions))
        found["crafting, distortion"] = sum(n * self.paper.craft[kind] for kind, n in trials.items())
        looks = sum(trials.values()) * self.campaign.targets * len(conditions)
        found["looks"] = looks * self.paper.look
        return found


def print_counts(show: Printer, model: Model) -> None:
    """Fits, crossings, jobs, looks, cells."""
    campaign, fits = model.campaign, model.campaign.fits()
    show.title(
        f"{campaign.attacks} attacks x {campaign.targets} targets x {campaign.seeds} seeds x "
        f"{campaign.datasets} data sets, both splits"
    )
    named = ", ".join(f"{short(count)} {kind}" for kind, count in fits.items())
    jobs = {workers: campaign.jobs(model.paper.photographs, workers) + sum(fits.values()) for workers in (64, 512)}
    print(
        f"{short(sum(fits.values()))} fits ({named}) and {short(campaign.attacks * 2 * campaign.runs)} crossings in "
        f"{campaign.runs} runs: {' or '.join(f'{short(n)} jobs on {w} workers' for w, n in jobs.items())}. "
        f"{short(campaign.cells(1) / 1e6)} million cells a condition."
    )
    for label, size in (("quick", model.quick), ("paper", model.paper)):
        one, five = (sum(campaign.trials(size.photographs, c).values()) for c in (1, len(CONDITIONS)))
        looks = [n * campaign.targets / 1e9 for n in (one, len(CONDITIONS) * five)]
        print(
            f"Crafted at {label}: {short(one / 1e6)} million photographs, {short(five / 1e6)} for all five conditions; "
            f"looks of a target: {looks[0]:.2g} billion, {looks[1]:.2g} for all five."
        )


def print_hours(show: Printer, model: Model) -> list[float]:
    """Core hours at quick, GPU hours at paper; return the latter for one and for all conditions."""
    both = (("uint8",), tuple(CONDITIONS))
    quick = [model.quick_hours(c) for c in both]
    paper = [model.paper_operations(c) for c in both]
    rows = []
    for part in PARTS:
        work = [p[part] for p in paper]
        rows.append(
            (
                part,
                *(short(q[part]) for q in quick),
                short(work[0] / 1e18),
                *(short(w / model.rate) for w in work),
            )
        )
    totals = [sum(p.values()) for p in paper]
    hours = [t / model.rate for t in totals]
    rows.append(("all", *(short(sum(q.values())) for q in quick), short(totals[0] / 1e18), *(short(h) for h in hours)))
    rate = model.rate / HOUR / 1e12
    show.title(f"Hours: cores at quick, GPUs of {rate:g} TFLOP/s at paper")
    show.table(("", "quick, one condition", "all five", "paper, EFLOP", "GPU h", "GPU h, all five"), rows)
    validating = model.paper.work["targets"].validation / model.paper.work["targets"].total
    craft = paper[0]["crafting, distortion"]
    share = craft / (craft + paper[0]["looks"])
    print(
        f"\nAt paper {100 * validating:.0f} % of the targets' operations are validation after each epoch, and crafting "
        f"is {100 * share:.0f} % of a crossing."
    )
    return hours


def print_bytes(show: Printer, model: Model) -> None:
    """Gigabytes on disk and on the way."""
    campaign, fits = model.campaign, model.campaign.fits()
    one = campaign.cells(1)
    columns = []
    for size, cost in ((model.quick, model.costs.quick), (model.paper, model.costs.paper)):
        pixels = campaign.datasets * size.photographs.all * size.photographs.size**2
        networks = fits["evaluators"] * size.bytes["evaluators"] + fits["generators"] * size.bytes["generators"]
        columns.append(
            {
                "photographs": pixels * (3 + model.jpeg_bytes),
                "targets": fits["targets"] * size.bytes["targets"],
                "other networks": networks,
                "stacks": stack_bytes(size, campaign),
                "outcomes through drivers, a condition": 8
                * campaign.targets
                * sum(campaign.trials(size.photographs, 1).values()),
                "cells, a condition": one * cost.bytes,
                "leaderboard.html, a condition": one * model.costs.page,
                "cells.csv, a condition": one * model.costs.csv,
            }
        )
    show.title("GB on disk and on the way")
    show.table(("", "quick", "paper"), [(what, *(short(c[what] / GB) for c in columns)) for what in columns[0]])


def print_drivers(show: Printer, model: Model) -> None:
    """Hours and memory of the driver."""
    campaign, costs = model.campaign, model.costs
    one, five = campaign.cells(1), campaign.cells(len(CONDITIONS))
    others = (campaign.seeds - 1) / 2
    beside = costs.plan + others * costs.paper.read
    scan = costs.scan * 2 * campaign.targets * others
    at_driver: dict[str, tuple[float, float]] = {
        "a plan of each run, nothing there": (costs.plan,) * 2,
        f"a plan of each run, {others:g} other seeds there": (beside + scan, beside + scan * len(CONDITIONS)),
        "outcomes to cell files": (costs.paper.write,) * 2,
        "a plan of each run, or a report: reading all cells": (costs.paper.read,) * 2,
        "a report: the rest": (costs.reporting(campaign.attacks, campaign.targets),) * 2,
    }
    rows = [
        (name, short(1000 * a), short(one * a / HOUR), short(1000 * b), short(five * b / HOUR))
        for name, (a, b) in at_driver.items()
    ]
    show.title("Drivers at paper, one core")
    show.table(("", "ms a cell", "hours", "all five, ms a cell", "hours"), rows)
    a_run = one / campaign.runs
    pieces = (sum(campaign.fits().values()) + campaign.attacks * 2 * campaign.runs) / campaign.runs
    memory = costs.paper.memory / GB
    print(
        f"\nA run has {short(a_run)} cells a condition and {pieces:.0f} pieces for `bench run --only`, each of which "
        f"plans the run anew: {a_run * costs.plan:.0f} s while nothing is there, "
        f"{a_run * (costs.plan + costs.paper.read) / 60:.0f} minutes once everything is. A report holds every cell, "
        f"{one * memory:.0f} GB for one condition, {five * memory:.0f} GB for five; a plan beside {campaign.seeds - 1} "
        f"other seeds holds theirs, {a_run * (campaign.seeds - 1) * memory:.0f} GB a condition."
    )


def print_wall(show: Printer, model: Model, hours: Sequence[float]) -> None:
    """Wall hours at paper."""
    campaign, costs = model.campaign, model.costs
    load = campaign.targets * model.paper.bytes["targets"]
    driving = campaign.cells(1) * (costs.plan + costs.paper.write) / HOUR
    rows = []
    for gpus in (8, 64, 512):
        computing = (short(h / gpus) for h in hours)
        alone = (short(driving), short(driving / campaign.runs))
        rows.append((str(gpus), *computing, *alone, short(gpus * load * campaign.runs / TB)))
    many = f"{campaign.runs} drivers"
    show.title("Wall hours at paper")
    show.table(("GPUs", "compute", "compute, all five", "one driver, one condition", many, "TB of targets read"), rows)
    small = campaign.targets * model.quick.bytes["targets"]
    print(
        f"\nThe longest chain of fits takes {model.paper.chain / model.rate:.2f} h. The targets of one seed, all in "
        f"the memory of each worker: {small / GB:.1f} GB at quick, {load / GB:.0f} GB at paper."
    )


# --- measuring ---


def open_place(results: Path, cache: Path) -> tuple[driver.Place, list[Cell]]:
    """Open results and the cache, at the photographs that most cells are of."""
    cells = [cell for cell in CellStore(results).cells(profile="quick") if cell.attack.name in MAIN]
    data_id = Counter(cell.dataset.data_id for cell in cells).most_common(1)[0][0]
    dataset = open_dataset(cache, data_id)
    profile = load_profile("quick")
    facts = facts_of(dataset)
    attacks, targets = ATTACKS.resolve(",".join(MAIN), profile.attacks), TARGETS.resolve("all")
    place = driver.Place(results, Cache(cache), dataset, facts, facts.setup(profile, 0), attacks, targets)
    return place, [cell for cell in cells if cell.dataset.data_id == data_id]


def measure_driver(place: driver.Place, cells: Sequence[Cell]) -> tuple[DriverUnits, list[tuple[str, ...]]]:
    """Measure what the driver pays, each at two sizes, in temporary folders."""
    rows: list[tuple[str, ...]] = []

    def row(what: str, unit: str, *values: float) -> None:
        rows.append((what, unit, *(short(value) for value in values)))

    def ms(what: str, *seconds: float) -> None:
        row(what, "ms a cell", *(1000 * s for s in seconds))

    with tempfile.TemporaryDirectory() as text:
        root = Path(text)
        quarter = driver.copy(root / "quarter", place, place.attacks[:2])
        whole = driver.copy(root / "all", place, place.attacks)
        empty = replace(place, results=root / "empty")
        few = replace(empty, attacks=place.attacks[:2])
        plans = [driver.plan_seconds(p, 1) for p in (few, empty)]
        ms("plan, nothing there, 192 and 768 cells", *plans)
        ms("plan, all there, 192 and 768 cells", *(driver.plan_seconds(p, 0) for p in (quarter, whole)))
        before = len(list(driver.folder_of(quarter, place.attacks[0].name).glob("*.json")))
        first = driver.plan_seconds(quarter, 1)
        after = driver.crowd(quarter, 70)  # as many as 1000 targets, two splits and five seeds make
        then = driver.plan_seconds(quarter, 1)
        ms(f"plan, another seed there, {before} and {after} files a folder", first, then)

        made = [[driver.written(place, root / f"{n}-{i}", n) for n in (8, driver.PHOTOGRAPHS)] for i in range(3)]
        quick, paper = (driver.least(sizes) for sizes in zip(*made, strict=True))
        label = f"a cell of {12 * quick.photographs} and {12 * paper.photographs} test photographs"
        ms(f"{label}: outcome to file", quick.write, paper.write)
        ms("the same: read", quick.read, paper.read)
        row("the same: file", "KB", quick.bytes / 1e3, paper.bytes / 1e3)
        row("the same: in memory", "KB", quick.memory / 1e3, paper.memory / 1e3)

        default = [c for c in cells if c.protocol["condition"] == "uint8" and c.protocol["budget"] is None]
        points: list[tuple[int, int, float]] = []
        for names, times, over in ((MAIN[:2], 1, 1), (MAIN, 2, 1), (MAIN, 1, 1), (MAIN, 1, 2)):
            some = driver.more_targets([c for c in default if c.attack.name in names], over)
            some = driver.more_attacks(some, times)
            seconds, sizes = driver.report(empty, some)
            points.append((len(some), len(names) * times, seconds))
        page, csv = (sizes[name] / len(some) for name in ("leaderboard.html", "cells.csv"))
        scan = driver.report_scan(empty, default)
    ms("report, 2 and 16 attacks x 48 targets", *(seconds for *_, seconds in points[:2]))
    ms("report, 8 attacks x 48 and 96 targets", *(seconds for *_, seconds in points[2:]))
    ms("of it, looking for the cells of each attack, 8 and 16 attacks", 8 * scan, 16 * scan)
    # Each size weighs the same: the relative error of the whole is what the squares are taken of.
    terms = np.array([[1.0, attacks**2 / count] for count, attacks, _ in points])
    rest = np.array([seconds - attacks * scan for _, attacks, seconds in points])
    (each, pair), _ = nnls(terms / rest[:, None], np.ones(len(points)))
    plan_scan = (then - first) / (after - before)
    return DriverUnits(plans[1], plan_scan, (each, scan, pair), page, csv, quick, paper), rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument(
        "--tflops", type=float, default=47.0, help="assumed rate of a GPU; 47 is 30 %% of an A100's dense TF32 peak"
    )
    for name, count in (("attacks", 100), ("targets", 1000), ("seeds", 5), ("datasets", 3)):
        parser.add_argument(f"--{name}", type=int, default=count)
    asked = parser.parse_args()
    began = time.perf_counter()
    torch.set_num_threads(1)
    show = Printer(asked.markdown)
    campaign = Campaign(asked.attacks, asked.targets, asked.seeds, asked.datasets)
    place, cells = open_place(asked.results, asked.cache)
    load = driver.loading(place)  # first, while the process is small
    quick, paper = size_of("quick"), size_of("paper")
    found = trained(place, quick.photographs)
    done = crossings_done(cells, place.attacks)
    units = crossing_units(done, *judging(place))
    costs, rows = measure_driver(place, cells)
    travels = driver.travel(place, 1000)
    queue = {jobs: driver.queue_seconds(jobs) for jobs in (10_000, 100_000)}

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    print_fits(show, found)
    print_crossings(show, done, units, place)
    single = sum(c.seconds for c in done if c.main)
    print(
        f"\nFits {sum(f.seconds for f in found.values()) / HOUR:.2f} core hours, crossings {single / HOUR:.2f}: "
        "the whole main job at quick but for its photographs and tables."
    )
    print_driver(show, rows, travels, queue, load)
    model = Model(campaign, quick, paper, found, units, costs, photograph_bytes(place), asked.tflops * 1e12 * HOUR)
    print_counts(show, model)
    hours = print_hours(show, model)
    print_bytes(show, model)
    print_drivers(show, model)
    print_wall(show, model, hours)
    print(f"\nmeasured in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
