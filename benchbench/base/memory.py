"""Memory: when what was freed goes back to the system, and how much a job may take."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

CGROUP_LIMITS = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says what a container may take, in versions 2 and 1 of its control groups."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of options in glibc's malloc.h."""


def give_back() -> None:
    """Return freed memory to the system, where the C library is glibc."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@lru_cache(maxsize=1)
def keep_freed() -> None:
    """Keep freed memory until `give_back`, where the C library is glibc.

    Left alone, it takes the larger blocks from the system one by one and returns each at once. The system zeroes every
    page of them: a seventh of the time of a crossing, a twentieth of that of a training step.
    """
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def machine_memory() -> int | None:
    """Return the bytes of memory that this machine, or this container of it, has; None where that is not said."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (ValueError, OSError, AttributeError):
        return None
    for limit in CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            found.append(int(limit.read_text(encoding="ascii")))  # 'max', or 2^63 and less a page, without a limit
    return min(found)


@contextmanager
def capped(more: int | None) -> Iterator[None]:
    """Let this process take no more than so many bytes beside what it has: a request beyond raises MemoryError.

    Linux alone; elsewhere, and for None, without effect.
    """
    try:
        import resource

        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        now = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
        before = resource.getrlimit(resource.RLIMIT_DATA)
    except (ImportError, OSError, StopIteration):
        more = None
    if more is None:
        yield
        return
    hard = before[1]
    resource.setrlimit(resource.RLIMIT_DATA, (now + more if hard < 0 else min(now + more, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
