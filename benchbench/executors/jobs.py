"""What every executor understands: a job in, an outcome out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
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
    """Keys of jobs of the same batch."""


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


class Queue:
    """Jobs that wait, those that are ready, and what a failure blocks."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Take jobs whose needs are among them; the longest chain of costs below a job starts first."""
        self.jobs: Mapping[str, Job] = {job.key: job for job in jobs}
        self._waiting = {job.key: set(job.needs) for job in jobs}
        self._below = _critical(jobs)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> Job | None:
        """Return the most urgent job that is ready, or None while all others wait."""
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
