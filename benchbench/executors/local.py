"""Run jobs on this machine: in this process, or in worker processes that each compute on one core."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from benchbench.executors.jobs import Job, OnProgress, Outcome, Queue, attempt
from benchbench.fit import Progress

_EVERY = 0.2
"""Seconds between two progress messages of a job."""


def run_jobs(jobs: Sequence[Job], *, workers: int, on_progress: OnProgress) -> Iterator[Outcome]:
    """Run `jobs`, parents before children, and yield each outcome as it arrives.

    Args:
        jobs: in an order in which a job stands after those it needs.
        workers: processes; 0 and 1 run the jobs in this process, one after the other.
        on_progress: called in this process.

    A job that raises, or whose process dies, is an outcome with an error; the jobs that need it are blocked, the
    others go on. Closing the iterator stops the workers.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from _here(Queue(jobs), on_progress)
    else:
        yield from _in_processes(Queue(jobs), min(workers, len(jobs)), on_progress)


def _here(queue: Queue, on_progress: OnProgress) -> Iterator[Outcome]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker: the number of threads changes the order of floating-point sums
    try:
        while (job := queue.take()) is not None:
            yield from queue.finish(attempt(job, _throttled(job.key, on_progress)))
    finally:
        torch.set_num_threads(threads)


def _throttled(key: str, on_progress: OnProgress) -> Progress:
    last = 0.0

    def progress(done: int, total: int, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or done >= total:
            last = now
            on_progress(key, done, total, text)

    return progress


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: Job | None = None


def _in_processes(queue: Queue, count: int, on_progress: OnProgress) -> Iterator[Outcome]:
    workers = [_start() for _ in range(count)]
    try:
        while True:
            for worker in workers:
                if worker.job is None and (job := queue.take()) is not None:
                    yield from _give(worker, job, queue)
            busy = {worker.pipe: worker for worker in workers if worker.job is not None}
            if not busy:
                if queue:
                    continue
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]  # wait returns what it was given
                job = worker.job
                assert job is not None
                try:
                    kind, message = worker.pipe.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    workers[workers.index(worker)] = _start()
                    yield from queue.finish(_died(job, worker.process.exitcode))
                    continue
                if kind == "progress":
                    on_progress(job.key, *message)
                else:
                    worker.job = None
                    yield from queue.finish(pickle.loads(message))
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(5)
            worker.pipe.close()


def _give(worker: _Worker, job: Job, queue: Queue) -> Iterator[Outcome]:
    try:
        payload = pickle.dumps(job)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        text = f"'{job.label}' cannot be sent to a worker process ({error}); define its classes in a module."
        yield from queue.finish(Outcome(key=job.key, error=text))
        return
    worker.pipe.send((job.key, job.label, payload))
    worker.job = job


def _died(job: Job, code: int | None) -> Outcome:
    hint = "; out of memory? Try fewer --workers" if code == -signal.SIGKILL else ""
    return Outcome(key=job.key, error=f"the process of '{job.label}' ended with exit code {code}{hint}.")


def _start() -> _Worker:
    # Not fork: torch's threads and CUDA do not survive it.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(pipe: Connection) -> None:
    """Run jobs that come through `pipe` until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    threading.Thread(target=_follow_parent, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    while True:
        try:
            key, label, payload = pipe.recv()
        except EOFError:
            return
        pipe.send(("outcome", _serve_one(pipe, key, label, payload)))


def _serve_one(pipe: Connection, key: str, label: str, payload: bytes) -> bytes:
    """Run one job; job and outcome travel as bytes, so that what cannot be pickled becomes an error of that job."""
    try:
        job = pickle.loads(payload)
    except Exception as error:  # its classes cannot be imported here
        text = f"'{label}' cannot be read in a worker process ({error}); define its classes in a module."
        return pickle.dumps(Outcome(key=key, error=text))
    outcome = attempt(job, _throttled(key, lambda _, *message: pipe.send(("progress", message))))
    try:
        return pickle.dumps(outcome)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        text = f"the result of '{label}' cannot be sent back ({error})."
        return pickle.dumps(Outcome(key=key, error=text))


def _follow_parent() -> None:
    """End this process with the driver, even when that was killed, so that no orphan goes on training."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(OSError):
            wait([parent.sentinel])
        os._exit(1)
