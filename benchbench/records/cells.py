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
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchbench.base.errors import StoreError
from benchbench.base.files import STALE_SECONDS, file_name, write_atomic
from benchbench.base.identity import cell_id, craft_id, digest
from benchbench.records.cell import CLASSIFICATION, SCHEMA, Cell, Craft
from benchbench.records.migrations import STEPS

SHARED = ("profile", "dataset", "attack", "split", "protocol", "craft")
"""What a craft's record holds of a cell."""
OWN = ("target", "outcomes", "provenance")
"""What a cell's record holds beside its ids."""
_REMEDY = "Restore it, or delete it and 'bench run' computes it again."


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
    return craft, cell_id(craft, target_spec, target.fits, target.task)


def craft_record(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell's craft, with its digest."""
    whole = cell.model_dump(mode="json", include=set(SHARED))
    record = {"schema_version": SCHEMA, "craft_id": cell.craft.craft_id} | {k: whole[k] for k in SHARED}
    return record | {"content": digest("content", record)}


def cell_record(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell without its craft's, with its digest."""
    whole = cell.model_dump(mode="json", include=set(OWN))
    record = {"schema_version": SCHEMA, "cell_id": cell.cell_id, "craft_id": cell.craft.craft_id}
    record |= {k: whole[k] for k in OWN}
    return record | {"content": digest("content", record)}


class Reader:
    """Makes cells of records, each craft's once."""

    def __init__(self) -> None:
        """Start with no craft known."""
        self._crafts: dict[str, Craft] = {}

    def add_craft(self, record: Any, where: str) -> Craft:
        """Take a craft's record and return it, checked.

        Raises:
            StoreError: it is no such record, was edited, or is of another schema; the sentence begins with `where`.
        """
        body = _checked(record, where)
        try:
            craft = Craft.model_validate({k: body[k] for k in SHARED})
            unknown = set(body) - {*SHARED, "schema_version", "craft_id"}
        except (ValidationError, KeyError) as error:
            raise StoreError(f"{where} is not a craft: {_first(error)}. {_REMEDY}") from error
        if unknown or body.get("craft_id") != craft.craft.craft_id:
            raise StoreError(f"{where} is not a craft: '{', '.join(sorted(unknown)) or 'craft_id'}'. {_REMEDY}")
        self._crafts[craft.craft.craft_id] = craft
        return craft

    def craft(self, craft_id: str) -> Craft | None:
        """Return a craft that was taken before."""
        return self._crafts.get(craft_id)

    def cell(self, record: Any, where: str, craft: Craft | None = None) -> Cell:
        """Return the cell of a record.

        Args:
            record: of a cell; its craft was taken before, or is `craft`.
            where: begins every sentence.

        Raises:
            StoreError: it is no cell, was edited, contradicts itself, is of a newer schema, or lacks its craft.
        """
        body = _checked(record, where)
        craft = craft or self.craft(str(body.get("craft_id")))
        if craft is None:
            raise StoreError(f"{where} has no craft '{body.get('craft_id')}' beside it. {_REMEDY}")
        unknown = set(body) - {*OWN, "schema_version", "cell_id", "craft_id"}
        if unknown:
            raise StoreError(f"{where} is not a cell: '{min(unknown)}' extra inputs are not permitted. {_REMEDY}")
        shared = {k: getattr(craft, k) for k in SHARED}
        try:
            cell = Cell.model_validate({"cell_id": body["cell_id"], **{k: body[k] for k in OWN}, **shared})
        except (ValidationError, KeyError) as error:
            raise StoreError(f"{where} is not a cell: {_first(error)}. {_REMEDY}") from error
        return checked(cell, where)


def checked(cell: Cell, where: str) -> Cell:
    """Return a cell whose ids follow from its record and whose outcomes are of its trials.

    Raises:
        StoreError: they do not.
    """
    if identify(cell) != (cell.craft.craft_id, cell.cell_id):
        raise StoreError(f"{where} was changed after it was written: its record gives another cell_id. {_REMEDY}")
    if not consistent(cell):
        raise StoreError(f"{where} contradicts itself: its outcomes are not of its trials. {_REMEDY}")
    return cell


def consistent(cell: Cell) -> bool:
    """Say whether trials are of photographs that are there, and outcomes one a trial, of classes that exist."""
    trials, outcomes = cell.craft.trials, cell.outcomes
    count = len(trials.photograph)
    if len(trials.wanted) != count or any(len(column) != count for column in outcomes.values()):
        return False
    if any(not 0 <= i < len(cell.split.true) for i in trials.photograph):
        return False
    if any(not 0 <= w < cell.dataset.known for w in trials.wanted):
        return False
    if cell.target.task != CLASSIFICATION:
        return bool(outcomes)
    classes = cell.target.classes
    return set(outcomes) == {"predicted"} and all(
        isinstance(p, int) and 0 <= p < classes for p in outcomes["predicted"]
    )


def migrated(record: Any, where: str) -> Cell:
    """Return the cell of an older record, which held craft and cell in one.

    Raises:
        StoreError: it is no such record, was edited, or contradicts itself.
    """
    schema = record["schema_version"]
    body = _intact(record, where)
    try:
        while schema != SCHEMA:
            body = STEPS[schema](body)
            schema = body["schema_version"]
        cell = Cell.model_validate(body)
    except ValidationError as error:
        raise StoreError(f"{where} is not a cell: {_first(error)}. {_REMEDY}") from error
    except KeyError as error:
        raise StoreError(f"{where} is not a cell: {error} field required. {_REMEDY}") from error
    except (ValueError, TypeError, IndexError) as error:
        raise StoreError(f"{where} contradicts itself: {error}. {_REMEDY}") from error
    return checked(cell, where)


def older(record: Any) -> bool:
    """Say whether a record is of an older schema that is still read."""
    return isinstance(record, dict) and record.get("schema_version") in STEPS


def _checked(record: Any, where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise StoreError(f"{where} is not a whole JSON file (truncated?). {_REMEDY}")
    schema = record.get("schema_version")
    if isinstance(schema, int) and schema > SCHEMA:
        raise StoreError(f"{where} has schema {schema}; this benchbench reads up to {SCHEMA}. Upgrade benchbench.")
    if schema != SCHEMA:
        raise StoreError(f"{where} has schema {schema}, of an older benchbench; this one reads {SCHEMA}. {_REMEDY}")
    return _intact(record, where)


def _intact(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    body = {k: v for k, v in record.items() if k != "content"}
    try:
        found = digest("content", body)
    except TypeError:
        found = None  # NaN or infinity, which no run writes
    if found is None or record.get("content") != found:
        raise StoreError(f"{where} was changed after it was written: its numbers do not match its digest. {_REMEDY}")
    return body


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"'{'.'.join(str(part) for part in first['loc'])}' {first['msg'].lower()}"
    return f"{error} field required"


class CellStore:
    """The cells under one results folder."""

    def __init__(self, results: Path) -> None:
        """Use `results`; it need not exist yet."""
        self.results = results
        self._readers: dict[Path, Reader] = {}
        """By the folder of a data set and profile: a craft of two profiles may have one id."""
        self._packed: dict[Path, dict[str, Cell]] = {}

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
        if not consistent(cell):
            raise StoreError(f"the outcomes of cell '{cell.cell_id}' are not of its trials; this is a bug.")
        craft = self.craft_path(cell)
        if not craft.exists():
            write_atomic(craft, _text(craft_record(cell)).encode())
        path = self.path_of(cell)
        write_atomic(path, _text(cell_record(cell)).encode())
        return path

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
        reader = self._readers.setdefault(path.parents[2], Reader())
        craft = reader.craft(craft_id)
        if craft is None and isinstance(record, dict):
            folder = path.parents[2] / "crafts" / path.parent.name
            for place in sorted(folder.glob(f"*-{craft_id[:8]}.json")):
                found = reader.add_craft(load(place), str(place))
                craft = found if found.craft.craft_id == craft_id else craft
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
        place = path.name.rpartition("-")[0]
        return [
            cell
            for cell in self._pack(path.parents[2]).values()
            if (other := self.path_of(cell)).parent == path.parent and other.name.rpartition("-")[0] == place
        ]

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
        from benchbench.records.packs import read_pack

        seen: set[str] = set()
        for path in self.paths(dataset, profile):
            try:
                cell = self.read(path)
            except StoreError as error:
                if problems is None:
                    raise
                problems.append(error)
                continue
            seen.add(cell.cell_id)
            yield cell
        for path in self.packs(dataset, profile):
            for cell in read_pack(path, problems):
                if cell.cell_id not in seen:
                    seen.add(cell.cell_id)
                    yield cell

    def clean(self) -> None:
        """Remove temporary files that a killed run left; a living run's are younger."""
        for kind in ("cells", "crafts"):
            for path in self.results.glob(f"*/*/{kind}/*/.*.tmp"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()

    def _pack(self, folder: Path) -> dict[str, Cell]:
        """Return the packed cells of one data set and profile, by cell_id."""
        from benchbench.records.packs import read_pack

        if folder not in self._packed:
            paths = sorted((folder / "packs").glob("*.jsonl"))
            self._packed[folder] = {cell.cell_id: cell for path in paths for cell in read_pack(path)}
        return self._packed[folder]


def load(path: Path) -> Any:
    """Return what a JSON file holds, None where it is cut short.

    Raises:
        StoreError: there is no such file, or it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError:
        return None


def _place(dataset: str | None, profile: str | None) -> str:
    return f"{file_name(dataset) if dataset else '*'}/{file_name(profile) if profile else '*'}"


def _text(record: Mapping[str, Any]) -> str:
    """JSON with a line a top-level key: compact, and still a readable diff."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=True)}" for key, value in record.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
