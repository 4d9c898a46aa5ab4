"""Run jobs on this machine: in this process, or in worker processes that each compute on one core."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from benchbench.base.processes import WorkerContext, end_with_parent
from benchbench.harness.executors.jobs import Job, OnProgress, Outcome, attempt, attempt_pickled, pickled, throttled
from benchbench.harness.executors.queue import Queue

_EVERY = 0.2
"""Seconds between two progress messages of a job."""


def run_jobs(queue: Queue, *, workers: int, on_progress: OnProgress) -> Iterator[Outcome]:
    """Run the jobs of `queue`, parents before children, and yield each outcome as it arrives.

    Args:
        queue: whoever takes an outcome may add jobs to it before asking for the next.
        workers: processes; 0 and 1 run the jobs in this process, one after the other.
        on_progress: called in this process.

    A job that raises, or whose process dies, is an outcome with an error; the jobs that need it are blocked, the
    others go on. Closing the iterator stops the workers.
    """
    if workers <= 1:
        yield from _here(queue, on_progress)
    else:
        yield from _in_processes(queue, workers, on_progress)


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


def _in_processes(queue: Queue, count: int, on_progress: OnProgress) -> Iterator[Outcome]:
    workers: list[_Worker] = []
    try:
        while True:
            while sum(w.job is not None for w in workers) < count and (job := queue.take()) is not None:
                payload = pickled(job)
                if isinstance(payload, Outcome):
                    yield from queue.finish(payload)
                    continue
                worker = next((w for w in workers if w.job is None), None)
                if worker is None:
                    workers.append(worker := _start())  # not before there is work for it
                worker.pipe.send((job.key, job.label, payload))
                worker.job = job
            busy = {worker.pipe: worker for worker in workers if worker.job is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # wait returns what it was given
                running = worker.job
                assert running is not None
                try:
                    kind, message = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    workers.remove(worker)
                    yield from queue.finish(_died(running, worker.process.exitcode))
                    continue
                if kind == "progress":
                    on_progress(running.key, *message)
                else:
                    worker.job = None
                    yield from queue.finish(pickle.loads(message))
    finally:
        _stop(workers)


def _died(job: Job, code: int | None) -> Outcome:
    hint = "; out of memory? Try fewer --workers" if code == -signal.SIGKILL else ""
    return Outcome(key=job.key, error=f"the process of '{job.label}' ended with exit code {code}{hint}.")


def _start() -> _Worker:
    context = WorkerContext()
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _stop(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(5)
        worker.pipe.close()


def _serve(pipe: Connection) -> None:
    """Run jobs that come through `pipe` until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    end_with_parent()
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            key, label, payload = pipe.recv()
        except EOFError:
            return
        show = throttled(lambda *message: pipe.send(("progress", message)), _EVERY)
        pipe.send(("outcome", attempt_pickled(key, label, payload, show)))
