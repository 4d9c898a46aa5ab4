"""How far a run is: bars on a terminal, now and then a line in a log, with the time that remains over all stages."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_EVERY = 20.0
"""Seconds between two lines of a stage in a log."""
_SURE = 10.0
"""Seconds after which a stage's own pace says more than the first estimate."""


def duration(seconds: float) -> str:
    """Return '40 s', '12 min' or '1 h 05 min'."""
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Clock:
    """Estimates the remaining wall-clock time of stages that follow one another."""

    def __init__(self, seconds: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        """Take the stages in order and what each is expected to take."""
        self._expected = dict(seconds)
        self._now = now
        self._began: dict[str, float] = {}
        self._first: dict[str, float] = {}
        self.share = dict.fromkeys(seconds, 0.0)

    def update(self, stage: str, share: float) -> None:
        """Note that `share` of a stage is done."""
        if stage not in self._began:
            self._began[stage], self._first[stage] = self._now(), share  # work that was there before says no pace
        self.share[stage] = max(0.0, min(1.0, share))

    def remaining(self) -> float:
        """Return the seconds that all stages together still need."""
        return sum(self._of(stage) for stage in self._expected)

    def _of(self, stage: str) -> float:
        left = 1 - self.share[stage]
        if stage in self._began:
            elapsed = self._now() - self._began[stage]
            gained = self.share[stage] - self._first[stage]
            if elapsed > _SURE and gained > 0.01:
                return elapsed * left / gained
        return self._expected[stage] * left


class LogDisplay:
    """Plain lines for a stream that is not a terminal: at most one a stage every 20 s, and one at its end."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        """Write to `stream`, standard error by default."""
        self._stream = stream or sys.stderr
        self._now = now
        self._clock = Clock({})
        self._last: dict[str, float] = {}
        self._done: set[str] = set()

    def start(self, seconds: Mapping[str, float]) -> None:
        """Take the stages and their expected seconds."""
        self._clock = Clock(seconds, self._now)
        self._line(f"about {duration(self._clock.remaining())} to go")

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        """Take how far a stage is; write a line if it is time for one."""
        share = done / total if total else 1.0
        self._clock.update(stage, share)
        ended = share >= 1
        if ended and (stage in self._done or text != "ready"):
            return
        if ended:
            self._done.add(stage)
        elif self._now() - self._last.get(stage, -_EVERY) < _EVERY:
            return
        self._last[stage] = self._now()
        what = "done" if ended else f"{share:4.0%}"
        left = f"about {duration(self._clock.remaining())} to go"
        self._line(f"{stage}: {what}, {left}{'' if ended or not text else f'  ({text})'}")

    def close(self) -> None:
        """Do nothing."""

    def _line(self, text: str) -> None:
        print(f"bench: {text}", file=self._stream, flush=True)


class BarDisplay:
    """A bar a stage, and the time that remains over all of them."""

    def __init__(self, console: Console | None = None) -> None:
        """Draw on `console`, standard error by default."""
        self._progress = Progress(
            TextColumn("{task.description:12}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim"),
            console=console or Console(stderr=True),
        )
        self._clock = Clock({})
        self._tasks: dict[str, TaskID] = {}

    def start(self, seconds: Mapping[str, float]) -> None:
        """Take the stages and their expected seconds."""
        self._clock = Clock(seconds)
        for stage in seconds:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0, start=False, text="")
        self._tasks[""] = self._progress.add_task("all", total=1.0, text="")
        self._progress.start()

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        """Take how far a stage is."""
        share = done / total if total else 1.0
        self._clock.update(stage, share)
        self._progress.start_task(self._tasks[stage])
        self._progress.update(self._tasks[stage], completed=share, text=text[:60])
        if share >= 1:
            self._progress.stop_task(self._tasks[stage])
        shares = list(self._clock.share.values())
        left = f"about {duration(self._clock.remaining())} to go"
        self._progress.update(self._tasks[""], completed=sum(shares) / len(shares), text=left)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


def display() -> LogDisplay | BarDisplay:
    """Return bars on a terminal and lines elsewhere."""
    return BarDisplay() if sys.stderr.isatty() else LogDisplay()
