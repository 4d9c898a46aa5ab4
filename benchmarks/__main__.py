"""All benchmarks: `python -m benchmarks`, each stage in a process of its own.

Tables go to stdout, progress to stderr. The GPU (`--device cuda`) is used by the stages scoring and training; on one
these have not been tried.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchbench.base.processes import cores
from benchbench.base.provenance import commit, device_name, processor

from .report import Options, Report, summary

STAGES = (
    "rendering",
    "signal_processing",
    "reading",
    "scoring",
    "training",
    "steps",
    "memory",
    "growth",
    "many_cells",
    "isolation",
    "estimates",
    "cluster",
)
ON_GPU = ("scoring", "training")


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, not how fast")
    parser.add_argument("--only", default=",".join(STAGES), help=f"stages: {', '.join(STAGES)}")
    parser.add_argument("--device", default="cpu", help=f"cpu or cuda, for {' and '.join(ON_GPU)}")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="put benchmarks.md and its picture here")
    parser.add_argument("--stage", help=argparse.SUPPRESS)  # this process is to measure one stage
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)  # and to put what it finds here
    arguments = parser.parse_args()
    unknown = [name for name in arguments.only.split(",") if name not in STAGES]
    if unknown:
        parser.error(f"unknown stage '{unknown[0]}'; stages are {', '.join(STAGES)}")
    folder = str(arguments.write) if arguments.write else None
    options = Options(quick=arguments.quick, device=arguments.device, folder=folder)
    if arguments.stage:
        arguments.out.write_text(measured(arguments.stage, options).to_json(), encoding="utf-8")
        return 0

    if arguments.write:
        arguments.write.mkdir(parents=True, exist_ok=True)
    began, head = time.perf_counter(), commit() or "unknown"
    reports = []
    for name in arguments.only.split(","):
        report = in_process(name)
        if report is None:
            return 1
        reports.append(report)
        print(f"{name}: {report.seconds:.0f} s, {time.perf_counter() - began:.0f} s in all", file=sys.stderr)
    text = document(reports, options, time.perf_counter() - began, head)
    print(text)
    if arguments.write:
        (arguments.write / "benchmarks.md").write_text(text + "\n", encoding="utf-8")
    return 0


def in_process(stage: str) -> Report | None:
    """Run a stage in a fresh process, so that threads and memory of one do not disturb another; None if it failed."""
    print(f"{stage} ...", file=sys.stderr, flush=True)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", "benchmarks", *sys.argv[1:], "--stage", stage, "--out", str(out)]
        code = subprocess.run(command, check=False).returncode
        if code:
            print(f"stage '{stage}' failed with exit code {code}", file=sys.stderr)
            return None
        report = Report.from_json(out.read_text(encoding="utf-8"))
    report.seconds = time.perf_counter() - began
    return report


def measured(stage: str, options: Options) -> Report:
    """Run a stage in this process."""
    import torch

    # Threads that wait for one another are slow beyond measure where other work takes a core, as tests may have it.
    torch.set_num_threads(1 if options.quick else cores())
    report: Report = importlib.import_module(f"benchmarks.{stage}").measure(options)
    if options.quick:  # nothing is met or missed at these sizes
        report.rows = [replace(row, wanted=None) for row in report.rows]
    return report


def document(reports: list[Report], options: Options, seconds: float, head: str) -> str:
    """Return benchmarks.md; `head` is the commit that was there before the figures were written."""
    import torch

    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    machine = [
        f"Machine: {processor()}, {cores()} cores, {pages / 2**30:.0f} GiB of memory; {platform.system()}.",
        f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}; Python {platform.python_version()}; "
        f"{cores()} threads, or {cores()} processes of one thread each, where nothing else is said.",
        f"Commit {head[:12]}{'-dirty' if head.endswith('-dirty') else ''}, "
        f"{datetime.now(UTC):%Y-%m-%d}, `python -m benchmarks{' --quick' if options.quick else ''}`, "
        f"{seconds / 60:.1f} minutes.",
    ]
    if options.device != "cpu":
        machine.append(f"Stages {' and '.join(ON_GPU)} on {device_name(options.device)}.")
    explained = (
        "Ours and the peer's are medians or sums of times taken in turn in one run. 'wanted' is the least peer / ours "
        "that is asked for. The limit is the time that the work would take at the rates that this machine reaches in "
        "the same convolutions, each alone, or in copying the same bytes."
    )
    tiny = ["Measured with --quick: these times say nothing."] if options.quick else []
    parts = ["# Benchmarks", *tiny, "\n".join(f"- {line}" for line in machine), explained, summary(reports)]
    return "\n\n".join([*parts, *(report.text for report in reports)])


if __name__ == "__main__":
    sys.exit(main())
