"""A table as text: Markdown, LaTeX, CSV and plain text. Files keep full precision, readers one decimal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from tabulate import tabulate

from benchbench.base.errors import UnknownNameError, did_you_mean
from benchbench.base.names import printable
from benchbench.report.model import DASH, Column, Entry, Scalar, Table, exact, show

Style = Callable[[str], str]
Interval = tuple[float, float]

MARKDOWN_SPECIAL = str.maketrans({"\\": r"\\", "`": r"\`", "|": r"\|", "*": r"\*", "<": "&lt;", ">": "&gt;"})
_LINK = re.compile(r"\](?=[(\[])")
"""Where a text in brackets would become a link."""
LATEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "%": r"\%",
        "_": r"\_",
        "&": r"\&",
        "#": r"\#",
        "$": r"\$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        # After "\\" LaTeX takes "[" for the start of an optional length.
        "[": "{[}",
        "]": "{]}",
    }
)


def _entry(
    entry: Entry, column: Column, bold: tuple[bool, bool], *, escape: Style, strong: Style, beside: bool, ranges: bool
) -> str:
    """Return one entry: "91.2", "91.2 (96.3)", "91.2 ± 4.0" or, beside the paper's, "91.2 (96.3) / 90.0 (95.0)".

    With `ranges` each of ours is followed by its interval: "91.2 [88.0, 93.6]".
    """

    def one(value: Scalar, mark: bool, interval: Interval | None) -> str:
        text = escape(show(value, column.kind))
        text = strong(text) if mark else text
        if ranges and interval is not None:
            text += escape(f" [{show(interval[0], column.kind)}, {show(interval[1], column.kind)}]")
        return text

    def both(
        values: tuple[Scalar, Scalar], marks: tuple[bool, bool], intervals: tuple[Interval | None, Interval | None]
    ) -> str:
        first, second = (one(*part) for part in zip(values, marks, intervals, strict=True))
        if values == (None, None) or not (column.pair or column.spread):
            return first
        return f"{first} ({second})" if column.pair else f"{first} ± {second}"

    ours = both(entry.parts(), bold, (entry.interval, entry.second_interval))
    if not beside or entry.published is None:
        return ours
    return f"{ours} / {both(entry.published, (False, False), (None, None))}"


def _grid(table: Table, *, escape: Style, strong: Style) -> list[list[str]]:
    """Return the body as text; a block's name stands in its first row only."""
    best = table.best()
    body = []
    previous: str | None = None
    for i, row in enumerate(table.rows):
        entries = [
            _entry(
                entry,
                column,
                ((i, j, 0) in best, (i, j, 1) in best),
                escape=escape,
                strong=strong,
                beside=table.published,
                ranges=table.intervals,
            )
            for j, (column, entry) in enumerate(zip(table.columns, row.entries, strict=True))
        ]
        lead = [escape(row.block) if row.block != previous else ""] if table.block_title else []
        body.append([*lead, escape(row.label), *entries])
        previous = row.block
    return body


def _head(table: Table) -> list[str]:
    return [
        *([table.block_title] if table.block_title else []),
        table.corner,
        *(c.title for c in table.columns),
    ]


def _aligned(table: Table) -> list[str]:
    lead = ["left"] * (2 if table.block_title else 1)
    return lead + ["left" if c.kind == "text" else "right" for c in table.columns]


def _piped(head: Sequence[str], rows: Sequence[Sequence[str]], aligned: Sequence[str]) -> list[str]:
    """Return the lines of a pipe table; a column is as wide as its longest text, and two more than its heading."""
    body = [[text.strip() for text in row] for row in rows]
    widths = [max(len(title) + 2, *map(len, column)) for title, *column in zip(head, *body, strict=True)]
    pads = [str.ljust if side == "left" else str.rjust for side in aligned]
    rules = [
        f":{'-' * (w + 1)}" if side == "left" else f"{'-' * (w + 1)}:" for w, side in zip(widths, aligned, strict=True)
    ]
    shown = [[pad(text, w) for pad, text, w in zip(pads, row, widths, strict=True)] for row in (head, *body)]
    lines = [f"| {' | '.join(row)} |" for row in shown]
    return [lines[0], f"|{'|'.join(rules)}|", *lines[1:]]


def _starred(text: str) -> str:
    return f"*{text}*"


@lru_cache(maxsize=8192)
def escaped(text: str) -> str:
    """Return a text as Markdown shows it; most entries of tables are a few numbers."""
    return _LINK.sub(r"\\]", printable(text).translate(MARKDOWN_SPECIAL))


def markdown(table: Table) -> str:
    """Return a heading, a pipe table, the caption, and a line for each thing that is missing."""
    escape = escaped

    def strong(text: str) -> str:
        return f"**{text}**"

    def prose(text: str) -> str:
        """Escape a sentence but for its `commands`."""
        return "`".join(escape(part) if i % 2 == 0 else printable(part) for i, part in enumerate(text.split("`")))

    head = [escape(h) for h in _head(table)]
    rows = _grid(table, escape=escape, strong=strong)
    lines = [f"### {escape(_title(table))}", ""]
    lines += _piped(head, rows, _aligned(table)) if rows else []
    lines += ["", prose(" ".join(table.caption))]
    notes = [prose(note) for note in (*table.remarks, *table.notes())]
    if notes:
        # A note opens with the dash that it explains, which Markdown would take for a list inside the list.
        lines += ["", *(f"- {n.replace(DASH + ' ', '`-` ', 1) if n.startswith(DASH) else n}" for n in notes)]
    return "\n".join(lines) + "\n"


