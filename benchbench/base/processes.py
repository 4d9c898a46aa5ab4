"""How worker processes start, and how they end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _without_main():
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


def end_with_parent() -> None:
    """End this process with the one that started it, even when that was killed, so that no orphan works on."""
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
