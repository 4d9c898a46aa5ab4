"""Calls tried in a copy of this process first: one that ends, hangs or fills it is told from one that raises."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress

from benchbench.base.memory import capped, machine_memory

_PATIENCE, _PROCESSOR = 300.0, 60
"""Seconds that a call may take by the clock, and of the processor."""
_MEMORY = 8 * 10**9
"""Bytes that calls may take."""
_GRACE = 0.5
"""Seconds that a process has to end, once it says nothing more."""
_BACK, _FULL = b".", b"m"


def tried(calls: Sequence[Callable[[], object]]) -> list[str]:
    """Return of each call what it did to a process that is no more, as a sentence's end; '' where it came back.

    An exception is coming back. The calls are made in one process, one after the other, and after one that ended it
    in another. Linux alone, where a process can be copied with all that it has imported; elsewhere nothing is tried.
    """
    if sys.platform != "linux":
        return [""] * len(calls)
    found: list[str] = []
    while len(found) < len(calls):
        done, end = _copy(calls[len(found) :])
        found += [""] * done
        if len(found) < len(calls):
            found.append(end)
    return found


def _copy(calls: Sequence[Callable[[], object]]) -> tuple[int, str]:
    """Make calls in a copy of this process; return how many came back, and what became of the next."""
    out, into = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other threads are not copied; the calls import modules and wait for none
        child = os.fork()
    if child == 0:
        try:
            _call(calls, out, into)
        finally:
            os._exit(0)
    os.close(into)
    heard, slow = b"", False
    try:
        while len(heard) < len(calls) and not heard.endswith(_FULL):
            slow = not select.select([out], [], [], _PATIENCE)[0]
            news = b"" if slow else os.read(out, len(calls))
            if not news:
                break
            heard += news
    finally:
        os.close(out)
        if slow or len(heard) < len(calls):
            time.sleep(0.0 if slow else _GRACE)  # it is ending, and with which code is of interest
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if slow or code == -signal.SIGXCPU:
        return len(heard), "does not end"
    if heard.endswith(_FULL):
        return len(heard) - 1, "takes more memory than there is"
    return len(heard), f"ended the process with exit code {code}"


def _call(calls: Sequence[Callable[[], object]], out: int, into: int) -> None:
    import resource

    os.close(out)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what is printed would be printed twice
        os.dup2(quiet, stream)
    sys.stdout = sys.stderr = os.fdopen(quiet, "w", encoding="utf-8", closefd=False)
    faulthandler.disable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + _PROCESSOR, hard))
    with capped(min(_MEMORY, machine_memory() or _MEMORY)):
        for call in calls:
            said = _BACK
            try:
                call()
            except MemoryError:
                said = _FULL
            except BaseException:  # whoever makes the call in earnest meets it
                pass
            os.write(into, said)
