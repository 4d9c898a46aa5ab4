"""Calls tried in another process first: one that ends, hangs or fills it is told from one that raises."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from benchbench.base.memory import capped, machine_memory
from benchbench.base.processes import WorkerContext, copied

_PATIENCE, _PROCESSOR = 300.0, 60
"""Seconds that a call may take by the clock, and of the processor."""
_MEMORY = 8 * 10**9
"""Bytes that calls may take; Linux alone, see `capped`."""
_GRACE = 5.0
"""Seconds that a process has to end, once it says nothing more."""
_BACK, _FULL = b".", b"m"


def tried(calls: Sequence[Callable[[], object]]) -> list[str]:
    """Return of each call what it did to a process that is no more, as a sentence's end; '' where it came back.

    An exception is coming back. The calls are made in one process, one after the other, and after one that ended it
    in another: in a copy of this one, with all that it has imported, or where that is not safe in one that starts anew.
    Calls that cannot travel there are not tried.
    """
    found: list[str] = []
    while len(found) < len(calls):
        rest = calls[len(found) :]
        out, into = Pipe(duplex=False)
        limits = _PROCESSOR, min(_MEMORY, machine_memory() or _MEMORY)
        process = copied(_call, rest, into, *limits) or _anew(rest, into, *limits)
        into.close()
        if process is None:
            return found + [""] * len(rest)
        done, end = _heard(process, out, len(rest))
        found += [""] * done
        if len(found) < len(calls):
            found.append(end)
    return found


def _anew(calls: Sequence[Callable[[], object]], into: Connection, *limits: int) -> BaseProcess | None:
    import cloudpickle  # where it is needed: every command imports this module

    try:
        payload = bytes(cloudpickle.dumps(list(calls)))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    process = WorkerContext().Process(target=_unpacked, args=(payload, into, *limits), daemon=True)
    process.start()
    return process


def _unpacked(payload: bytes, into: Connection, *limits: int) -> None:
    _call(pickle.loads(payload), into, *limits)


def _heard(process: BaseProcess, out: Connection, count: int) -> tuple[int, str]:
    """Listen to a process that makes `count` calls; return how many came back, and what became of the next."""
    done, slow, full = 0, False, False
    try:
        while done < count and not full and not slow:
            slow = not out.poll(_PATIENCE)
            full = not slow and out.recv_bytes(1) == _FULL
            done += not (slow or full)
    except (EOFError, OSError):
        pass
    finally:
        out.close()
        process.join(0.0 if slow or full else _GRACE)  # it is ending, and with which code is of interest
        process.kill()
        process.join()
    code = process.exitcode
    if slow or code == -signal.SIGXCPU:
        return done, "does not end"
    return done, "takes more memory than there is" if full else f"ended the process with exit code {code}"


def _call(calls: Sequence[Callable[[], object]], into: Connection, processor: int, memory: int) -> None:
    """Make the calls, each with so many seconds of the processor, all with so many bytes."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what is printed would be printed twice
        os.dup2(quiet, stream)
    sys.stdout = sys.stderr = os.fdopen(quiet, "w", encoding="utf-8", closefd=False)
    faulthandler.disable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with capped(memory):
        for call in calls:
            said = _BACK
            _allow(processor)
            try:
                call()
            except MemoryError:
                said = _FULL
            except BaseException:  # whoever makes the call in earnest meets it
                pass
            into.send_bytes(said)
    os._exit(0)  # what it has imported may have left threads and handlers behind


def _allow(seconds: int) -> None:
    """Let this process have so many more seconds of the processor; Windows counts none."""
    if sys.platform == "win32":
        return
    import resource

    spent = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + seconds, hard))