def plain(table: Table) -> str:
    """Return the table for a terminal; *best* between asterisks."""
    rows = _grid(table, escape=printable, strong=_starred)
    text = tabulate(rows, headers=_head(table), tablefmt="simple", colalign=_aligned(table), disable_numparse=True)
    lines = [
        _title(table),
        *([text] if rows else []),
        *table.caption,
        *table.remarks,
        *table.notes(),
    ]
    return "\n".join(lines) + "\n"


def _label(table: Table) -> str:
    """Return a label that tables of one number and other settings do not share: '2a', '2a-jpeg-75-seed1'."""
    usual = {"condition": "uint8", "budget": "native", "seed": "0"}
    facts = table.facts
    words = [facts[key] for key in ("condition", "budget") if facts.get(key, usual[key]) != usual[key]]
    words += [f"{key}{facts[key]}" for key in ("limit", "seed") if facts.get(key, "0") != "0"]
    return "-".join([table.number or "table", *words]).replace(" ", "")


def latex(table: Table) -> str:
    """Return a table environment; the document needs \\usepackage{booktabs}."""

    def escape(text: str) -> str:
        return text.translate(LATEX_SPECIAL)

    def strong(text: str) -> str:
        return rf"\textbf{{{text}}}"

    def prose(text: str) -> str:
        """Escape a sentence and set its `commands` in typewriter type, where LaTeX may not make -- a dash."""
        parts = re.split(r"`([^`]*)`", text)
        return "".join(
            escape(part) if i % 2 == 0 else rf"\texttt{{{escape(part).replace('--', '-{}-')}}}"
            for i, part in enumerate(parts)
        )

    letters = "".join(a[0] for a in _aligned(table))
    lines = [r"\begin{table}[ht]", r"\centering"]
    caption = f"{escape(table.title)}. {prose(' '.join(table.caption))}"
    lines += [rf"\caption[{escape(table.title)}]{{{caption}}}", rf"\label{{tab:{_label(table)}}}"]
    # With the paper's figures beside ours a line is twice as long.
    lines.append(r"\scriptsize" if table.published else r"\small")
    if table.rows:
        lines += [rf"\begin{{tabular}}{{{letters}}}", r"\toprule"]
        lines += [" & ".join(escape(h) for h in _head(table)) + r" \\", r"\midrule"]
        block = table.rows[0].block
        for row, words in zip(table.rows, _grid(table, escape=escape, strong=strong), strict=True):
            if row.block != block:
                lines.append(r"\midrule")
                block = row.block
            lines.append(" & ".join(words) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
    for note in (*table.remarks, *table.notes()):
        lines.append(rf"\par\footnotesize {prose(note)}")
    lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """Return full precision (rates as fractions), the paper's figures, and a column of reasons."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    intervals = any(entry.interval is not None for row in table.rows for entry in row.entries)
    head = ["table", *table.facts, *(["block"] if table.block_title else []), "row", "key"]
    for column in table.columns:
        names = [f"{column.key}_tsr", f"{column.key}_usr"] if column.pair else [column.key]
        names += [f"{column.key}_sd"] if column.spread else []
        if intervals:
            head += [f"{n}{end}" for n in names for end in ("", "_low", "_high")]
        else:
            head += names
        head += [f"{n}_published" for n in names] if table.published else []
    writer.writerow([*head, "missing"])
    for row in table.rows:
        line = [
            table.number,
            *table.facts.values(),
            *([row.block] if table.block_title else []),
            row.label,
            row.key,
        ]
        reasons: dict[str, list[str]] = {}
        for column, entry in zip(table.columns, row.entries, strict=True):
            width = 2 if column.pair or column.spread else 1
            ends = (entry.interval, entry.second_interval)
            for value, interval in list(zip(entry.parts(), ends, strict=True))[:width]:
                line.append(exact(value))
                if intervals:
                    line += [exact(v) for v in interval or (None, None)]
            if table.published:
                line += [exact(v) for v in (entry.published or (None, None))[:width]]
            reason = entry.reason(column)
            if reason:
                reasons.setdefault(reason, []).append(column.key)
        writer.writerow(
            [*map(no_formula, line), "; ".join(f"{' '.join(keys)}: {why}" for why, keys in reasons.items())]
        )
    return out.getvalue()


def _title(table: Table) -> str:
    return f"Table {table.number}. {table.title}" if table.number else table.title


FORMATS: dict[str, Callable[[Table], str]] = {
    "md": markdown,
    "latex": latex,
    "csv": comma_separated,
    "text": plain,
}


def render(table: Table, format: str = "md") -> str:
    """Return a table as "md", "latex", "csv" or "text".

    Raises:
        UnknownNameError: no such format.
    """
    if format not in FORMATS:
        raise UnknownNameError(
            f"unknown format '{format}'.{did_you_mean(format, FORMATS)}\n  available: {', '.join(FORMATS)}"
        )
    return FORMATS[format](table)


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Scalar]]) -> str:
    """Return rows as CSV at full precision; what a row lacks is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([no_formula(row.get(c)) for c in columns])  # a float as `exact` writes it
    return out.getvalue()


def no_formula(value: Scalar) -> Scalar:
    """Return a value that no spreadsheet takes for a formula: a stranger's title may begin as one does."""
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@")):
        return value
    try:
        float(value)
    except ValueError:
        return "'" + value
    return value
