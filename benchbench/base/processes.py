"""How worker processes start, and how they end with the process that started them, and what they started with them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, Protocol

import psutil

_MARK = "BENCHBENCH_WORKER"
"""The environment variable by which what a worker has started is known, however far down: the marks of all above it."""
_STARTING = threading.Lock()
"""Held while this process's own environment bears the mark of another."""
_ROOM = 256
"""Characters that the variable has, so that a copy can write its own path of marks over that of its original."""
LOST = 255
"""The exit code that `multiprocessing` gives where nobody knows it."""
_PR_SET_PDEATHSIG = 1
"""From Linux's prctl.h."""


class Started(Protocol):
    """A process that this one has started, as `multiprocessing` has them."""

    @property
    def pid(self) -> int | None:
        """Its number."""

    @property
    def exitcode(self) -> int | None:
        """How it ended; negative: by that signal; None: it is there."""

    def is_alive(self) -> bool:
        """Say whether it is there."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""

    def kill(self) -> None:
        """End it."""


class _Anew(SpawnProcess):
    """A process that begins with nothing."""

    def start(self) -> None:
        self.mark = uuid.uuid4().hex
        if os.name == "posix":
            resource_tracker.ensure_running()  # it is this process's, and bears no mark
        with _STARTING, _without_main(), _as_parent(), _marked(self.mark):
            super().start()


class SpawnedContext(SpawnContext):
    """Starts processes anew, because torch's threads and CUDA do not survive a fork, and without the script that runs.

    `spawn` alone runs the script again in each process, to know its classes; one that calls the API without the guard
    `if __name__ == "__main__"` would start processes from there, and all would end in errors.
    """

    Process = _Anew


if sys.platform == "linux":
    from multiprocessing import forkserver
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _Forked(ForkServerProcess):
        """A process that begins with what the server has imported, and is otherwise like one that begins anew."""

        def start(self) -> None:
            self.mark = uuid.uuid4().hex
            start_server()
            with _STARTING, _without_main(), _as_parent():
                self.environment = dict(os.environ)
                super().start()

        def _bootstrap(self, parent_sentinel: int | None = None) -> int:
            os.environ.clear()  # the server's, which started when another may have been in force
            os.environ.update(self.environment)
            take_mark(self.mark)
            return int(super()._bootstrap(parent_sentinel))  # type: ignore[misc]

    class _ForkedContext(ForkServerContext):
        Process = _Forked


def worker_context() -> SpawnContext | ForkServerContext:
    """Return what starts worker processes: anew, or on Linux as copies of a server that has imported torch.

    A copy is there in hundredths of a second, where importing takes four seconds of a core. The server is a process
    that has done nothing else, so none of its threads has computed, and CUDA was never touched; it ends with this
    process. What a worker itself starts begins anew: it is the worker's child, and ends with it.
    """
    if sys.platform == "linux" and start_server():
        return _ForkedContext()
    return SpawnedContext()


def start_server() -> bool:
    """Start the server of `worker_context`, if it is not there, and say whether there is one.

    This process goes on while it imports. There is none elsewhere than on Linux, in a worker, under a Python in which
    other users of the machine may have a server run their code (3.11.0, CVE-2022-42919), and where the temporary folder
    cannot have its socket, e.g. since its path is too long for one.
    """
    if sys.platform != "linux" or sys.version_info < (3, 11, 1) or multiprocessing.parent_process() is not None:
        return False
    forkserver.set_forkserver_preload(["benchbench.base.server"])
    resource_tracker.ensure_running()
    try:
        with _STARTING, _without_main(), _marked(""):
            forkserver.ensure_running()
    except OSError:
        return False
    return True


def take_mark(mark: str) -> None:
    """Give this process, a copy of another, a mark of its own below those that it has, see `end_with_children`.

    The system shows what stands in memory where the environment stood when a program began: it is written there, and
    so each copy that this one makes shows it as well.
    """
    os.environ[_MARK] = path = _path(mark)
    if _SHOWN is not None and len(path.encode()) <= _SHOWN[1]:
        ctypes.memmove(_SHOWN[0], path.encode().ljust(_SHOWN[1], b"/"), _SHOWN[1])


def _shown() -> tuple[int, int] | None:
    """Return where in memory this program found the variable when it began, and how long it is."""
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    place = libc.getenv(_MARK.encode())
    return (place, len(ctypes.string_at(place))) if place else None


_SHOWN = _shown() if sys.platform == "linux" else None


@contextmanager
def _without_main() -> Iterator[None]:
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _as_parent() -> Iterator[None]:
    """Let a worker start a process, which daemons may not, lest orphans work on: ours end with their parents."""
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    daemon, config["daemon"] = config.get("daemon"), False
    try:
        yield
    finally:
        config["daemon"] = daemon


def copied(target: Callable[..., None], *arguments: Any) -> BaseProcess | None:
    """Start a copy of this process that calls `target`; None where that is not safe, which is all but Linux.

    It has all that was imported, in hundredths of a second. For a process that has done nothing else yet: networks and
    photographs would be copied with it, and threads that have computed would be missing.
    """
    if sys.platform != "linux":
        return None
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments, daemon=True)
    with warnings.catch_warnings(), _as_parent():
        warnings.simplefilter("ignore")  # of threads: those there are wait, and hold nothing that the copy needs
        process.start()
    return process


def end_with_parent() -> None:
    """End this process with the one that started it, even when that was killed, so that no orphan works on."""
    if sys.platform == "linux":  # the system does it even where a stranger's code never lets a thread of ours run
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(OSError):
            wait([parent.sentinel])
        os._exit(1)


def _path(mark: str) -> str:
    return f"{os.environ.get(_MARK, '').rstrip('/')}/{mark}".ljust(_ROOM, "/")


@contextmanager
def _marked(mark: str) -> Iterator[None]:
    above = os.environ.get(_MARK)
    os.environ[_MARK] = _path(mark)
    try:
        yield
    finally:
        if above is not None:
            os.environ[_MARK] = above
        else:
            del os.environ[_MARK]


def was_killed(process: Started) -> bool:
    """Say whether a process has ended by a signal, and not by itself."""
    code = process.exitcode
    # 255: the server that knew how it ended has been killed, and all copies with it.
    return code is not None and (code < 0 or code == LOST)


def end_with_children(process: Started) -> None:
    """Kill a process and all that it has started: strangers' code may leave processes behind that nobody waits for."""
    children: list[psutil.Process] = []
    if process.is_alive():  # otherwise its number may be another's by now
        with suppress(psutil.Error):
            children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    mark = getattr(process, "mark", None)
    if mark is not None:  # those whose own parent has ended are found by the mark alone
        for other in psutil.process_iter():
            with suppress(psutil.Error):
                if mark in other.environ().get(_MARK, "").split("/"):
                    children.append(other)
    for child in children:
        with suppress(psutil.Error):
            child.kill()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
