"""Kills processes of runs at every stage, and compares what is left at the end with a run that nobody disturbed.

Run: python tools/kills.py --kills 100     (Linux; about a minute of a core for ten kills)

A kill is SIGKILL. Victims: the driver, whose command is then given again; a worker at work; a worker that waits for
work; the process that crafts, or waits for its attack; and the mold of which those are copies. Stages: rendering,
training, and crossing, in which attacks craft and targets judge. A situation that did not come up before its stage was
over is said and not counted.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchbench.records.cells import CellStore
from benchbench.records.snapshots import differences


class Kill(NamedTuple):
    """Who is killed, and when."""

    stage: str
    victim: str


ROUND = (
    Kill("rendering", "worker"),
    Kill("rendering", "driver"),
    Kill("training", "worker"),
    Kill("training", "idle worker"),
    Kill("training", "mold"),
    Kill("training", "driver"),
    Kill("crossing", "idle worker"),
    Kill("crossing", "crafter"),
    Kill("crossing", "worker"),
    Kill("crossing", "driver"),
)
"""In the order of the stages. Between two drivers none comes twice: a job whose process dies twice is given up."""
LOOKS, BETWEEN = 3, 0.02
"""So many looks, s apart, in which a process that waits never runs."""


def state(pid: int) -> str:
    """Return the state of a process as the system calls it, 'R' for one that runs; '' where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def started(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has ended
            found += [int(child) for child in thread.read_text().split()]
    return found


def copies(pid: int) -> list[int]:
    """Return the workers of a driver, or the processes that craft for a worker: copies of what each has started."""
    return [copy for original in started(pid) for copy in started(original)]


def waits(pid: int) -> bool:
    """Say whether neither a worker nor the process that crafts for it runs."""
    for _ in range(LOOKS):
        if any(state(p) != "S" for p in (pid, *copies(pid))):
            return False
        time.sleep(BETWEEN)
    return True


def victim(kind: str, driver: int) -> int | None:
    """Return the process to kill, or None where there is none of the kind now."""
    if kind == "driver":
        return driver
    for worker in copies(driver):
        if kind == "worker" and state(worker) == "R":
            return worker
        if kind == "idle worker" and started(worker) and waits(worker):
            return worker
        if kind == "mold" and (molds := started(worker)):
            return molds[0]
        if kind == "crafter" and (crafters := copies(worker)):
            return crafters[0]
    return None


def stage(cache: Path, results: Path, whole: tuple[int, int]) -> str:
    """Return what a run is about; `whole`: the fits and cells that it has in the end."""
    if not list(cache.glob("data/*/meta.json")):
        return "rendering"
    if len(list(cache.glob("fits/*/record.json"))) < whole[0]:
        return "training"
    return "crossing" if len(list(results.rglob("cells/*/*.json"))) < whole[1] else "over"


class Runs:
    """One command, in folders of its own."""

    def __init__(self, folder: Path, more: list[str]) -> None:
        """Say where, and with which options."""
        self.cache, self.results = folder / "c", folder / "r"
        places = ["--cache", str(self.cache), "--results", str(self.results), "--no-zoo", "--workers", "2", "--quiet"]
        self.command = [sys.executable, "-m", "benchbench", "run", *more, *places]

    def start(self) -> subprocess.Popen[bytes]:
        """Give the command."""
        return subprocess.Popen(self.command, stdout=subprocess.DEVNULL, start_new_session=True)

    def finish(self) -> None:
        """Give it, and wait for its end."""
        if code := self.start().wait():
            raise SystemExit(f"'{' '.join(self.command)}' ended with exit code {code}")


def disturbed(runs: Runs, whole: tuple[int, int], kills: Iterator[Kill], most: int) -> Iterator[tuple[Kill, bool]]:
    """Kill what a round says, at most so many, and let the run end; yield each with whether its situation came up."""
    process, stages = runs.start(), ["rendering", "training", "crossing", "over"]
    done = 0
    for kill in kills:
        if done == most:
            break
        found = None
        while process.poll() is None:
            now = stages.index(stage(runs.cache, runs.results, whole))
            if now > stages.index(kill.stage):
                break
            if now == stages.index(kill.stage) and (found := victim(kill.victim, process.pid)) is not None:
                break
            time.sleep(BETWEEN / 2)
        if found is not None:
            os.kill(found, signal.SIGKILL)
            done += 1
        yield kill, found is not None
        if found == process.pid:
            process.wait()
            process = runs.start()
        if process.poll() is not None:
            break
    if code := process.wait():
        raise SystemExit(f"a run ended with exit code {code}; its cache is {runs.cache}")


def main() -> int:
    """Do what the command line asks for; return 1 where a folder differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--attack", default="misl-cgan,noise")
    parser.add_argument("--targets", default="resnet18/rgb/*,resnet18/hp/*")
    given = parser.parse_args()
    more = ["--profile", given.profile, "--attack", given.attack, "--targets", given.targets]
    counts, missed, differ, folders, left = Counter[Kill](), Counter[Kill](), 0, 0, given.kills
    with tempfile.TemporaryDirectory() as root:
        alone = Runs(Path(root) / "alone", more)
        alone.finish()
        fits, cells = alone.cache.glob("fits/*/record.json"), alone.results.rglob("cells/*/*.json")
        whole = len(list(fits)), len(list(cells))
        print(f"a run that nobody disturbs: {whole[0]} fits, {whole[1]} cells", flush=True)
        while left > 0 and folders < given.kills:
            torn = Runs(Path(root) / str(folders), more)
            for kill, happened in disturbed(torn, whole, iter(ROUND), left):
                (counts if happened else missed)[kill] += 1
                left -= happened
                print(f"  {kill.stage}: {kill.victim}{'' if happened else ' (did not come up)'}", flush=True)
            lines = differences(CellStore(alone.results), CellStore(torn.results))
            differ, folders = differ + bool(lines), folders + 1
            print("\n".join([*lines, f"folder {folders}: {given.kills - left} kills"]), flush=True)
    for kill in ROUND:
        print(f"{kill.stage:10} {kill.victim:12} {counts[kill]:4} kills, {missed[kill]} did not come up")
    print(f"{sum(counts.values())} kills in {folders} folders; folders that differ: {differ}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
