"""Where and how fast a run goes: nothing here moves a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchbench.base.errors import BenchError
from benchbench.base.processes import cores
from benchbench.records.cache import default_cache
from benchbench.records.zoo import PACKAGED

Executor = Literal["local", "ray"]
RESULTS = Path("runs")
"""Where results go: a folder of the user's, and never the reference that comes with benchbench."""


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
    results: Path = RESULTS
    measures: tuple[str, ...] = ()
    """Measures of each craft beside the built-in ones, by name. A craft that is there is not measured again."""
    apart: bool = False
    """local: jobs run in processes of their own even with one worker, where they can be ended; the command line's way.
    In this process nothing limits what a job does, and a debugger sees it."""
    isolated: bool = True
    """Where jobs run in processes, an attack crafts in one more, which takes memory; see `evaluate.apart`."""
    timeout: float | None = None
    """local: seconds that a job may go without progress, see `executors.local`; None: from what it should take."""
    memory: int | None = None
    """local: bytes that a job may take (Linux alone); None: what the machine has."""
    executor: Executor = "local"
    address: str | None = None
    """ray: HOST:PORT of the cluster's head; None: $RAY_ADDRESS, or this machine alone."""
    cpus: float = 1.0
    """ray: processors that a job asks for. A job computes in one thread all the same."""
    gpus: float = 0.0
    """ray: GPUs, or the share of one, that a job asks for."""

    def __post_init__(self) -> None:
        """Refuse limits that nobody would hold to.

        Raises:
            BenchError: a limit of local processes for a cluster's.
        """
        if self.executor == "ray" and (self.timeout is not None or self.memory is not None):
            raise BenchError(
                "--timeout and --memory limit processes of this machine; leave them out with --executor ray."
            )

    @property
    def crafts_apart(self) -> bool:
        """Whether attacks craft in processes of their own."""
        return self.isolated and (self.executor == "ray" or self.apart or self.workers > 1)
