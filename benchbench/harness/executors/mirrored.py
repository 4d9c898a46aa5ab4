"""Jobs on machines that share nothing but a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchbench.harness.executors.jobs import Job
from benchbench.records.mirror import Mirror, Mirrored


def mirrored(job: Job, url: str | None, cache: Path) -> Job:
    """Return a job that works on any machine that reaches the store; without a store, the job itself."""
    if url is None:
        return job
    return replace(job, call=Mirrored(job.call, job.reads, job.writes, Mirror(url), cache))
