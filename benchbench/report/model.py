"""A table as data, before it is text: full-precision values, reasons for what is missing, what is better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["rate", "decibel", "number", "count", "text"]
"""rate: a fraction in [0, 1], shown in percent; decibel: one decimal; number: three; count: an integer; text: as it
is."""
Direction = Literal["higher", "lower"]
Scalar = float | int | str | None

DASH = "-"


def show(value: Scalar, kind: Kind) -> str:
    """Return the text of one value: percent or dB with one decimal, "-" for None."""
    if value is None:
        return DASH
    if isinstance(value, str):
        return value
    if kind == "rate":
        return f"{100 * value:.1f}"
    if kind == "decibel":
        return f"{value:.1f}"
    if kind == "number":
        return f"{value:.3f}"
    return str(value)


def exact(value: Scalar) -> str:
    """Return the text of one value for a file: a float reads back as the same float, None is empty."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Column:
    """What a column holds."""

    key: str
    """Name in CSV files; with `pair`, the prefix of `<key>_tsr` and `<key>_usr`."""
    title: str
    kind: Kind = "rate"
    pair: bool = False
    """The entry is "TSR (USR)"."""
    spread: bool = False
    """The entry is "mean ± standard deviation"; in CSV files that is `<key>_sd`."""
    better: Direction | None = None
    """None: no entry of this column is best, so none is bold."""


@dataclass(frozen=True)
class Entry:
    """One place of a table: a value or the reason why there is none; never a zero in its stead."""

    value: Scalar = None
    missing: str = ""
    """Why `value` is None."""
    second: float | None = None
    """USR, where the column is a pair; the standard deviation, where it is a spread."""
    missing_second: str = ""
    """Why `second` is None although `value` is there."""
    published: tuple[Scalar, float | None] | None = None
    """The paper's figure for this place, or None where the paper has no such row."""
    interval: tuple[float, float] | None = None
    """95 % interval of `value`."""
    second_interval: tuple[float, float] | None = None
    """95 % interval of `second`."""

    def parts(self) -> tuple[Scalar, float | None]:
        """Return (value, second)."""
        return self.value, self.second

    def reason(self, column: Column) -> str:
        """Return why something is missing here, or an empty string."""
        if self.value is None:
            return self.missing
        return self.missing_second if column.pair and self.second is None else ""


@dataclass(frozen=True)
class Row:
    """A row: its label, the block it stands in, and whether it competes for bold."""

    key: str
    label: str
    entries: tuple[Entry, ...]
    block: str = ""
    """Backbone or label set; rows are compared within their block."""
    ranked: bool = True
    """False for controls, means and totals: never bold."""


@dataclass(frozen=True)
class Table:
    """A table with everything that any rendering of it needs."""

    number: str
    """1, 2a, ..., 10b, clean or other."""
    title: str
    caption: tuple[str, ...]
    """Sentences: what is shown, on which photographs, under which profile and condition, by which command."""
    corner: str
    """Heading over the row labels."""
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    block_title: str = ""
    """Heading over the blocks; empty when there is one block."""
    remarks: tuple[str, ...] = ()
    """What a reader must know beside the caption, such as a rate that is undefined here."""
    published: bool = False
    """The paper's figures stand beside ours."""
    intervals: bool = False
    """Readers see the 95 % intervals; files always hold them."""
    facts: dict[str, str] = field(default_factory=dict)
    """dataset, data_id, profile, condition, seed: for files and pages."""

    def best(self) -> frozenset[tuple[int, int, int]]:
        """Return (row, column, part) of what is bold: part 0 the value, part 1 the second value.

        Compared as shown, so that two entries that look the same are both bold or both not. A block where
        fewer than two ranked rows have a value has no best.
        """
        found: set[tuple[int, int, int]] = set()
        for block in dict.fromkeys(row.block for row in self.rows):
            rows = [i for i, row in enumerate(self.rows) if row.block == block and row.ranked]
            for j, column in enumerate(self.columns):
                if column.better is None:
                    continue
                for part in (0, 1) if column.pair else (0,):
                    shown = {}
                    for i in rows:
                        value = self.rows[i].entries[j].parts()[part]
                        if isinstance(value, (int, float)):
                            shown[i] = float(show(value, column.kind))
                    if len(shown) < 2:
                        continue
                    top = max(shown.values()) if column.better == "higher" else min(shown.values())
                    found |= {(i, j, part) for i, value in shown.items() if value == top}
        return frozenset(found)

    def notes(self) -> tuple[str, ...]:
        """Return one sentence a reason for what is missing, naming the places."""
        places: dict[str, list[tuple[Row, list[str]]]] = {}
        for row in self.rows:
            reasons: dict[str, list[str]] = {}
            for column, entry in zip(self.columns, row.entries, strict=True):
                reason = entry.reason(column)
                if reason:
                    reasons.setdefault(reason, []).append(column.title)
            for reason, titles in reasons.items():
                places.setdefault(reason, []).append((row, titles))
        return tuple(f"{DASH} {reason}: {self._listed(found)}." for reason, found in places.items())

    def _listed(self, found: Sequence[tuple[Row, list[str]]]) -> str:
        """Name places: whole rows by their label, rows that are whole in every block once, all rows as "all"."""
        whole = [row for row, titles in found if len(titles) == len(self.columns)]
        if len(whole) == len(self.rows):
            return "all"
        blocks = len({row.block for row in self.rows})
        labels = Counter(row.label for row in whole)
        names: dict[str, None] = {}
        for row, titles in found:
            if row in whole and labels[row.label] == blocks:
                names[row.label] = None
                continue
            name = f"{row.block} {row.label}" if self.block_title else row.label
            names[name if row in whole else f"{name} ({', '.join(titles)})"] = None
        return "; ".join(names)

    def row(self, key: str, block: str = "") -> Row:
        """Return the row with this key.

        Raises:
            KeyError: there is none.
        """
        for row in self.rows:
            if row.key == key and (not block or row.block == block):
                return row
        raise KeyError(key)

    def entry(self, key: str, column: str, block: str = "") -> Entry:
        """Return the entry of row `key` (in `block`) and column key `column`.

        Raises:
            KeyError: there is none.
        """
        row = self.row(key, block)
        for candidate, entry in zip(self.columns, row.entries, strict=True):
            if candidate.key == column:
                return entry
        raise KeyError(column)
