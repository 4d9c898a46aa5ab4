"""What it costs that an attack crafts in a process of its own: the main job with it and without, in turn.

The main job is what `make bench` does once photographs and networks are there: Cama against all targets of the grid, on
both splits, a worker a core, in a process of its own, from an empty results folder to written cells. It is measured on
a part of its photographs, and on the fewest that it can have: from both follow what is paid once and what each
photograph adds, and so the whole job.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchbench.base.processes import cores
from benchbench.contracts.trials import SPLITS, trials
from benchbench.harness.options import RunOptions
from benchbench.harness.run import plan_run, run
from benchbench.records.cache import default_cache

from .clock import Spent, say, tree_spent
from .jobs import job
from .photographs import prefill
from .report import Options, Report, Row, Table, duration, number

WANTED = 1 / 1.05
"""At most 5 % slower."""
TRIALS = 128
"""The part has at least so many: a minute of one core, or thereabouts."""
REPEATS = 2
HEADERS = ("photographs crafted", "cores, own process", "one process", "ratio", "clock, own process", "one process")


@dataclass(frozen=True)
class Part:
    """A part of the main job: so many photographs crafted, with an attack's process of its own and without."""

    count: int
    apart: Spent
    together: Spent


def main_job(quick: bool, limit: int | None, options: RunOptions) -> dict[str, Any]:
    """Return what `run` and `plan_run` take for the main job; quick: for what shows that it runs."""
    words = ("smoke", "noise", "resnet18/rgb/*") if quick else ("quick", "cama", "all")
    return job(*words, options, limit)


def measure(options: Options) -> Report:
    """Measure the main job both ways."""
    report = Report("isolation")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "c" if options.quick else default_cache()
        counts = _counts(options.quick, cache)
        if not options.quick:
            spent(options.quick, cache, 1, isolated=True)  # photographs, networks of the zoo and clean predictions
        fewest = part = _part(options.quick, cache, 1, counts[1])
        if not options.quick:
            limit = next((n for n, count in counts.items() if n is not None and count >= TRIALS), None)
            part = _part(options.quick, cache, limit, counts[limit])
    work = f"main job, {part.count} of {counts[None]} photographs crafted; time of all cores; peer: in one process"
    report.rows.append(Row(work=work, ours=part.apart.cores, peer=part.together.cores, wanted=WANTED))
    rows = tuple(_row(found) for found in dict.fromkeys((fewest, part)))
    report.tables.append(Table(title="Parts of the main job", headers=HEADERS, rows=rows))
    if part.count > fewest.count:
        report.notes += _whole(fewest, part, counts[None])
    return report


def _counts(quick: bool, cache: Path) -> dict[int | None, int]:
    """Return how many photographs are crafted where so many test photographs of a class are attacked; None: all."""
    case = main_job(quick, None, RunOptions(cache=cache))
    facts, attack = case["source"].facts(cache), case["attacks"][0]
    per_class = max(facts.camera.tolist().count(c) for c in set(facts.camera.tolist()))
    each, targeted = case["profile"].wanted, attack.card.targeted
    return {
        limit: sum(len(trials(facts.camera, facts.known, split, targeted, each, limit)) for split in SPLITS)
        for limit in (*range(1, per_class + 1), None)
    }


def _part(quick: bool, cache: Path, limit: int | None, count: int) -> Part:
    found: dict[bool, list[Spent]] = {True: [], False: []}
    for turn in range(1 if quick else REPEATS):
        for isolated in (True, False) if turn % 2 == 0 else (False, True):
            found[isolated].append(spent(quick, cache, limit, isolated))
            say(f"{count} photographs, {'own' if isolated else 'one'} process: {found[isolated][-1]}")
    mean = {way: Spent(*(sum(times) / len(times) for times in zip(*each, strict=True))) for way, each in found.items()}
    return Part(count, mean[True], mean[False])


def spent(quick: bool, cache: Path, limit: int | None, isolated: bool) -> Spent:
    """Do the job, or a part of it, in a process of its own, and return what it and all that it started took."""
    with tempfile.TemporaryDirectory() as results:
        given = [str(int(quick)), str(cache), str(limit or 0), str(int(isolated)), results]
        return tree_spent([sys.executable, "-m", "benchmarks.isolation", *given])


def do(quick: bool, cache: Path, limit: int | None, isolated: bool, results: Path) -> None:
    """Do the job in this process."""
    options = RunOptions(workers=1 if quick else cores(), apart=True, isolated=isolated, cache=cache, results=results)
    case = main_job(quick, limit, options)
    plan, _ = plan_run(**case)
    if quick:
        prefill(cache, plan.setup, [*case["attacks"], *case["targets"]])
    elif plan.missing_fits:
        raise RuntimeError(
            f"{len(plan.missing_fits)} networks are in neither the zoo nor the cache; run `make bench` first."
        )
    summary = run(**case)
    if summary.failures or not summary.computed:
        raise RuntimeError(f"{summary.sentence}: {summary.failures}")


def _row(part: Part) -> tuple[str, ...]:
    apart, together = part.apart, part.together
    times = (duration(apart.cores), duration(together.cores), number(apart.cores / together.cores))
    return (str(part.count), *times, duration(apart.clock), duration(together.clock))


def _whole(fewest: Part, part: Part, count: int) -> Sequence[str]:
    """Return sentences: what is paid once, what a photograph adds, and what follows for the whole job."""
    once, each = [], []
    for low, high in ((fewest.apart, part.apart), (fewest.together, part.together)):
        each.append((high.cores - low.cores) / (part.count - fewest.count))
        once.append(low.cores - each[-1] * fewest.count)
    whole = [o + e * count for o, e in zip(once, each, strict=True)]
    return (
        f"Paid once: {duration(once[0])} of a core with a process of its own, {duration(once[1])} without. "
        f"Each photograph: {duration(each[0])} and {duration(each[1])}.",
        f"The whole job, {count} photographs, would so take {duration(whole[0])} and {duration(whole[1])}: "
        f"{100 * (whole[0] / whole[1] - 1):+.1f} %.",
    )


if __name__ == "__main__":
    quick_, cache_, limit_, isolated_, results_ = sys.argv[1:]
    do(quick_ == "1", Path(cache_), int(limit_) or None, isolated_ == "1", Path(results_))
