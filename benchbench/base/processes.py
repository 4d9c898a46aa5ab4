"""How worker processes start, and how they end with the process that started them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

_PR_SET_PDEATHSIG = 1
"""From Linux's prctl.h."""


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _without_main(), _as_parent():
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


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
