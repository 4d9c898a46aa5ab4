"""Run jobs as tasks of a Ray cluster; needs Ray: `pip install 'ray>=2.40'`.

The driver hands out a job once those that it needs have succeeded, in the order of the longest chain, and Ray places it
on a machine with room. A job whose process or machine is lost runs again, up to `RETRIES` times; a fit goes on from its
checkpoint where the cache is a shared folder. What a job returns goes to the driver, which alone writes cells.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a benchmark tells nobody where it runs

try:
    import ray
except ImportError as error:
    from benchbench.base.errors import BenchError

    raise BenchError("--executor ray needs Ray: pip install 'ray>=2.40'.") from error

from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchbench.base.errors import BenchError
from benchbench.harness.executors.jobs import Job, OnProgress, Outcome, attempt_pickled, pickled, throttled
from benchbench.harness.executors.queue import Queue

if TYPE_CHECKING:
    from benchbench.harness.options import RunOptions

RETRIES = 3
"""How often a job whose process or machine was lost runs again."""
_LOOK = 0.5
"""Seconds between two looks at the progress of jobs."""
_REPORT = 2.0
"""Seconds between two progress messages of a job."""


def connect(address: str | None) -> None:
    """Join a cluster, once a process.

    Args:
        address: HOST:PORT of its head, or 'auto' for the one that this machine belongs to; None: $RAY_ADDRESS, or else
            a cluster of this machine alone, which ends with the process.

    Raises:
        BenchError: no cluster answers there.
    """
    if ray.is_initialized():
        return
    address = address or os.environ.get("RAY_ADDRESS")
    host, _, port = (address or "").rpartition(":")
    try:
        if host and port.isdigit() and "/" not in host:
            socket.create_connection((host, int(port)), timeout=5).close()  # Ray itself tries for ten minutes
        ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BenchError(f"no Ray cluster answers at '{address or 'this machine'}': {reason}") from error


def slots(options: RunOptions) -> int:
    """Return how many jobs run at a time on the machines that the cluster has now.

    Raises:
        BenchError: no cluster answers, or none of its machines can hold a job.
    """
    connect(options.address)
    asked = {"CPU": options.cpus, "GPU": options.gpus}
    found = 0
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["Alive"]:
            has = node["Resources"]
            found += min(math.floor(has.get(kind, 0) / count) for kind, count in asked.items() if count)
    if not found:
        wants = " and ".join(f"{count:g} {kind}" for kind, count in asked.items() if count)
        raise BenchError(f"no machine of the Ray cluster has {wants} for a job; see --cpus and --gpus.")
    return found


def _run(key: str, label: str, payload: bytes, board: Any) -> bytes:
    """Run one job on whichever machine this is."""
    import torch

    torch.set_num_threads(1)  # as everywhere: the number of threads changes the order of floating-point sums
    return attempt_pickled(key, label, payload, throttled(lambda *message: board.put.remote(key, message), _REPORT))


_shared, _once = ray.remote(_run), ray.remote(max_calls=1)(_run)
"""For benchbench's own jobs, and for those of strangers' code: the process of the latter ends with the job."""


@ray.remote
class _Board:
    """The last progress message of each job."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[int, int, str]] = {}

    def put(self, key: str, message: tuple[int, int, str]) -> None:
        self._messages[key] = message

    def take(self) -> dict[str, tuple[int, int, str]]:
        messages, self._messages = self._messages, {}
        return messages


def run_jobs(queue: Queue, options: RunOptions, on_progress: OnProgress) -> Iterator[Outcome]:
    """Run the jobs of `queue` on the cluster and yield each outcome as it arrives; see `executors.run_jobs`.

    Raises:
        BenchError: no cluster answers, or none of its machines can hold a job.
    """
    slots(options)
    # On the driver's own machine: the others may be lost.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = _Board.options(num_cpus=0, scheduling_strategy=here).remote()  # type: ignore[attr-defined]
    running: dict[Any, Job] = {}
    machines = Machines()
    try:
        while True:
            machines.look()
            while (job := queue.take()) is not None:
                payload = pickled(job)
                if isinstance(payload, Outcome):
                    yield from queue.finish(payload)
                    continue
                run = _once if job.owner else _shared
                task = run.options(name=job.label, num_cpus=options.cpus, num_gpus=options.gpus, max_retries=RETRIES)
                running[task.remote(job.key, job.label, payload, board)] = job
            if not running:
                return
            ready, _ = ray.wait(list(running), timeout=_LOOK)
            for key, message in _messages(board).items():
                on_progress(key, *message)
            for reference in ready:
                yield from queue.finish(_outcome(reference, running.pop(reference)))
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        ray.kill(board)


class Machines:
    """Says in a line when one is lost; Ray's own report, which cannot be turned off, is a page.

    Ray misses a machine some 15 seconds after its end. A run that is over sooner says nothing.
    """

    def __init__(self) -> None:
        """Remember the machines that the cluster has now."""
        self._alive = self._now()
        self._looked = time.monotonic()

    def look(self, every: float = _REPORT) -> None:
        """Compare with the last look, unless that was less than `every` seconds ago."""
        if time.monotonic() - self._looked > every:
            self._looked, before, self._alive = time.monotonic(), self._alive, self._now()
            for machine in sorted(before - self._alive):
                text = "bench: lost a machine of the cluster (node %s), %d are left; its jobs run again."
                logging.getLogger("benchbench").warning(text, machine[:8], len(self._alive))

    def _now(self) -> set[str]:
        return {node["NodeID"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]


def _messages(board: Any) -> dict[str, tuple[int, int, str]]:
    try:
        found: dict[str, tuple[int, int, str]] = ray.get(board.take.remote(), timeout=10)
    except GetTimeoutError:
        return {}
    return found


def _outcome(reference: Any, job: Job) -> Outcome:
    try:
        found: Outcome = pickle.loads(ray.get(reference))
    except RayTaskError as error:  # outside the job itself: benchbench is missing there, most likely
        reason = str(error.cause or error).strip().splitlines()[-1]
        return Outcome(key=job.key, error=f"'{job.label}' could not run on the cluster: {reason}", detail=str(error))
    except RayError as error:
        text = f"the process of '{job.label}' was lost {RETRIES + 1} times ({type(error).__name__}); out of memory?"
        return Outcome(key=job.key, error=text, detail=str(error))
    return found
