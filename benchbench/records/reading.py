"""Records to cells and back: each checked against its digest, its identity and itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchbench.base.errors import StoreError
from benchbench.base.identity import cell_id, craft_id, digest
from benchbench.contracts.scenario import split_identity
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
        split_identity(cell.split.name, cell.split.fits),
        cell.protocol,
        {"spec": target_spec, "fits": target.fits} if attack.knowledge == "white-box" else None,
    )
    return craft, cell_id(craft, target_spec, target.fits, target.task)


def craft_record(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell's craft, with its digest."""
    whole = cell.model_dump(mode="json", include=set(SHARED))
    if not cell.split.scene:
        del whole["split"]["scene"]  # an older record: it stays as it is
    if not cell.craft.stream_hits:
        del whole["craft"]["stream_hits"]
    if not cell.split.fits:
        del whole["split"]["fits"]
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
    if cell.split.scene and len(cell.split.scene) != len(cell.split.true):
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
