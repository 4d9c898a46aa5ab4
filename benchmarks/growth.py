"""How the time of a run grows with targets, photographs and attacks: a table and a log-log plot.

A run is `benchbench.run` with a worker a core on photographs of 256 px and untrained networks, from an empty
results folder to written cells. It includes what does not grow: worker processes that start and import torch.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchbench.base.processes import cores
from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import Target
from benchbench.harness.options import RunOptions
from benchbench.harness.run import run

from .clock import say, seconds_of
from .photographs import KNOWN, RandomPhotographs, no_progress, prefill, targets
from .report import Options, Report, Table, number

PICTURE = "benchmarks-growth.png"


@dataclass(frozen=True)
class Size:
    """The size of a run."""

    targets: int
    photographs: int
    attacks: int


@dataclass(frozen=True)
class Series:
    """Runs that differ in one thing."""

    varied: str
    sizes: tuple[Size, ...]

    def counts(self) -> list[int]:
        """Return the values of what is varied."""
        return [int(getattr(size, self.varied)) for size in self.sizes]


def measure(options: Options) -> Report:
    """Time all runs, each size once: the sizes that two series share are not run twice."""
    if options.quick:
        all_series = (
            Series("targets", (Size(1, 6, 1), Size(6, 6, 1))),
            Series("photographs", (Size(1, 6, 1), Size(1, 12, 1))),
            Series("attacks", (Size(1, 6, 1), Size(1, 6, 2))),
        )
    else:
        all_series = (
            Series("targets", tuple(Size(n, 48, 1) for n in (1, 6, 24, 48))),
            Series("photographs", tuple(Size(6, n, 1) for n in (12, 48, 192))),
            Series("attacks", tuple(Size(6, 48, n) for n in (1, 2, 4, 8))),
        )
    profile = "smoke" if options.quick else "quick"
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), profile, 1 if options.quick else cores())
        distinct = dict.fromkeys(size for series in all_series for size in series.sizes)
        seconds = {size: bench.seconds(size) for size in distinct}
    report = Report("growth")
    report.tables.append(_table(all_series, seconds))
    report.notes += [
        f"{cores()} worker processes; targets in the order ResNet-18 (6), complete overlap (24), all (48); the attack "
        "is noise at different PSNR; the photographs of the six known camera models, each crafted once. Each run "
        "also classifies the unattacked photographs.",
        *(f"{series.varied.capitalize()}: {_line(series, seconds)}." for series in all_series),
        "The exponent is the slope on log-log axes between this row and the one above: 1 is proportional, 0 constant.",
    ]
    if options.folder:
        draw(all_series, seconds).savefig(Path(options.folder) / PICTURE, dpi=120)
        report.pictures.append(PICTURE)
    return report


@dataclass(frozen=True)
class _Bench:
    folder: Path
    profile: str
    workers: int

    def seconds(self, size: Size) -> float:
        """Time one run."""
        say(f"{size.targets} targets, {size.photographs} photographs, {size.attacks} attacks")
        profile = load_profile(self.profile)
        source = RandomPhotographs(profile.data["size"], test=size.photographs // KNOWN)
        cache = self.folder / f"{size.photographs}"
        source.build(cache, 1, no_progress)
        chosen, attacks = ordered()[: size.targets], noises(size.attacks)
        prefill(cache, source.facts(cache).setup(profile, 0), [*chosen, *attacks])
        shutil.rmtree(cache / "clean", ignore_errors=True)  # so that each run classifies the unattacked photographs
        results = Path(tempfile.mkdtemp(dir=self.folder))

        def work() -> None:
            summary = run(
                attacks,
                chosen,
                ("in",),
                protocols=[Protocol()],
                profile=profile,
                source=source,
                options=RunOptions(workers=self.workers, cache=cache, results=results),
            )
            if len(summary.computed) != size.targets * size.attacks:
                raise RuntimeError(f"{summary.sentence}: {summary.failures}")

        return seconds_of(work)


def ordered() -> list[Target]:
    """Return all targets: ResNet-18 of complete overlap, then the other backbones, then partial overlap."""
    return targets("resnet18/*/complete", "*/*/complete", "all")


def noises(count: int) -> list[Attack]:
    """Return controls that cost the same and are different attacks."""
    return [ATTACKS.create(f"noise[psnr={30 + i}]") for i in range(count)]


def _table(all_series: Sequence[Series], seconds: dict[Size, float]) -> Table:
    rows: list[tuple[str, ...]] = []
    for series in all_series:
        last: tuple[int, float] | None = None
        for size, count in zip(series.sizes, series.counts(), strict=True):
            took = seconds[size]
            cells = size.targets * size.attacks
            slope = ""
            if last is not None:
                slope = f"{slope_between(last, (count, took)):.2f}"
            rows.append(
                (
                    series.varied,
                    str(size.targets),
                    str(size.photographs),
                    str(size.attacks),
                    f"{took:.1f} s",
                    number(1000 * took / (cells * size.photographs)),
                    slope,
                )
            )
            last = (count, took)
    headers = ("grows", "targets", "photographs", "attacks", "time", "ms a photograph, target and attack", "exponent")
    return Table(title="Time of a run:", headers=headers, rows=tuple(rows))


def _line(series: Series, seconds: dict[Size, float]) -> str:
    """Return the least-squares line through a series, each run weighted alike in proportion to its time."""
    times = [seconds[size] for size in series.sizes]
    slope, start = np.polyfit(series.counts(), times, 1, w=[1 / t for t in times])
    return f"{start:.1f} s and {slope:.3f} s for each of the {series.varied}"


def slope_between(one: tuple[int, float], other: tuple[int, float]) -> float:
    """Return the slope between two points (count, seconds) on log-log axes."""
    return log(other[1] / one[1]) / log(other[0] / one[0])


def draw(all_series: Sequence[Series], seconds: dict[Size, float]) -> Figure:
    """Draw the time of runs against what is varied, log-log."""
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axis = figure.add_subplot()
    for series in all_series:
        axis.loglog(series.counts(), [seconds[size] for size in series.sizes], marker="o", label=series.varied)
    most = max(max(series.counts()) for series in all_series)
    top = max(seconds.values())
    axis.loglog([1, most], [top / most, top], color="gray", linestyle=":", label="proportional")
    axis.set_ylim(min(seconds.values()) / 2, top * 1.5)
    axis.set_xlabel("targets, photographs or attacks")
    axis.set_ylabel("time of a run, s")
    fixed = all_series[0].sizes[0]
    axis.set_title(
        f"{cores()} workers; where not varied: 6 targets, {fixed.photographs} photographs, 1 attack", fontsize=9
    )
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    return figure
