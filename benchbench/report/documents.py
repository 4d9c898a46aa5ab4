"""Tables of a results folder copied into documents, so that a number in a text is the number of a cell.

A document says which table it shows between two comments:

    <!-- table virtual/quick/tables/clean.md -->
    <!-- end -->

The path is that of a Markdown table under the results folder; what stands between the comments is its rows. Of a file
with several tables, `<!-- table FILE under "HEADING" -->` shows the one under a heading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchbench.base.errors import BenchError

_PLACE = re.compile(r'(<!-- table (?P<path>\S+)(?: under "(?P<heading>[^"\n]+)")? -->\n).*?(<!-- end -->)', re.DOTALL)
_OPENING = re.compile(r"<!-- table .*?-->")


def filled(document: Path, results: Path, views: Mapping[Path, str] | None = None) -> str:
    """Return the text of a document with the rows of its tables.

    Args:
        results: what paths in the document start from.
        views: texts that stand for files, by path: what `bench report` is about to write.

    Raises:
        BenchError: the document or a table cannot be read, or a place has no end.
    """
    text = _read(document, f"'{document}' cannot be read")

    def rows(match: re.Match[str]) -> str:
        path = results / match["path"]
        shown = (views or {}).get(path)
        if shown is None:
            shown = _read(path, f"'{document}' shows '{path}', which cannot be read")
        table = _rows(shown, match["heading"])
        if not table:
            under = f" under '{match['heading']}'" if match["heading"] else ""
            raise BenchError(f"'{document}' shows '{path}', which has no table{under}.")
        return "\n".join([match[1], *table, "", match[4]])

    new, count = _PLACE.subn(rows, text)
    openings = len(_OPENING.findall(text))
    if not openings:
        raise BenchError(f"'{document}' shows no table; write '<!-- table FILE -->' and '<!-- end -->' where one goes.")
    if count < openings:
        raise BenchError(f"'{document}' opens {openings} tables and ends {count}; each needs '<!-- end -->'.")
    return new


def _read(path: Path, problem: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{problem} ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise BenchError(f"{problem} (it is not UTF-8 text).") from None


def _rows(text: str, heading: str | None) -> list[str]:
    """Return the rows of the tables in a Markdown text, or of those between a heading and the next."""
    current, found = None, []
    for line in text.splitlines():
        if line.startswith("#"):
            current = line.lstrip("#").strip()
        elif line.startswith("|") and heading in (None, current):
            found.append(line)
    return found
