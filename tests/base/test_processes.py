"""Worker processes are copies of a server, begin like programs of their own, and end with those that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from benchbench.base.mold import Mold
from benchbench.base.processes import end_with_children, worker_context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each begins anew")

MARK = "BENCHBENCH_WORKER"
HELD = """
import ctypes, os, sys, time
from multiprocessing import Pipe
from benchbench.base.mold import Mold
from benchbench.base.processes import end_with_parent, worker_context

def held(pipe):
    end_with_parent()
    pipe.send(os.getpid())
    ctypes.PyDLL(None).sleep(600)  # and no other thread of Python runs

def work(pipe):
    end_with_parent()
    mold = Mold(held)
    for _ in range(2):
        ours, theirs = Pipe()
        copy = mold.copy(theirs)
        pipe.send(ours.recv())
    held(pipe)
"""


def about(pipe: Connection) -> None:
    shown = psutil.Process().environ().get(MARK, "")
    pipe.send((os.getpid(), os.getppid(), os.environ.get("SOME"), "torch" in sys.modules, shown))


def leave(pipe: Connection) -> None:
    """Leave a process behind that has no parent, no session of this one and no program of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            pipe.send(os.getpid())
            time.sleep(600)
        os._exit(0)
    os.wait()


def test_a_worker_begins_with_what_is_in_force_now(monkeypatch: pytest.MonkeyPatch) -> None:
    marks, parents = [], []
    for some in ("a", "b"):
        monkeypatch.setenv("SOME", some)
        context = worker_context()
        ours, theirs = context.Pipe()
        process = context.Process(target=about, args=(theirs,), daemon=True)
        process.start()
        pid, parent, seen, torch, shown = ours.recv()
        process.join(10)
        assert pid == process.pid and seen == some and torch and process.exitcode == 0
        marks.append(shown)
        parents.append(parent)
    assert marks[0] != marks[1] and all(mark.strip("/") for mark in marks)
    assert parents[0] == parents[1] != os.getpid(), "both are copies of one server"


@pytest.mark.parametrize("kind", ["worker", "copy"])
def test_what_is_left_without_a_parent_is_found(kind: str) -> None:
    ours, theirs = Pipe()
    target = leave if kind == "worker" else leave_by_copy
    process = worker_context().Process(target=target, args=(theirs,), daemon=True)
    process.start()
    left = ours.recv()
    if kind == "worker":
        process.join(10)
    assert running(left)
    end_with_children(process)
    assert ends(left)


def test_what_a_copy_has_left_is_found_while_its_worker_goes_on() -> None:
    ours, theirs = Pipe()
    process = worker_context().Process(target=leave_by_copies, args=(theirs,), daemon=True)
    process.start()
    first, other = ours.recv(), ours.recv()
    assert ends(first) and running(other) and process.is_alive()
    end_with_children(process)
    assert ends(other)


def leave_by_copy(pipe: Connection) -> None:
    mold = Mold(leave)
    mold.copy(pipe).join()
    time.sleep(600)


def leave_by_copies(pipe: Connection) -> None:
    mold = Mold(leave)
    first = mold.copy(pipe)
    first.join()
    mold.copy(pipe).join()
    end_with_children(first)
    time.sleep(600)


def ends(pid: int) -> bool:
    until = time.monotonic() + 10
    while running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not running(pid)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_copy_says_how_it_ended() -> None:
    context = worker_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=ends_of_copies, args=(theirs,), daemon=True)
    process.start()
    assert ours.recv() == [0, 7, -signal.SIGKILL, 255]
    process.join(10)


def ends_of_copies(pipe: Connection) -> None:
    mold, found = Mold(ended), []
    for how in ("returns", "exits", "killed", "mold killed"):
        ours, theirs = Pipe()
        copy = mold.copy(theirs)
        theirs.close()
        ours.send(how)
        assert copy.is_alive() or how in ("returns", "exits")
        if how == "killed":
            copy.kill()
        if how == "mold killed":
            assert mold._process is not None
            mold._process.kill()
            mold._process.join()
        copy.join(10)
        found.append(copy.exitcode)
        assert not copy.is_alive()
        copy.kill()  # of one that has ended: nothing
    assert not mold.alive
    with pytest.raises((EOFError, OSError)):
        mold.copy(Pipe()[0])
    pipe.send(found)


def ended(pipe: Connection) -> None:
    how = pipe.recv()
    if how == "exits":
        os._exit(7)
    if how != "returns":
        time.sleep(600)


def test_all_end_with_the_driver_whatever_they_do(tmp_path: Path) -> None:
    (tmp_path / "held.py").write_text(HELD)
    program = (
        "from held import *\nif __name__ == '__main__':\n"
        "    ours, theirs = worker_context().Pipe()\n"
        "    worker_context().Process(target=work, args=(theirs,), daemon=True).start()\n"
        "    print(*(ours.recv() for _ in range(3)), flush=True)\n    time.sleep(600)\n"
    )
    (tmp_path / "program.py").write_text(program)
    driver = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    pids = [int(pid) for pid in driver.stdout.readline().split()]
    pids += [child.pid for child in psutil.Process(driver.pid).children(recursive=True)]
    assert len(set(pids)) >= 5, "server, worker, mold and two copies"
    driver.kill()
    driver.communicate()
    until = time.monotonic() + 10
    while any(map(running, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in pids if running(pid)]


def test_a_temporary_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    place = tmp_path / ("t" * 120)
    place.mkdir()
    (tmp_path / "held.py").write_text("import os\n\ndef told(pipe):\n    pipe.send(os.getppid())\n")
    program = (
        "import os\nfrom held import told\nfrom benchbench.base.processes import worker_context\n"
        "ours, theirs = worker_context().Pipe()\n"
        "process = worker_context().Process(target=told, args=(theirs,), daemon=True)\n"
        "process.start()\nprint(ours.recv() == os.getpid())\n"
    )
    environment = {**os.environ, "TMPDIR": str(place)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
