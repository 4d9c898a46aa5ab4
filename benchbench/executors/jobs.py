"""What every executor understands: a job in, an outcome out."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchbench.errors import BenchError
from benchbench.fit import Progress


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
    """Run a job here and now; an exception becomes an outcome, KeyboardInterrupt and SystemExit go through."""
    try:
        return Outcome(key=job.key, value=job.call(progress))
    except BenchError as error:
        return Outcome(key=job.key, error=str(error), detail=_detail(error) if error.__cause__ else "")
    except Exception as error:  # the work of strangers; it is reported, and the other jobs go on
        text = f"'{job.label}' raised {type(error).__name__}: {error}."
        return Outcome(key=job.key, error=text, detail=_detail(error))


def _detail(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def pickled(job: Job) -> bytes | Outcome:
    """Return a job as bytes for another process, or the outcome of one that cannot travel."""
    try:
        return pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        text = f"'{job.label}' cannot be sent to a worker process ({error}); define its classes in a module."
        return Outcome(key=job.key, error=text)


def attempt_pickled(key: str, label: str, payload: bytes, progress: Progress) -> bytes:
    """Run a job that `pickled` packed; job and outcome travel as bytes, so that what cannot be is that job's error."""
    try:
        job = pickle.loads(payload)
    except Exception as error:  # its classes cannot be imported here
        text = f"'{label}' cannot be read in a worker process ({error}); define its classes in a module."
        return pickle.dumps(Outcome(key=key, error=text))
    outcome = attempt(job, progress)
    try:
        return pickle.dumps(outcome)
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


class Queue:
    """Jobs that wait, those that are ready, and what a failure blocks. Jobs may be added while others run."""

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        """Take the first jobs; see `add`."""
        self.jobs: dict[str, Job] = {}
        self._waiting: dict[str, set[str]] = {}
        self._succeeded: set[str] = set()
        self._below: dict[str, float] = {}
        self.add(jobs)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, jobs: Iterable[Job]) -> None:
        """Take jobs that stand after those they need, which are in the queue and have not failed."""
        new = {job.key: job for job in jobs}
        if new:
            self.jobs |= new
            self._waiting |= {key: set(job.needs) - self._succeeded for key, job in new.items()}
            self._below = _critical(list(self.jobs.values()))

    def take(self) -> Job | None:
        """Return the ready job with the longest chain of costs below it, or None while all others wait."""
        ready = [key for key, needs in self._waiting.items() if not needs]
        if not ready:
            return None
        key = max(ready, key=lambda k: self._below[k])  # ties: the order in which they were given
        del self._waiting[key]
        return self.jobs[key]

    def finish(self, outcome: Outcome) -> list[Outcome]:
        """Note the end of a job; return it and the jobs that its failure blocks."""
        ended = [outcome]
        if outcome.error is None:
            self._succeeded.add(outcome.key)
            for needs in self._waiting.values():
                needs.discard(outcome.key)
            return ended
        cause = self.jobs[outcome.key].label
        blocked = {outcome.key}
        while True:
            more = [key for key, needs in self._waiting.items() if needs & blocked]
            if not more:
                return ended
            for key in more:
                del self._waiting[key]
                ended.append(Outcome(key=key, error=f"'{cause}' failed", blocked=True))
            blocked |= set(more)


def _critical(jobs: Sequence[Job]) -> dict[str, float]:
    """Return for each job its cost and that of the longest chain of jobs that wait for it."""
    children: dict[str, list[str]] = {job.key: [] for job in jobs}
    for job in jobs:
        for need in job.needs:
            children[need].append(job.key)
    costs = {job.key: job.cost for job in jobs}
    found: dict[str, float] = {}
    for job in reversed(jobs):  # jobs come after what they need
        found[job.key] = costs[job.key] + max((found[child] for child in children[job.key]), default=0.0)
    return found
