"""Run jobs on this machine: in this process, or in worker processes that each compute on one core."""

from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from benchbench.base.memory import capped
from benchbench.base.processes import end_with_children, end_with_parent, was_killed, worker_context
from benchbench.base.whereabouts import listen
from benchbench.harness.executors.jobs import Job, OnProgress, Outcome, attempt, attempt_pickled, pickled, throttled
from benchbench.harness.executors.queue import Queue

_LONGEST_WAIT = 3600.0
"""Seconds."""
_EVERY = 0.2
"""Seconds between two progress messages of a job."""
PATIENCE, SLOWEST = 900.0, 100.0
"""A job may say nothing for so many seconds, and for so many times as long as it was expected to take in all."""
_BEGIN = 300.0
"""Seconds that a worker has to begin with a job."""
_GRACE = 2.0
"""Seconds that workers have to end by themselves."""


def run_jobs(
    queue: Queue,
    *,
    workers: int,
    on_progress: OnProgress,
    apart: bool = False,
    timeout: float | None = None,
    memory: int | None = None,
) -> Iterator[Outcome]:
    """Run the jobs of `queue`, parents before children, and yield each outcome as it arrives.

    Args:
        queue: whoever takes an outcome may add jobs to it before asking for the next.
        workers: processes; 0 and 1 run the jobs in this process, one after the other, unless `apart`.
        on_progress: called in this process.
        apart: one worker is a process as well, which a job may end or spoil.
        timeout: seconds that a job in a process may go without progress; None: from what it is expected to take.
        memory: bytes that a job in a process may take; None: as many as the machine has.

    A job that raises is an outcome with an error; the jobs that need it are blocked, the others go on. One whose
    process dies or hangs in the code of somebody whom it can do without is done again without them; one whose process
    was killed is done again, once. Closing the iterator stops the workers.
    """
    if workers <= 1 and not apart:
        yield from _here(queue, on_progress)
    else:
        yield from _Crew(queue, max(1, workers), on_progress, timeout, memory).run()


def _here(queue: Queue, on_progress: OnProgress) -> Iterator[Outcome]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker: the number of threads changes the order of floating-point sums
    try:
        while (job := queue.take()) is not None:
            yield from queue.finish(attempt(job, throttled(partial(on_progress, job.key), _EVERY)))
    finally:
        torch.set_num_threads(threads)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None
    owner: str | None = None
    """Whose code it has run; None: nobody's yet."""
    at: str = ""
    """Whose code it runs, by `whereabouts.at`."""
    deadline: float = 0.0
    """When it is taken for hung, by the monotonic clock."""


