"""The fits of a run as jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.base.provenance import provenance
from benchbench.contracts.fit import Fit, FitContext, Progress, Setup
from benchbench.contracts.source import Source
from benchbench.evaluate.networks import networks, process_cache
from benchbench.harness.executors.jobs import Job
from benchbench.harness.options import RunOptions
from benchbench.harness.plan import Plan

if TYPE_CHECKING:
    pass


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
        with cache.lock(fit_id):
            if cache.has(fit_id):
                return
            began = time.perf_counter()
            context = FitContext(
                data=self.source.open(self.cache),
                device=device,
                needs=networks(self.fit.needs(), self.setup, self.cache, device),
                folder=cache.workspace(fit_id),
                checkpoint=cache.checkpoint(fit_id),
                progress=progress,
            )
            state = self.fit.run(context)
            seconds = time.perf_counter() - began
            record = {
                "label": self.fit.label,
                "spec": self.fit.spec(),
                "data_id": self.setup.data_id,
                "needs": {name: need.fit_id(self.setup.data_id) for name, need in self.fit.needs().items()},
                "work": self.fit.cost,
                "facts": context.facts,
                "seconds": seconds,
                "provenance": provenance(self.device, seconds),
            }
            cache.save(fit_id, context.folder, state, record)


def _fit_jobs(plan: Plan, source: Source, options: RunOptions) -> list[Job]:
    """Return the missing fits as jobs, parents first."""
    jobs = []
    for fit_id, fit in plan.fits.items():
        if fit_id in plan.missing_fits:
            needs = plan.needed(fit.needs())
            jobs.append(
                Job(
                    key=fit_id,
                    label=fit.label,
                    call=FitCall(fit, plan.setup, source, options.cache, options.device),
                    cost=max(plan.costs[fit_id], 0.01),
                    needs=frozenset(needs) & plan.missing_fits,
                    reads=(f"data/{plan.setup.data_id}", *(f"fits/{need}" for need in needs)),
                    writes=(f"fits/{fit_id}",),
                )
            )
    return jobs
