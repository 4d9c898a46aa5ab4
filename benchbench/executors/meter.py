"""How far jobs that run side by side are, all together."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.executors.jobs import Job, Outcome
from benchbench.fit import Progress


class Meter:
    """Adds up the progress of jobs that run side by side, weighted by their cost."""

    def __init__(self, jobs: Sequence[Job], show: Progress) -> None:
        """Take the jobs and where to show their sum, in thousandths."""
        self._cost = {job.key: job.cost for job in jobs}
        self._label = {job.key: job.label for job in jobs}
        self._share = dict.fromkeys(self._cost, 0.0)
        self._text: dict[str, str] = {}
        self._show = show

    def progress(self, key: str, done: int, total: int, text: str) -> None:
        """Note how far a job is."""
        self._share[key] = done / total if total else 0.0
        self._text[key] = f"{self._label[key]} {text}".strip()
        self._tell()

    def finish(self, outcome: Outcome) -> None:
        """Note the end of a job."""
        self._share[outcome.key] = 1.0
        self._text.pop(outcome.key, None)
        self._tell()

    def _tell(self) -> None:
        done = sum(self._cost[key] * share for key, share in self._share.items())
        total = sum(self._cost.values())
        self._show(round(1000 * done / total), 1000, ", ".join(self._text.values()))
