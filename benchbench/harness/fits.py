"""The fits of a run as jobs."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.base.errors import BenchError
from benchbench.base.provenance import provenance
from benchbench.contracts.fit import Fit, FitContext, Progress, Setup, collect
from benchbench.contracts.source import Source
from benchbench.evaluate.networks import networks, process_cache
from benchbench.harness.executors.jobs import Job, imports_of, package
from benchbench.harness.options import RunOptions
from benchbench.harness.pace import cost_of
from benchbench.records.cache import Cache

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class FitCall:
    """The work of one fit, in whichever process runs it."""

    fit: Fit
    setup: Setup
    source: Source
    cache: Path
    device: str

    def __call__(self, progress: Progress) -> None:
        """Compute the fit and put it into the cache, unless another run has done so meanwhile."""
        import torch

        cache = process_cache(self.cache)
        fit_id = self.fit.fit_id(self.setup.data_id)
        device = torch.device(self.device)
        # Whoever waits for another run is at work: a job without progress is taken for hung.
        with cache.lock(fit_id, lambda: progress(0, 1, "waits for another run")):
            if cache.has(fit_id):
                return
            began = time.perf_counter()
            context, state = self._computed(cache, fit_id, device, progress)
            seconds = time.perf_counter() - began + context.earlier_seconds
            record = {
                "label": self.fit.label,
                "spec": self.fit.spec(),
                "data_id": self.setup.data_id,
                "needs": {name: need.fit_id(self.setup.data_id) for name, need in self.fit.needs().items()},
                "work": cost_of(self.fit),
                "facts": context.facts,
                "seconds": seconds,
                "provenance": provenance(self.device, seconds),
            }
            cache.save(fit_id, context.folder, state, record)

    def _computed(
        self, cache: Cache, fit_id: str, device: torch.device, progress: Progress
    ) -> tuple[FitContext, dict[str, torch.Tensor]]:
        """Run the fit; what it raises before it has gone on from its checkpoint is taken for the checkpoint's fault.

        It says that it has by its first word of progress. A disk, a memory or a network that fails is no such fault.
        """
        import torch

        checkpoint = cache.checkpoint(fit_id)
        began = False

        def noted(done: int, total: int, text: str) -> None:
            nonlocal began
            began = True
            progress(done, total, text)

        def context() -> FitContext:
            return FitContext(
                data=self.source.open(self.cache),
                device=device,
                needs=networks(self.fit.needs(), self.setup, self.cache, device),
                states=cache.states(self.fit, self.setup.data_id),
                folder=cache.workspace(fit_id),
                checkpoint=checkpoint,
                progress=noted,
            )

        made = context()
        try:
            return made, self.fit.run(made)
        except (OSError, MemoryError, BenchError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            if began or not checkpoint.is_file():
                raise
            why = f"the checkpoint of '{self.fit.label}' cannot be used ({type(error).__name__}: {str(error)[:100]})"
            cache.set_aside(checkpoint, why)
        made = context()
        return made, self.fit.run(made)


def fit_jobs(
    fits: Mapping[str, Fit],
    missing: Collection[str],
    seconds: Mapping[str, float],
    setup: Setup,
    source: Source,
    options: RunOptions,
) -> list[Job]:
    """Return the missing fits as jobs, in the order of `fits`.

    Args:
        fits: by fit_id, parents first.
        missing: ids of those that are to be computed.
        seconds: that each of those is expected to take.
        setup: of the photographs; a fit says itself how it is computed.
    """
    jobs, imports = [], imports_of(fits.values())
    for fit_id, fit in fits.items():
        if fit_id in missing:
            needs = collect(fit.needs(), setup.data_id, lambda need: need not in missing)
            jobs.append(
                Job(
                    key=fit_id,
                    label=fit.label,
                    call=FitCall(fit, setup, source, options.cache, options.device),
                    cost=max(seconds[fit_id], 0.01),
                    needs=frozenset(needs) & frozenset(missing),
                    reads=(f"data/{setup.data_id}", *(f"fits/{need}" for need in needs)),
                    writes=(f"fits/{fit_id}",),
                    owner=package(fit),
                    imports=imports,
                )
            )
    return jobs
