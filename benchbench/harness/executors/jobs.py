"""What every executor understands: a job in, an outcome out."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cloudpickle

from benchbench.base.errors import BenchError
from benchbench.contracts.fit import Fit, Progress


@dataclass(frozen=True, kw_only=True)
class Job:
    """A picklable piece of work; `call` runs once those in `needs` have succeeded."""

    key: str
    label: str
    call: Callable[[Progress], Any]
    cost: float = 1.0
    """Expected seconds. The longest starts first."""
    needs: frozenset[str] = frozenset()
    """Keys of jobs of the same queue."""
    reads: tuple[str, ...] = ()
    """Entries of the cache that it reads, as paths relative to it."""
    writes: tuple[str, ...] = ()
    """Entries of the cache that are there when it has succeeded."""
    owner: str = ""
    """Whose code it runs beside ours; a process runs jobs of one owner alone, so that none can spoil another's."""
    imports: tuple[str, ...] = ()
    """Modules that a worker imports before its first job, so that the process that crafts has them too."""
    without: Callable[[str, str], Job | None] | None = None
    """Called with whose code has ended the process, as `whereabouts.at` names them, and with what they did, a sentence:
    the same job without them, or None where it cannot do without."""


def package(thing: object) -> str:
    """Return the package that a thing's class comes from, as an owner; '' for this one."""
    found = type(thing).__module__.partition(".")[0]
    return "" if found == __name__.partition(".")[0] else found


def imports_of(fits: Iterable[Fit]) -> tuple[str, ...]:
    """Return the modules that benchbench's own among some fits import, see `Fit.imports`."""
    kinds = {type(fit) for fit in fits if not package(fit)}
    return tuple(sorted({name for kind in kinds for name in kind.imports}))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a job: a value, or why there is none."""

    key: str
    value: Any = None
    error: str | None = None
    """One sentence."""
    blocked: bool = False
    """It never ran, because a job that it needs failed."""
    detail: str = ""
    """The traceback, unless the sentence says all there is to say."""


OnProgress = Callable[[str, int, int, str], None]
"""Called in the driver with (job key, steps done, steps in all, text)."""


def attempt(job: Job, progress: Progress) -> Outcome:
    """Run a job here and now; an exception becomes an outcome, KeyboardInterrupt goes through."""
    try:
        return Outcome(key=job.key, value=job.call(progress))
    except BenchError as error:
        return Outcome(key=job.key, error=str(error), detail=_detail(error) if error.__cause__ else "")
    except SystemExit as error:
        return Outcome(key=job.key, error=f"'{job.label}' called sys.exit({error.code}).", detail=_detail(error))
    except Exception as error:  # the work of strangers; it is reported, and the other jobs go on
        text = f"'{job.label}' raised {type(error).__name__}: {error}."
        return Outcome(key=job.key, error=text, detail=_detail(error))


def _detail(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def pickled(job: Job) -> bytes | Outcome:
    """Return a job as bytes for another process, or the outcome of one that cannot travel.

    Classes and functions of a script or a notebook, which no other process could import, travel with it.
    """
    try:
        return bytes(cloudpickle.dumps(job))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        text = f"'{job.label}' cannot be sent to a worker process ({error}); e.g. open files and locks cannot travel."
        return Outcome(key=job.key, error=text)


def attempt_pickled(key: str, label: str, payload: bytes, progress: Progress) -> bytes:
    """Run a job that `pickled` packed; job and outcome travel as bytes, so that what cannot be is that job's error."""
    try:
        job = pickle.loads(payload)
    except Exception as error:  # its classes cannot be imported here
        text = f"'{label}' cannot be read in a worker process ({error}); is everything that it imports installed there?"
        return pickle.dumps(Outcome(key=key, error=text))
    outcome = attempt(job, progress)
    try:
        return bytes(cloudpickle.dumps(outcome))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        text = f"the result of '{label}' cannot be sent back ({error})."
        return pickle.dumps(Outcome(key=key, error=text))


def throttled(show: Progress, every: float) -> Progress:
    """Return a progress function that passes on one message every so many seconds, and the last."""
    last = 0.0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every or done >= total:
            last = now
            show(done, total, text)

    return progress