@dataclass
class _Crew:
    """Worker processes and the jobs that they do."""

    queue: Queue
    count: int
    on_progress: OnProgress
    timeout: float | None
    memory: int | None
    workers: list[_Worker] = field(default_factory=list)
    again: list[Job] = field(default_factory=list)
    killed: set[str] = field(default_factory=set)
    """Keys of jobs whose process was killed once."""

    def run(self) -> Iterator[Outcome]:
        try:
            while True:
                while sum(w.job is not None for w in self.workers) < self.count and (job := self._next()) is not None:
                    payload = pickled(job)
                    if isinstance(payload, Outcome):
                        yield from self.queue.finish(payload)
                    else:
                        self._give(job, payload)
                busy = {worker.pipe: worker for worker in self.workers if worker.job is not None}
                if not busy:
                    return
                soonest = min(worker.deadline for worker in busy.values())
                # An hour at most: the system's poll takes no timeout of weeks, which a large network may have.
                for pipe in wait(list(busy), min(max(0.0, soonest - time.monotonic()), _LONGEST_WAIT)):
                    yield from self._hear(busy[pipe])  # type: ignore[index]  # wait returns what it was given
                for worker in [w for w in busy.values() if w.job is not None and w.deadline < time.monotonic()]:
                    yield from self._hung(worker)
        finally:
            _stop(self.workers)

    def _next(self) -> Job | None:
        return self.again.pop() if self.again else self.queue.take()

    def _give(self, job: Job, payload: bytes) -> None:
        """Send a job to a worker that has run nobody else's code; one that is found dead is replaced."""
        while True:
            idle = [w for w in self.workers if w.job is None]
            worker = next((w for w in idle if w.owner in (None, job.owner)), None)
            if worker is None:
                if len(self.workers) >= self.count and idle:
                    self._end(idle[0])
                self.workers.append(worker := _start())
            try:
                worker.pipe.send((job.key, job.label, payload, self.memory, job.imports))
            except OSError:  # killed while it had nothing to do
                self._end(worker)
                continue
            worker.job, worker.owner, worker.at = job, job.owner, ""
            worker.deadline = time.monotonic() + max(self._patience(job), _BEGIN)  # a new process imports torch first
            return

    def _patience(self, job: Job) -> float:
        return self.timeout if self.timeout is not None else PATIENCE + SLOWEST * job.cost

    def _hear(self, worker: _Worker) -> Iterator[Outcome]:
        job = worker.job
        assert job is not None
        try:
            kind, message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_GRACE)
            code, killed = worker.process.exitcode, was_killed(worker.process)
            self._end(worker)
            hint = "; out of memory? Try fewer --workers, or --memory" if code == -signal.SIGKILL else ""
            yield from self._lost(job, worker.at, f"the process of %s ended with exit code {code}{hint}.", killed)
            return
        worker.deadline = time.monotonic() + self._patience(job)
        if kind == "progress":
            self.on_progress(job.key, *message)
        elif kind == "at":
            worker.at = message
        else:
            worker.job = None
            yield from self.queue.finish(pickle.loads(message))

    def _hung(self, worker: _Worker) -> Iterator[Outcome]:
        job = worker.job
        assert job is not None
        end_with_children(worker.process)
        self._end(worker)
        limit = f"{self._patience(job):.0f}"
        yield from self._lost(job, worker.at, f"%s made no progress for {limit} seconds; see --timeout.", killed=False)

    def _lost(self, job: Job, culprit: str, why: str, killed: bool) -> Iterator[Outcome]:
        """Do a job again whose process is gone, or give it up; `why` has %s in the place of who did it."""
        if killed and job.key not in self.killed:
            self.killed.add(job.key)
            self.again.append(job)
            return
        sentence = why.replace("%s", culprit or f"'{job.label}'")
        if culprit and job.without is not None and (rest := job.without(culprit, sentence)) is not None:
            self.again.append(replace(job, call=rest.call, without=rest.without))
            return
        yield from self.queue.finish(Outcome(key=job.key, error=sentence))

    def _end(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        _stop([worker])


def _start() -> _Worker:
    context = worker_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    until = time.monotonic() + _GRACE
    for worker in workers:
        worker.process.join(max(0.0, until - time.monotonic()))
        end_with_children(worker.process)  # a job that does not want to end, and what jobs have left behind
        worker.process.join(_GRACE)
        worker.pipe.close()


def _serve(pipe: Connection) -> None:
    """Run jobs that come through `pipe` until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    end_with_parent()
    import torch

    from benchbench.evaluate.apart import keep_mold

    first = True
    while True:
        try:
            key, label, payload, memory, imports = pipe.recv()
        except EOFError:
            return
        if first:
            keep_mold(imports, pipe)
            first = False
        torch.set_num_threads(1)  # each time: a job may have set it otherwise
        send: Callable[[str], None] = lambda what: pipe.send(("at", what))  # noqa: E731
        listen(send)
        send("")  # the job begins
        show = throttled(lambda *message: pipe.send(("progress", message)), _EVERY)
        with capped(memory):
            done = attempt_pickled(key, label, payload, show)
        pipe.send(("outcome", done))
