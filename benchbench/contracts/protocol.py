"""What moves numbers (Protocol, part of every identity) and what must not (RunOptions)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import platformdirs

from benchbench.base.errors import BenchError
from benchbench.records.zoo import PACKAGED

Condition = Literal["uint8", "float", "jpeg-90", "jpeg-75", "jpeg-target"]

Executor = Literal["local", "ray"]

HIGHEST_BUDGET = 60.0
"""dB. Above it rounding to 8 bits removes a perturbation."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How crafted photographs are judged. Every field is part of `craft_id`."""

    condition: Condition = "uint8"
    """What targets see. uint8: rounded 8-bit photographs, what a file can hold; float: the paper's, unrounded; jpeg-90,
    jpeg-75: saved at that quality; jpeg-target: saved with the quantization tables of the wanted camera model
    (Cozzolino et al. 2019, table 4)."""
    budget: float | None = None
    """None: each attack's own distortion; a number: every perturbation is rescaled to this PSNR in dB first."""
    seed: int = 0
    """Seed of the attacks' randomness while crafting; each image derives its own from it."""
    version: int = 1
    """Raised when the harness's own steps change results."""

    def __post_init__(self) -> None:
        if self.budget is not None and not 0 < self.budget <= HIGHEST_BUDGET:
            raise BenchError(f"budget {self.budget:g} dB; a PSNR above 0 and up to {HIGHEST_BUDGET:g} dB is expected.")

    @property
    def track(self) -> str:
        """Return 'native', or '35 dB' where perturbations are rescaled: results of two tracks never mix."""
        return "native" if self.budget is None else f"{self.budget:g} dB"


def default_cache() -> Path:
    """Return the folder for networks and photographs: $BENCHBENCH_CACHE or the user's cache folder."""
    given = os.environ.get("BENCHBENCH_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("benchbench"))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where and how fast a run goes. No field may move a number beyond floating-point rounding."""

    device: str = "cpu"
    workers: int = field(default_factory=cores)
    batch: int = 16
    """Images crafted and scored at a time; on a CPU fewer of those larger than 128 px."""
    cache: Path = field(default_factory=default_cache)
    remote: str | None = None
    """URL of a store that several machines share; `cache` is then each one's own copy of what it needs."""
    zoo: Path | None = PACKAGED
    """Where trained networks are before any is trained; None: train what the cache lacks."""
    results: Path = Path("results")
    executor: Executor = "local"
    address: str | None = None
    """ray: HOST:PORT of the cluster's head; None: $RAY_ADDRESS, or this machine alone."""
    cpus: float = 1.0
    """ray: processors that a job asks for. A job computes in one thread all the same."""
    gpus: float = 0.0
    """ray: GPUs, or the share of one, that a job asks for."""
