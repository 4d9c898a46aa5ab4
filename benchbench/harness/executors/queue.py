"""Jobs in the order in which they may run."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from benchbench.harness.executors.jobs import Job, Outcome


class Queue:
    """Jobs that wait, those that are ready, and what a failure blocks. Jobs may be added while others run.

    Each job is put on a heap when it is ready, so that a step costs the logarithm of how many wait, not their number.
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        """Take the first jobs; see `add`."""
        self.jobs: dict[str, Job] = {}
        self._waiting: dict[str, set[str]] = {}
        """Jobs not taken yet, by key: the jobs they need that have not succeeded."""
        self._children: dict[str, list[str]] = {}
        """The jobs that need one, until it ends."""
        self._succeeded: set[str] = set()
        self._below: dict[str, float] = {}
        """The job's cost and that of the longest chain of jobs that wait for it."""
        self._place: dict[str, int] = {}
        """The order in which jobs were given."""
        self._ready: list[tuple[float, int, str]] = []
        """A heap of (-below, place, key). An entry whose job was taken, or whose chain has grown since, is ignored."""
        self.add(jobs)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, jobs: Iterable[Job]) -> None:
        """Take jobs that stand after those they need, which are in the queue and have not failed."""
        new = {job.key: job for job in jobs}
        self.jobs |= new
        for key, job in new.items():
            self._place.setdefault(key, len(self._place))
            self._waiting[key] = set(job.needs) - self._succeeded
            self._below[key] = job.cost
            for need in self._waiting[key]:
                self._children.setdefault(need, []).append(key)
        for key in reversed(new):  # children first: most chains are whole when they are handed on
            self._lengthen(key)
        for key in new:
            self._offer(key)

    def take(self) -> Job | None:
        """Return the ready job with the longest chain of costs below it, or None while all others wait."""
        while self._ready:
            chain, _, key = heapq.heappop(self._ready)  # ties: the order in which they were given
            if key in self._waiting and -chain == self._below[key]:
                del self._waiting[key]
                return self.jobs[key]
        return None

    def finish(self, outcome: Outcome) -> list[Outcome]:
        """Note the end of a job; return it and the jobs that its failure blocks."""
        ended = [outcome]
        children = self._children.pop(outcome.key, [])
        if outcome.error is None:
            self._succeeded.add(outcome.key)
            for key in children:
                if key in self._waiting:
                    self._waiting[key].discard(outcome.key)
                    self._offer(key)
            return ended
        cause = self.jobs[outcome.key].label
        while children:
            more = sorted({key for key in children if key in self._waiting}, key=lambda key: self._place[key])
            for key in more:
                del self._waiting[key]
                ended.append(Outcome(key=key, error=f"'{cause}' failed", blocked=True))
            children = [child for key in more for child in self._children.pop(key, [])]
        return ended

    def _offer(self, key: str) -> None:
        """Put a job on the heap if it needs nothing more."""
        if not self._waiting[key]:
            heapq.heappush(self._ready, (-self._below[key], self._place[key], key))

    def _lengthen(self, key: str) -> None:
        """Hand the chain of a job on to the waiting jobs that it stands below.

        The chains of jobs that were taken choose nothing any more, and neither do those of the jobs that they needed.
        """
        grown = [key]
        while grown:
            child = grown.pop()
            for need in self._waiting[child]:
                chain = self.jobs[need].cost + self._below[child]
                if need in self._waiting and chain > self._below[need]:
                    self._below[need] = chain
                    self._offer(need)
                    grown.append(need)
