"""Tables that people write beside their photographs: CSV in UTF-8, and a sentence with a line number for each fault."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchbench.base.errors import DataError


def read_table(file: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, fields) of a CSV file with a header; names of columns in small letters, values stripped.

    Raises:
        DataError: no such file, not UTF-8, a NUL byte, a quote that does not close, a row longer than the header, or a
            column that is missing.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"'{file.parent}' has no {file.name}.") from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"'{file}' is not a CSV file in UTF-8 ({error}).") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"'{file}' is not a CSV file in UTF-8 (NUL byte in line {line}).")
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    header: list[str] = []
    before = 0  # lines that are read and whole: a quote that does not close may run on to the end of the file
    try:
        for row in reader:
            begins, before = before + 1, reader.line_num
            if not header:
                header = [name.strip().lower() for name in row]
                _check_header(file, row, header, needed, optional)
            elif len(row) > len(header):
                raise DataError(
                    f"'{file}' has {len(row)} fields in line {reader.line_num}, and its header {len(header)}; "
                    'write a field that holds a comma in quotes: "OLYMPUS OPTICAL CO.,LTD C40Z".'
                )
            elif any("\n" in field for field in row):
                raise DataError(f"'{file}' has a quote in line {begins} that does not close there.")
            elif any(field.strip() for field in row):
                yield reader.line_num, {k: v.strip() for k, v in zip(header, row, strict=False)}
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise DataError(f"'{file}' has a quote in line {before + 1} that does not close there.") from None
        raise DataError(f"'{file}' is not a CSV file: {error}, line {reader.line_num}.") from None
    if not header:
        raise DataError(f"'{file}' is empty; columns are {', '.join(needed)}.")


def _check_header(
    file: Path, written: Sequence[str], header: Sequence[str], needed: Sequence[str], optional: Sequence[str]
) -> None:
    found = ", ".join(f"'{name}'" for name in written)
    missing = [name for name in needed if name not in header]
    if missing:
        more = f" and, if known, {', '.join(optional)}" if optional else ""
        raise DataError(
            f"'{file}' has no column '{missing[0]}'; columns are {', '.join(needed)}{more}, apart by commas. "
            f"It has {found}."
        )
    twice = [name for name in header if header.count(name) > 1 and name in (*needed, *optional)]
    if twice:
        raise DataError(f"'{file}' has the column '{twice[0]}' twice. It has {found}.")
