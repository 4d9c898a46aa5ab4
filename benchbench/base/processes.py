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
from typing import Any

import psutil

_MARK = "BENCHBENCH_WORKER"
"""The environment variable by which what a worker has started is known, however far down: the marks of all above it."""
_STARTING = threading.Lock()
"""Held while this process's own environment bears the mark of another."""
_PR_SET_PDEATHSIG = 1
"""From Linux's prctl.h."""


class _Worker(SpawnProcess):
    def start(self) -> None:
        self.mark = uuid.uuid4().hex
        if os.name == "posix":
            resource_tracker.ensure_running()  # it is this process's, and bears no mark
        with _STARTING, _without_main(), _as_parent(), _marked(self.mark):
            super().start()


class WorkerContext(SpawnContext):
    """Starts processes anew, because torch's threads and CUDA do not survive a fork, and without the script that runs.

    `spawn` alone runs the script again in each process, to know its classes; one that calls the API without the guard
    `if __name__ == "__main__"` would start processes from there, and all would end in errors.
    """

    Process = _Worker


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


@contextmanager
def _marked(mark: str) -> Iterator[None]:
    above = os.environ.get(_MARK, "")
    os.environ[_MARK] = f"{above}/{mark}"
    try:
        yield
    finally:
        if above:
            os.environ[_MARK] = above
        else:
            os.environ.pop(_MARK, None)


def end_with_children(process: BaseProcess) -> None:
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
