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
from typing import NamedTuple

from benchbench.base.memory import capped, machine_memory
from benchbench.base.processes import SpawnedContext, copied

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
    Calls that cannot travel there are not tried. A copy of a process whose threads have computed may crash or hang for
    that alone: where one did, the call is tried in a process that starts anew before anything is said of it.
    """
    found: list[str] = []
    while len(found) < len(calls):
        heard = _heard_of(copied, calls[len(found) :])
        if heard is None or heard.crashed:
            found += [""] * (heard.done if heard is not None else 0)
            rest = calls[len(found) :]
            heard = _heard_of(_anew, rest) or (heard._replace(done=0) if heard is not None else _Heard(len(rest)))
        found += [""] * heard.done
        if len(found) < len(calls):
            found.append(heard.end)
    return found


class _Heard(NamedTuple):
    """How many calls came back, what became of the next, and whether that may be what it was copied from."""

    done: int
    end: str = ""
    crashed: bool = False


def _heard_of(start: Callable[..., BaseProcess | None], calls: Sequence[Callable[[], object]]) -> _Heard | None:
    """Make the calls in a process that `start` starts; None where it starts none."""
    out, into = Pipe(duplex=False)
    process = start(_call, calls, into, _PROCESSOR, min(_MEMORY, machine_memory() or _MEMORY))
    into.close()
    if process is None:
        out.close()
        return None
    return _heard(process, out, len(calls))


def _anew(
    call: Callable[..., None], calls: Sequence[Callable[[], object]], into: Connection, *limits: int
) -> BaseProcess | None:
    import cloudpickle  # where it is needed: every command imports this module

    try:
        payload = bytes(cloudpickle.dumps(list(calls)))
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    process = SpawnedContext().Process(target=_unpacked, args=(call, payload, into, *limits), daemon=True)
    process.start()
    return process


def _unpacked(call: Callable[..., None], payload: bytes, into: Connection, *limits: int) -> None:
    call(pickle.loads(payload), into, *limits)


def _heard(process: BaseProcess, out: Connection, count: int) -> _Heard:
    """Listen to a process that makes `count` calls."""
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
        return _Heard(done, "does not end", crashed=slow)
    if full:
        return _Heard(done, "takes more memory than there is")
    return _Heard(done, f"ended the process with exit code {code}", crashed=code is not None and code < 0)


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
