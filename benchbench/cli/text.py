"""Plain text in columns, which a person reads and a script can cut."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.base.names import printable


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head, each column as wide as its longest entry but the last."""
    table = [[printable(text) for text in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join(lines)


def size_text(count: float) -> str:
    """Return a number of bytes as '12 kB', '3.4 MB' or '5.6 GB'."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
