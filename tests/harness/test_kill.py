"""kill -9 at any moment, then the same command: the same cells as a run that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

SCRIPT = """
import signal
import sys
from pathlib import Path
from benchbench.harness.run import run
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.harness.options import RunOptions
from benchbench_stega.fade import Fade
from benchbench_stega.photographs import Colors
from benchbench_stega.shift import Shift
from benchbench_stega.toys import Toy

def whole_run(root, workers):
    delay = 0.04
    targets = [Toy(look=k, overlap=o, steps=10, delay=delay) for k in ("rgb", "gray") for o in ("complete", "partial")]
    options = RunOptions(workers=workers, cache=root / "c", results=root / "r", batch=2)
    summary = run([Shift(steps=10, delay=delay), Fade()], targets, protocols=[Protocol()],
                  profile=load_profile("smoke"), source=Colors(each=6), options=options)
    return summary.sentence

if __name__ == "__main__":
    # Python leaves Ctrl-C alone where its parent ignored it, as background shells do.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(whole_run(Path(sys.argv[1]), int(sys.argv[2])))
"""


@pytest.fixture
def start(plugin: Path, tmp_path: Path) -> Callable[[Path, int], subprocess.Popen[str]]:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)

    def call(root: Path, workers: int) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), str(root), str(workers)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)

    return call


@pytest.fixture(scope="module")
def here(plugin: Path) -> Callable[[Path, int], str]:
    """The same run in this process, which has imported torch already, for runs that nobody kills."""
    names: dict[str, Any] = {"__name__": "here"}
    exec(SCRIPT, names)
    found: Callable[[Path, int], str] = names["whole_run"]
    return found


@pytest.fixture(scope="module")
def whole(here: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run that was left alone leaves; the number of workers is no part of it."""
    root = tmp_path_factory.mktemp("whole")
    assert here(root, 1).startswith("16 computed")
    return root


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def finished(root: Path) -> int:
    return sum(1 for pattern in ("c/fits/*/record.json", "r/**/cells/**/*.json") for _ in root.glob(pattern))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_and_resumed_equals_uninterrupted(
    start: Any,
    here: Any,
    whole: Path,
    tmp_path: Path,
    cell_facts: Callable[[Path], dict[str, Any]],
    workers: int,
) -> None:
    rng, kills = random.Random(workers), 0
    for _ in range(2):
        process = start(tmp_path / "torn", workers)
        # Wait for progress, not for a time: a loaded machine may need ten times as long as an idle one.
        goal = finished(tmp_path / "torn") + rng.randint(1, 4)
        while finished(tmp_path / "torn") < goal and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        if process.poll() is None:
            workers_of_it = children(process.pid)
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
            deadline = time.monotonic() + 10
            while any(map(alive, workers_of_it)) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not any(map(alive, workers_of_it)), "workers end with their driver"
        process.communicate()
    assert kills > 0
    assert "0 failed" in here(tmp_path / "torn", workers)
    expected, torn = cell_facts(whole / "r"), cell_facts(tmp_path / "torn" / "r")
    assert len(expected) == 16 and expected == torn
    assert not [p for p in (tmp_path / "torn" / "c" / "work").rglob("*") if p.is_file() and p.suffix != ".lock"]


@pytest.mark.slow
def test_a_checkpoint_is_used_again(start: Any, here: Any, tmp_path: Path) -> None:
    from benchbench.records.cache import Cache

    process = start(tmp_path, 1)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "c").glob("work/*/checkpoint.pt")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left = list((tmp_path / "c").glob("work/*/checkpoint.pt"))
    assert "16 computed" in here(tmp_path, 1)
    if left:  # the kill may have come between two fits
        started = [r["facts"].get("started_at", 0) for _, r in Cache(tmp_path / "c").records()]
        assert max(started) > 0


@pytest.mark.slow
def test_ctrl_c_is_left_to_the_caller(start: Any, tmp_path: Path) -> None:
    process = start(tmp_path, 2)
    while not (tmp_path / "c").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode != 0
