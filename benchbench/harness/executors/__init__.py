"""Executors run jobs and yield outcomes as they arrive: on this machine (`local`) or on a cluster (`ray`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchbench.base.memory import machine_memory

if TYPE_CHECKING:
    from benchbench.harness.executors.jobs import OnProgress, Outcome
    from benchbench.harness.executors.queue import Queue
    from benchbench.harness.options import RunOptions


def run_jobs(queue: Queue, options: RunOptions, on_progress: OnProgress) -> Iterator[Outcome]:
    """Run the jobs of `queue` where `options` say, and yield each outcome as it arrives.

    Args:
        queue: whoever takes an outcome may add jobs to it before asking for the next.
        options: executor, workers, and what a job asks of a cluster.
        on_progress: called in this process.

    Raises:
        BenchError: no such cluster, or none of its machines can hold a job.
    """
    if options.executor == "ray":
        from benchbench.harness.executors import ray

        return ray.run_jobs(queue, options, on_progress)
    from benchbench.harness.executors import local

    return local.run_jobs(
        queue,
        workers=options.workers,
        on_progress=on_progress,
        apart=options.apart,
        timeout=options.timeout,
        memory=options.memory if options.memory is not None or options.device != "cpu" else machine_memory(),
    )
