"""How far jobs that run side by side are, all together."""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.contracts.fit import Progress
from benchbench.harness.executors.jobs import Job, Outcome


class Meter:
    """Adds up the progress of jobs that run side by side, weighted by their cost."""

    def __init__(self, show: Progress, expected: float = 0.0) -> None:
        """Take where to show the sum, in thousandths.

        Args:
            show: called with (thousandths done, 1000, text).
            expected: cost in all, where jobs are added while others run.
        """
        self._show = show
        self._expected = expected
        self._cost: dict[str, float] = {}
        self._label: dict[str, str] = {}
        self._share: dict[str, float] = {}
        self._text: dict[str, str] = {}

    def add(self, jobs: Iterable[Job]) -> None:
        """Take jobs that are to come."""
        for job in jobs:
            self._cost[job.key], self._label[job.key], self._share[job.key] = job.cost, job.label, 0.0

    def __contains__(self, key: str) -> bool:
        return key in self._cost

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
        total = max(self._expected, sum(self._cost.values()))
        self._show(round(1000 * done / total), 1000, ", ".join(self._text.values()))
