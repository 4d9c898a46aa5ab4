"""Cells on disk: small JSON files, written whole, checked on reading. They are the truth; views are derived.

    <results>/<data set>/<profile>/cells/<attack>/<target>-<split>-<first 8 digits of cell_id>.json

A file holds the fields of a `Cell` and `content`, a digest of the others, so that an edited number is noticed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchbench.base.errors import StoreError
from benchbench.base.files import STALE_SECONDS, file_name, write_atomic
from benchbench.base.identity import cell_id, craft_id, digest
from benchbench.records.cell import SCHEMA, Cell, tabulate


def identify(cell: Cell) -> tuple[str, str]:
    """Return (craft_id, cell_id) as they follow from what the record says."""
    attack, target = cell.attack, cell.target
    target_spec = {"name": target.name, "version": target.version, "params": target.params}
    craft = craft_id(
        {"name": attack.name, "version": attack.version, "params": attack.params},
        attack.fits,
        cell.dataset.data_id,
        cell.split.name,
        cell.protocol,
        {"spec": target_spec, "fits": target.fits} if attack.knowledge == "white-box" else None,
    )
    return craft, cell_id(craft, target_spec, target.fits)


class CellStore:
    """The cells under one results folder."""

    def __init__(self, results: Path) -> None:
        """Use `results`; it need not exist yet."""
        self.results = results

    def path(self, dataset: str, profile: str, attack: str, target: str, split: str, cell_id: str) -> Path:
        """Return where a cell belongs."""
        folder = self.results / file_name(dataset) / file_name(profile) / "cells" / file_name(attack)
        return folder / f"{file_name(target)}-{split}-{cell_id[:8]}.json"

    def path_of(self, cell: Cell) -> Path:
        """Return where `cell` belongs."""
        return self.path(
            cell.dataset.name, cell.profile, cell.attack.name, cell.target.name, cell.split.name, cell.cell_id
        )

    def write(self, cell: Cell) -> Path:
        """Write a cell atomically and return its path.

        Raises:
            StoreError: the ids do not follow from the record, or the file cannot be written.
        """
        if identify(cell) != (cell.craft.craft_id, cell.cell_id):
            raise StoreError(f"cell '{cell.cell_id}' does not have the identity that its record gives; this is a bug.")
        if not _consistent(cell):
            raise StoreError(f"the counts of cell '{cell.cell_id}' do not follow from its outcomes; this is a bug.")
        record = cell.model_dump(mode="json")
        record["content"] = digest("content", record)
        path = self.path_of(cell)
        write_atomic(path, _text(record).encode())
        return path

    def read(self, path: Path) -> Cell:
        """Read and check one cell.

        Raises:
            StoreError: edited, truncated, misplaced, or of a newer schema; the sentence names the file.
        """
        try:
            record = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise StoreError(f"{path} does not exist.") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise StoreError(f"{path} is not a whole JSON file (truncated?). {_REMEDY}")
        schema = record.get("schema_version")
        if isinstance(schema, int) and schema > SCHEMA:
            raise StoreError(f"{path} has schema {schema}; this benchbench reads up to {SCHEMA}. Upgrade benchbench.")
        if schema != SCHEMA:
            raise StoreError(f"{path} has schema {schema}, of an older benchbench; this one reads {SCHEMA}. {_REMEDY}")
        content = record.pop("content", None)
        try:
            cell = Cell.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise StoreError(f"{path} is not a cell: '{key}' {first['msg'].lower()}. {_REMEDY}") from error
        if content != _content(record):
            raise StoreError(f"{path} was changed after it was written: its numbers do not match its digest. {_REMEDY}")
        if identify(cell) != (cell.craft.craft_id, cell.cell_id):
            raise StoreError(f"{path} was changed after it was written: its record gives another cell_id. {_REMEDY}")
        if not _consistent(cell):
            raise StoreError(f"{path} contradicts itself: its counts do not follow from its outcomes. {_REMEDY}")
        return cell

    def find(self, cell_id: str) -> Cell | None:
        """Return the cell with this id, wherever in the results folder, or None."""
        for path in sorted(self.results.glob(f"*/*/cells/*/*-{cell_id[:8]}.json")):
            cell = self.read(path)
            if cell.cell_id == cell_id:
                return cell
        return None

    def paths(self, dataset: str | None = None, profile: str | None = None) -> list[Path]:
        """Return the files of all cells, or of one data set or profile, in alphabetical order."""
        folder = f"{file_name(dataset) if dataset else '*'}/{file_name(profile) if profile else '*'}"
        return sorted(self.results.glob(f"{folder}/cells/*/*.json"))

    def cells(
        self, dataset: str | None = None, profile: str | None = None, *, problems: list[StoreError] | None = None
    ) -> Iterator[Cell]:
        """Yield all cells, or those of one data set or profile, in the order of their paths.

        Args:
            dataset: name of a data set.
            profile: name of a profile.
            problems: where given, receives what is wrong with unreadable cells, and the others are still yielded.

        Raises:
            StoreError: an unreadable cell, unless `problems` is given.
        """
        for path in self.paths(dataset, profile):
            try:
                yield self.read(path)
            except StoreError as error:
                if problems is None:
                    raise
                problems.append(error)

    def clean(self) -> None:
        """Remove temporary files that a killed run left; a living run's are younger."""
        for path in self.results.glob("*/*/cells/*/.*.tmp"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()


def _consistent(cell: Cell) -> bool:
    try:
        return tabulate(cell) == cell.counts
    except (ValueError, IndexError):
        return False


def _content(record: Mapping[str, Any]) -> str | None:
    try:
        return digest("content", record)
    except TypeError:
        return None  # NaN or infinity, which no run writes


_REMEDY = "Restore it, or delete it and 'bench run' computes it again."


def _text(record: Mapping[str, Any]) -> str:
    """JSON with a line a top-level key: compact, and still a readable diff."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
