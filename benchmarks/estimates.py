"""What `bench run --dry-run` says a run will take, and what the run takes then: both in a new cache.

The main job (Cama against all targets, networks from the zoo), and networks that are trained anew. Each estimate is
made by a process that has measured nothing before, as a user's first one is.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchbench.base.processes import cores
from benchbench.harness.options import RunOptions
from benchbench.harness.run import plan_run, run, stage_seconds
from benchbench.records.zoo import PACKAGED

from .clock import say, tree_spent
from .jobs import job
from .report import Options, Report, Row, Table, duration, number

JOBS = {
    "the main job: cama, all targets": ("quick", "cama", "all", True),
    "two targets trained anew, noise": ("quick", "noise", "resnet18/fd/complete,resnet50/fd/complete", False),
}
"""Profile, attack, targets, and whether networks come from the zoo."""
SMALL = {"one target trained anew, noise": ("smoke", "noise", "resnet18/rgb/complete", False)}
FACTOR = 2.0
"""An estimate is good within this, on either side; a row of the common table can ask for one side alone."""


def estimated(case: dict[str, Any]) -> dict[str, float]:
    """Return the wall-clock seconds of each stage, as `--dry-run` prints them."""
    plan, facts = plan_run(**case)
    return stage_seconds(plan, facts, case["options"])


def measure(options: Options) -> Report:
    """Estimate each job, do it, and compare."""
    report = Report("estimates")
    rows = []
    for name, (profile, attack, targets, zoo) in (SMALL if options.quick else JOBS).items():
        say(name)
        with tempfile.TemporaryDirectory() as folder:
            place = (folder, profile, attack, targets, str(int(zoo)))
            said = Path(folder) / "estimate"
            took = tree_spent([sys.executable, "-m", "benchmarks.estimates", *place])
            before = float(said.read_text(encoding="utf-8"))
        ratio = before / took.clock
        report.rows.append(Row(work=f"{name} (as estimated)", ours=took.clock, peer=before, wanted=1 / FACTOR))
        good = "yes" if 1 / FACTOR <= ratio <= FACTOR else "no"
        rows.append((name, duration(before), duration(took.clock), number(ratio), good))
    headers = ("job", "estimated", "by the clock", "ratio", f"within a factor of {FACTOR:.0f}")
    report.tables.append(Table(title="Estimates and runs, an empty cache:", headers=headers, rows=tuple(rows)))
    if not options.quick:
        report.notes.append(_paper())
    report.notes.append("By the clock is the whole command, from the start of Python to the last cell.")
    return report


def _paper() -> str:
    """Say what the profile `paper` would take, which nobody has run."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        options = RunOptions(workers=1, cache=place, results=place / "r", zoo=None)
        seconds = sum(estimated(job("paper", "cama,misl-cgan,spoc-cgan,fgsm,pgd,ddn", "all", options)).values())
    return f"Six attacks and all targets at `paper`: {seconds / 3600:.0f} hours of one core by this estimate; not run."


def do(folder: Path, profile: str, attack: str, targets: str, zoo: bool) -> None:
    """Estimate a job, write that down, and do the job."""
    found = PACKAGED if zoo else None
    options = RunOptions(workers=cores(), cache=folder / "c", results=folder / "r", zoo=found)
    case = job(profile, attack, targets, options)
    (folder / "estimate").write_text(str(sum(estimated(case).values())), encoding="utf-8")
    summary = run(**case)
    if summary.failures or not summary.computed:
        raise RuntimeError(f"{summary.sentence}: {summary.failures}")


if __name__ == "__main__":
    folder_, profile_, attack_, targets_, zoo_ = sys.argv[1:]
    do(Path(folder_), profile_, attack_, targets_, zoo_ == "1")
