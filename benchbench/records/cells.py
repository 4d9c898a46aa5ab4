"""Cells on disk: small JSON files, written whole, checked on reading. They are the truth; views are derived.

    <results>/<data set>/<profile>/crafts/<attack>/<split>-<first 8 digits of craft_id>.json
                                   cells/<attack>/<target>-<split>-<first 8 digits of cell_id>.json
                                   packs/<attack>-<condition>.jsonl

A craft's file holds what all its cells share, a cell's file what its target made of it; a pack holds the same records,
a line each, of many cells (`benchbench.records.packs`). Each record has a digest of its other fields (`content`), so
that an edited number is noticed. Cells of schema 2 held both in one file, and are read as they are.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchbench.base.errors import StoreError
from benchbench.base.files import STALE_SECONDS, file_name, write_atomic
from benchbench.records.cell import Cell
from benchbench.records.checks import contradiction
from benchbench.records.packs import read_pack
from benchbench.records.reading import APART, Parts, Reader, cell_record, craft_record, identify, load, migrated, older


class CellStore:
    """The cells under one results folder."""

    def __init__(self, results: Path) -> None:
        """Use `results`; it need not exist yet."""
        self.results = results
        self._parts = Parts()
        self._readers: dict[Path, Reader] = {}
        """By the folder of a data set and profile: a craft of two profiles may have one id."""
        self._packed: dict[Path, dict[str, Cell]] = {}
        self._places: dict[Path, dict[Path, list[Cell]]] = {}
        """The same cells by where one would stand, without its id: a plan asks for the place of each missing cell."""

    def path(self, dataset: str, profile: str, attack: str, target: str, split: str, cell_id: str) -> Path:
        """Return where a cell belongs."""
        folder = self.results / file_name(dataset) / file_name(profile) / "cells" / file_name(attack)
        return folder / f"{file_name(target)}-{split}-{cell_id[:8]}.json"

    def path_of(self, cell: Cell) -> Path:
        """Return where `cell` belongs."""
        return self.path(
            cell.dataset.name, cell.profile, cell.attack.name, cell.target.name, cell.split.name, cell.cell_id
        )

    def craft_path(self, cell: Cell) -> Path:
        """Return where the record of a cell's craft belongs."""
        folder = self.results / file_name(cell.dataset.name) / file_name(cell.profile) / "crafts"
        return folder / file_name(cell.attack.name) / f"{cell.split.name}-{cell.craft.craft_id[:8]}.json"

    def write(self, cell: Cell) -> Path:
        """Write a cell atomically, its craft first where that is not there, and return its path.

        Raises:
            StoreError: the ids do not follow from the record, or a file cannot be written.
        """
        if identify(cell) != (cell.craft.craft_id, cell.cell_id):
            raise StoreError(f"cell '{cell.cell_id}' does not have the identity that its record gives; this is a bug.")
        if wrong := contradiction(cell):
            raise StoreError(f"cell '{cell.cell_id}' contradicts itself: {wrong}.")
        craft, apart = self._craft_place(cell)
        if not craft.exists():
            write_atomic(craft, _text(craft_record(cell)).encode())
        path = self.path_of(cell)
        write_atomic(path, _text(cell_record(cell, apart)).encode())
        return path

    def _craft_place(self, cell: Cell) -> tuple[Path, bool]:
        """Return where the craft of a cell goes, and whether one of the same id and other pixels has its place."""
        place = self.craft_path(cell)
        try:
            standing = load(place)["split"]["fingerprint"] if place.exists() else cell.split.fingerprint
        except (TypeError, KeyError):
            place.unlink()  # damaged: no cell can be read with it
            return place, False
        if standing == cell.split.fingerprint:
            return place, False
        return place.with_name(f"{place.stem}-{file_name(cell.split.fingerprint[:8])}.json"), True

    def read(self, path: Path) -> Cell:
        """Read and check one cell.

        Raises:
            StoreError: edited, truncated, misplaced, without its craft, or of a newer schema; the sentence names the
                file.
        """
        record = load(path)
        if older(record):
            return migrated(record, str(path))
        craft_id = str(record.get("craft_id")) if isinstance(record, dict) else ""
        reader = self._readers.setdefault(path.parents[2], Reader(self._parts))
        photographs = str(record.get(APART, "")) if isinstance(record, dict) else ""
        craft = reader.craft(craft_id, photographs)
        if craft is None and re.fullmatch("[0-9a-f]{8,}", craft_id):
            folder = path.parents[2] / "crafts" / path.parent.name
            for place in sorted(folder.glob(f"*-{craft_id[:8]}*.json")):  # the one without photographs comes last
                reader.add_craft(load(place), str(place))
            craft = reader.craft(craft_id, photographs)
        return reader.cell(record, str(path), craft)

    def look_up(self, path: Path, cell_id: str) -> Cell | None:
        """Return the cell that belongs at `path`, from there or from a pack, or None.

        Raises:
            StoreError: it is there and cannot be read.
        """
        if path.exists():
            found = self.read(path)
            return found if found.cell_id == cell_id else None
        return self._pack(path.parents[2]).get(cell_id)

    def beside(self, path: Path) -> list[Cell]:
        """Return the packed cells of the same attack, target and split as the one that `path` is for."""
        folder = path.parents[2]
        if folder not in self._places:
            places: dict[Path, list[Cell]] = {}
            for cell in self._pack(folder).values():
                places.setdefault(_without_id(self.path_of(cell)), []).append(cell)
            self._places[folder] = places
        return list(self._places[folder].get(_without_id(path), ()))

    def find(self, cell_id: str) -> Cell | None:
        """Return the cell with this id, wherever in the results folder, or None."""
        for path in sorted(self.results.glob(f"*/*/cells/*/*-{cell_id[:8]}.json")):
            cell = self.read(path)
            if cell.cell_id == cell_id:
                return cell
        return next((c for c in self.cells() if c.cell_id == cell_id), None) if self.packs() else None

    def paths(self, dataset: str | None = None, profile: str | None = None) -> list[Path]:
        """Return the files of all cells that are not packed, or of one data set or profile, in alphabetical order."""
        return sorted(self.results.glob(f"{_place(dataset, profile)}/cells/*/*.json"))

    def packs(self, dataset: str | None = None, profile: str | None = None) -> list[Path]:
        """Return the packs, or those of one data set or profile, in alphabetical order."""
        return sorted(self.results.glob(f"{_place(dataset, profile)}/packs/*.jsonl"))

    def cells(
        self, dataset: str | None = None, profile: str | None = None, *, problems: list[StoreError] | None = None
    ) -> Iterator[Cell]:
        """Yield all cells, or those of one data set or profile: files in the order of their paths, then packs.

        A cell that is in a file and in a pack is yielded once.

        Args:
            dataset: name of a data set.
            profile: name of a profile.
            problems: where given, receives what is wrong with unreadable cells, and the others are still yielded.

        Raises:
            StoreError: an unreadable cell, unless `problems` is given.
        """
        seen: dict[tuple[str, ...], tuple[Path, int]] = {}

        def new(cell: Cell, path: Path) -> bool:
            """Say whether a cell has not been seen; one that says something else than before is a problem."""
            key = cell.place
            said = hash(tuple(sorted(cell.outcomes.items())))
            fresh = key not in seen
            first, before = seen.setdefault(key, (path, said))
            if before != said:
                wrong = StoreError(
                    f"{path} and {first} hold cell '{cell.cell_id[:12]}' with different outcomes, as two machines may "
                    "compute it; remove one of them.  See: bench results diff"
                )
                if problems is None:
                    raise wrong
                problems.append(wrong)
            return fresh

        for path in self.paths(dataset, profile):
            try:
                cell = self.read(path)
            except StoreError as error:
                if problems is None:
                    raise
                problems.append(error)
                continue
            if new(cell, path):
                yield cell
        for path in self.packs(dataset, profile):
            yield from (cell for cell in read_pack(path, problems, self._parts) if new(cell, path))

    def clean(self) -> None:
        """Remove temporary files that a killed run left; a living run's are younger."""
        for kind in ("cells", "crafts"):
            for path in self.results.glob(f"*/*/{kind}/*/.*.tmp"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()

    def _pack(self, folder: Path) -> dict[str, Cell]:
        """Return the packed cells of one data set and profile, by cell_id."""
        if folder not in self._packed:
            paths = sorted((folder / "packs").glob("*.jsonl"))
            self._packed[folder] = {cell.cell_id: cell for path in paths for cell in read_pack(path, parts=self._parts)}
        return self._packed[folder]


def _without_id(path: Path) -> Path:
    return path.with_name(path.name.rpartition("-")[0])


def _place(dataset: str | None, profile: str | None) -> str:
    return f"{file_name(dataset) if dataset else '*'}/{file_name(profile) if profile else '*'}"


def _text(record: Mapping[str, Any]) -> str:
    """JSON with a line a top-level key: compact, and still a readable diff."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
