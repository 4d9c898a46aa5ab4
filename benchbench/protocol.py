"""What moves numbers (Protocol, part of every identity) and what must not (RunOptions)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import platformdirs

Condition = Literal["uint8", "float"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How crafted photographs are judged. Every field is part of `craft_id`."""

    condition: Condition = "uint8"
    """uint8: targets see rounded 8-bit photographs, what a file can hold; float: the paper's, unrounded."""
    seed: int = 0
    """Seed of the attacks' randomness while crafting; each image derives its own from it."""
    version: int = 1
    """Raised when the harness's own steps change results."""


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
    """Images crafted and scored at a time."""
    cache: Path = field(default_factory=default_cache)
    results: Path = Path("results")
    quiet: bool = False
