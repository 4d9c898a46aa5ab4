"""Time, and the rate at which memory is copied."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

CPU = torch.device("cpu")


def say(text: str) -> None:
    """Show what is being measured, on stderr."""
    print(f"  {text}", file=sys.stderr, flush=True)


def seconds_of(work: Callable[[], object], device: torch.device = CPU) -> float:
    """Time of one call in s; on a GPU, until its work is done and not only queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], repeats: int = 9, device: torch.device = CPU) -> float:
    """Median time of a call in s, after a warm-up."""
    work()
    return statistics.median(seconds_of(work, device) for _ in range(repeats))


def fastest_seconds(work: Callable[[], object], repeats: int = 9, device: torch.device = CPU) -> float:
    """Least time of a call in s, after a warm-up: what the machine can do, for limits."""
    work()
    return min(seconds_of(work, device) for _ in range(repeats))


def paired_seconds(
    ours: Callable[[], object], peer: Callable[[], object], repeats: int, device: torch.device = CPU
) -> tuple[float, float]:
    """Median times of two calls in s, taken in turn, so that a machine that slows down slows both."""
    ours()
    peer()
    pairs = [(seconds_of(ours, device), seconds_of(peer, device)) for _ in range(repeats)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


class Spent(NamedTuple):
    """What a command took, in s."""

    cores: float
    """Of processors, by all of its processes."""
    clock: float

    def __str__(self) -> str:
        return f"{self.cores:.1f} s of cores, {self.clock:.1f} s by the clock"


_TREE = """
import ctypes, json, os, resource, subprocess, sys, time
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: processes whose parent has ended come to this one
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
clock = time.perf_counter() - began
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
times = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([times.ru_utime + times.ru_stime, clock]))
sys.exit(code)
"""


def tree_spent(command: Sequence[str]) -> Spent:
    """Run a command and return what it took, those of its processes included whose parents did not wait for them."""
    done = subprocess.run([sys.executable, "-c", _TREE, *command], stdout=subprocess.PIPE, check=True)
    return Spent(*json.loads(done.stdout))


def copy_bandwidth(device: torch.device = CPU, megabytes: int = 256) -> float:
    """Bytes per second, read and written, of a copy between two buffers that no cache holds."""
    source = torch.ones(megabytes * 2**20 // 4, device=device)
    copy = torch.empty_like(source)
    return 2 * source.nbytes / fastest_seconds(lambda: copy.copy_(source), 7, device)
