"""Memory that was freed: when it goes back to the system, where the C library is glibc."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import lru_cache

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
