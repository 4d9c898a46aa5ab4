"""What a stage found: rows of the table that all share, tables of its own, and sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from tabulate import tabulate

HEADERS = ("stage", "work", "ours", "peer", "peer / ours", "wanted", "limit", "ours / limit")
NUMBER = re.compile(r"-?[\d.]+(e[+-]?\d+)?( ms| s| MB| GB)?")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a stage is to measure."""

    quick: bool = False
    """As small as it goes: shows that it runs, not how fast."""
    device: str = "cpu"
    folder: str | None = None
    """Where pictures go; None draws none."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One piece of work, timed for benchbench, for a peer and at the limit of the machine; all in s."""

    work: str
    ours: float
    peer: float | None = None
    wanted: float | None = None
    """The peer / ours that is asked for."""
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """peer / ours."""
        return None if self.peer is None else self.peer / self.ours

    def cells(self, stage: str) -> tuple[str, ...]:
        """Return the texts of `HEADERS`."""
        return (
            stage,
            self.work,
            duration(self.ours),
            duration(self.peer),
            number(self.ratio),
            "" if self.wanted is None else f"{verdict(self.ratio, self.wanted)} {number(self.wanted)}",
            duration(self.limit),
            number(None if self.limit is None else self.ours / self.limit),
        )


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of one stage alone."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        """Markdown."""
        return f"{self.title}\n\n{grid(self.headers, self.rows)}"


@dataclass
class Report:
    """All that a stage found."""

    stage: str
    rows: list[Row] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """Lines of a run, as they were printed."""
    seconds: float = 0.0

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what another process measured."""
        found = json.loads(text)
        found["rows"] = [Row(**row) for row in found["rows"]]
        found["tables"] = [
            Table(title=t["title"], headers=tuple(t["headers"]), rows=tuple(map(tuple, t["rows"])))
            for t in found["tables"]
        ]
        return cls(**found)

    @property
    def text(self) -> str:
        """Markdown of what is this stage's own."""
        parts = [f"## {self.stage.replace('_', ' ').capitalize()}"]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts += [table.text for table in self.tables]
        parts += ["\n".join(["```", *self.log, "```"])] if self.log else []
        parts += [f"![{self.stage}]({name})" for name in self.pictures]
        return "\n\n".join(parts)


def summary(reports: Sequence[Report]) -> str:
    """Return the table of all rows as Markdown."""
    rows = [row.cells(report.stage.replace("_", " ")) for report in reports for row in report.rows]
    return grid(HEADERS, rows)


def grid(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; columns of numbers stand right."""
    columns = list(zip(*rows, strict=True))
    align = ["right" if all(not text or NUMBER.fullmatch(text) for text in column) else "left" for column in columns]
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True, colalign=align if rows else None)


def duration(seconds: float | None) -> str:
    """Return a time in ms or s with three digits, or nothing for None."""
    if seconds is None:
        return ""
    return f"{number(seconds * 1000)} ms" if seconds < 1 else f"{number(seconds)} s"


def number(value: float | None) -> str:
    """Return three significant digits without an exponent, or nothing for None."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def verdict(ratio: float | None, wanted: float) -> str:
    """Say whether a ratio is what is asked for."""
    return "met:" if ratio is not None and ratio >= wanted else "missed:"
