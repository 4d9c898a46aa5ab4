"""Peak memory of a run at 512 px: does it stay under 3 GB, and does it grow with the number of photographs?

A run is `benchbench.harness.run.run` in a process of its own with a worker a core. Memory is the proportional set size
(PSS) summed over all its processes, sampled five times a second: what processes share counts once.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from benchbench.base.processes import cores
from benchbench.contracts.attack import ATTACKS, Attack, AttackCard, CraftContext
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.target import Target
from benchbench.harness.options import RunOptions
from benchbench.harness.run import run

from .clock import say
from .photographs import KNOWN, RandomPhotographs, no_progress, prefill, targets
from .report import Options, Report, Table

EVERY = 0.2
"""Seconds between two samples."""
ALLOWED = 3.0
"""GB."""


@dataclass(frozen=True, kw_only=True)
class Lighten(Attack):
    """Adds the wanted class to each gray level: a targeted attack that costs nothing."""

    card: ClassVar[AttackCard] = AttackCard(name="lighten", title="lighten", version=1, knowledge="none")

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Add 1 to `known` gray levels."""
        return (x + (wanted.view(-1, 1, 1, 1) + 1) / 255).clamp(0, 1)


@dataclass(frozen=True)
class Task:
    """A run whose memory is watched."""

    attacks: tuple[Attack, ...]
    targets: tuple[Target, ...]
    profile: str
    source: RandomPhotographs
    cache: Path
    results: Path
    workers: int

    def run(self) -> None:
        """Run it; nothing trains, because the cache is full."""
        options = RunOptions(workers=self.workers, cache=self.cache, results=self.results)
        summary = run(
            self.attacks,
            self.targets,
            ("in",),
            protocols=[Protocol()],
            profile=load_profile(self.profile),
            source=self.source,
            options=options,
        )
        if summary.exit_code or len(summary.computed) != len(self.attacks) * len(self.targets):
            raise RuntimeError(f"{summary.sentence}: {summary.failures}")


@dataclass
class Peak:
    """The most that a tree of processes held, in bytes, and when."""

    total: int = 0
    """PSS: own memory, and mapped files shared out among those who map them."""
    own: int = 0
    """Its anonymous part alone: mapped photographs and libraries are pages of files, which the system can drop."""
    seconds: float = 0.0


def measure(options: Options) -> Report:
    """Watch a few photographs, ten times as many, and all targets."""
    profile = load_profile("smoke" if options.quick else "quick")
    size = 64 if options.quick else 512
    workers = 1 if options.quick else cores()  # each is a process that imports all
    few, many = (2, 4) if options.quick else (10, 100)  # photographs of each of the known camera models
    one = targets("resnet18/rgb/complete")
    every = targets("resnet18/rgb*/complete") if options.quick else targets("all")
    cama = ATTACKS.create("cama", profile.attacks)
    lighten = Lighten()
    plans: tuple[tuple[str, int, tuple[Attack, ...], list[Target]], ...] = (
        ("few photographs", few, (lighten,), one),
        ("many photographs", many, (lighten,), one),
        ("all targets", 1, (cama,), every),
    )
    if options.quick:  # both attacks at once: each run is a process, too
        plans = (("all targets", 1, (lighten, cama), every),)
    rows = []
    totals = []
    with tempfile.TemporaryDirectory() as folder:
        for name, each, attacks, chosen in plans:
            crafted = each * KNOWN * (KNOWN - 1) * len(attacks)
            say(f"{name}: {crafted} crafted")
            source = RandomPhotographs(size, test=each)
            cache = Path(folder) / name / "cache"
            source.build(cache, 1, no_progress)
            prefill(cache, source.facts(cache).setup(profile, 0), [*attacks, *chosen])
            results = Path(folder) / name / "results"
            peak = watched(Task(attacks, tuple(chosen), profile.name, source, cache, results, workers))
            totals.append(peak.total)
            rows.append(
                (
                    ", ".join(attack.name for attack in attacks),
                    str(len(chosen)),
                    str(crafted),
                    f"{peak.total / 1e9:.2f} GB",
                    f"{peak.own / 1e9:.2f} GB",
                    f"{peak.seconds:.0f} s",
                )
            )
    report = Report("memory")
    headers = ("attacks", "targets", "photographs crafted", "peak", "peak without mapped files", "time")
    title = f"Peak memory of a run at {size} px with {workers} worker processes:"
    report.tables.append(Table(title=title, headers=headers, rows=tuple(rows)))
    worst = max(totals) / 1e9
    verdict = (
        "" if options.quick else f" {'Met' if worst < ALLOWED else 'Missed'}: under {ALLOWED:.0f} GB is asked for."
    )
    report.notes += [
        f"The most is {worst:.2f} GB.{verdict} All targets and thousands of photographs are separate runs, because "
        "together they would take hours; each worker holds all targets' networks and one batch at a time.",
        "Memory is the sum of the proportional set sizes of all processes, sampled every 0.2 s. The photographs are "
        "mapped into memory from disk; without mapped files is what the processes hold themselves.",
        "'lighten' adds the wanted class to each gray level: a targeted attack whose own cost is nothing.",
    ]
    return report


def watched(task: Task) -> Peak:
    """Run a task in a process of its own and return the peak of its memory.

    Raises:
        RuntimeError: it failed.
    """
    code = "import pickle, sys; pickle.load(sys.stdin.buffer).run()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(pickle.dumps(task))
    child.stdin.close()
    peak = Peak()
    began = time.perf_counter()
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(EVERY):
            total, own = held(child.pid)
            peak.total, peak.own = max(peak.total, total), max(peak.own, own)

    sampler = threading.Thread(target=sample)
    sampler.start()
    status = child.wait()
    ended.set()
    sampler.join()
    peak.seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"the run ended with exit code {status}")
    return peak


def held(root: int) -> tuple[int, int]:
    """Return (PSS, its anonymous part) in bytes of a process and all its descendants."""
    total = own = 0
    waiting = [root]
    while waiting:
        place = Path("/proc") / str(waiting.pop())
        try:
            lines = (place / "smaps_rollup").read_text().splitlines()
            for children in place.glob("task/*/children"):
                waiting += map(int, children.read_text().split())
        except OSError:
            continue  # it has ended
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
        total += sizes["Pss:"]
        own += sizes["Pss_Anon:"]
    return total, own
