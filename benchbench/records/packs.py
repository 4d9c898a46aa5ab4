"""Packs: published snapshots of cells, one file an attack and condition, a JSON record a line.

Each craft's record stands once, before those of its cells. Equal cells give equal bytes. A line of an older schema,
which held craft and cell in one, is read through `benchbench.records.migrations`, as a file is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchbench.base.errors import StoreError
from benchbench.base.files import file_name
from benchbench.records.cell import Cell
from benchbench.records.reading import Parts, Reader, cell_record, craft_record, migrated, older


def pack_name(cell: Cell) -> str:
    """Return the name of the file that a cell goes to: 'cama-uint8.jsonl', 'cama-jpeg-90-35dB.jsonl'.

    Raises:
        StoreError: its budget is no number.
    """
    words = [cell.attack.name, str(cell.protocol.get("condition", "uint8"))]
    budget = cell.protocol.get("budget")
    if budget is not None:
        if not isinstance(budget, int | float):
            raise StoreError(f"cell '{cell.cell_id[:12]}' cannot be written: its budget is {budget!r:.40}, no number.")
        words.append(f"{budget:g}dB")
    return file_name("-".join(words)) + ".jsonl"


def packed(cells: Iterable[Cell]) -> dict[Path, str]:
    """Return the text of each pack, by its path below the results folder."""
    files: dict[Path, list[Cell]] = {}
    for cell in cells:
        folder = Path(file_name(cell.dataset.name)) / file_name(cell.profile) / "packs"
        files.setdefault(folder / pack_name(cell), []).append(cell)
    return {path: _text(found) for path, found in sorted(files.items())}


def _text(cells: Iterable[Cell]) -> str:
    lines: list[Mapping[str, Any]] = []
    last = ""
    order = sorted(cells, key=lambda c: (c.split.name, c.craft.craft_id, c.target.name, c.cell_id))
    for cell in order:
        craft = craft_record(cell)
        if craft["content"] != last:  # another machine may have measured one craft otherwise in the last digit
            lines.append(craft)
            last = str(craft["content"])
        lines.append(cell_record(cell))
    return "".join(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n" for line in lines)


def read_pack(path: Path, problems: list[StoreError] | None = None, parts: Parts | None = None) -> Iterator[Cell]:
    """Yield the cells of a pack, checked.

    Args:
        problems: where given, receives what is wrong with unreadable lines, and the others are still yielded.
        parts: what cells of other packs have in common with these, where several are read.

    Raises:
        StoreError: an unreadable line, unless `problems` is given; the sentence names file and line.
    """
    parts = parts or Parts()
    reader = Reader(parts)
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    with file:
        for number, line in enumerate(file, 1):
            where = f"{path}, line {number},"
            try:
                record = parts.read(line)
            except ValueError:
                record = None
            try:
                if older(record):
                    yield migrated(record, where)
                elif isinstance(record, dict) and "cell_id" not in record and "craft" in record:
                    reader.add_craft(record, where)
                else:
                    yield reader.cell(record, where)
            except StoreError as error:
                if problems is None:
                    raise
                problems.append(error)
