"""Records to cells and back: each checked against its digest, its identity and itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchbench.base.errors import IdentityError, StoreError
from benchbench.base.identity import canonical_json, cell_id, craft_id, digest, digest_of_text
from benchbench.base.json_text import parsed
from benchbench.contracts.scenario import split_identity
from benchbench.records.cell import SCHEMA, Cell, Craft, TargetPart
from benchbench.records.checks import contradiction
from benchbench.records.migrations import STEPS

SHARED = ("profile", "dataset", "attack", "split", "protocol", "craft")
"""What a craft's record holds of a cell."""
OWN = ("target", "outcomes", "provenance")
"""What a cell's record holds beside its ids."""
EXTRA = ("profile_digest",)
"""What stands there only where it says something."""
APART = "photographs"
"""The fingerprint of a cell's photographs, where its craft is kept beside one of the same id and other pixels."""
_REMEDY = "Restore it, or delete it and 'bench run' computes it again."


def identify(cell: Cell, craft: Craft | None = None) -> tuple[str, str]:
    """Return (craft_id, cell_id) as they follow from what the record says.

    Args:
        craft: what the cell has of its craft, where many cells have it: its id is computed once, unless a target is a
            part of it.
    """
    attack, target = cell.attack, cell.target
    target_spec = {"name": target.name, "version": target.version, "params": target.params}
    kept = craft.derived if craft is not None and attack.knowledge != "white-box" else {}
    if "craft_id" not in kept:
        kept["craft_id"] = craft_id(
            {"name": attack.name, "version": attack.version, "params": attack.params},
            attack.fits,
            cell.dataset.data_id,
            split_identity(cell.split.name, cell.split.fits),
            cell.protocol,
            {"spec": target_spec, "fits": target.fits} if attack.knowledge == "white-box" else None,
        )
    crafted: str = kept["craft_id"]
    return crafted, cell_id(crafted, target_spec, target.fits, target.task)


def craft_record(cell: Cell) -> dict[str, Any]:
    """Return the record of a cell's craft, with its digest."""
    whole = cell.model_dump(mode="json", include=set(SHARED))
    if not cell.split.scene:
        del whole["split"]["scene"]  # an older record: it stays as it is
    if not cell.attack.links:
        del whole["attack"]["links"]
    if not cell.craft.stream_hits:
        del whole["craft"]["stream_hits"]
    if not cell.split.fits:
        del whole["split"]["fits"]
    record = {"schema_version": SCHEMA, "craft_id": cell.craft.craft_id} | {k: whole[k] for k in SHARED}
    return record | {"content": digest("content", record)}


def cell_record(cell: Cell, apart: bool = False) -> dict[str, Any]:
    """Return the record of a cell without its craft's, with its digest.

    Args:
        apart: the record of its craft is found by its photographs as well.
    """
    whole = cell.model_dump(mode="json", include={*OWN, *EXTRA})
    record = {"schema_version": SCHEMA, "cell_id": cell.cell_id, "craft_id": cell.craft.craft_id}
    whole["outcomes"] = dict(sorted(whole["outcomes"].items()))  # as in canonical JSON, see `Parts.read`
    record |= {k: whole[k] for k in OWN} | {k: whole[k] for k in EXTRA if whole[k]}
    record |= {APART: cell.split.fingerprint} if apart else {}
    return record | {"content": digest("content", record)}


@dataclass(frozen=True)
class _Target:
    """A target's record, in the forms that every cell of it needs."""

    text: str
    """Canonical JSON; '' where there is none."""
    part: Any
    """`TargetPart`; the record itself where it is none, so that the cell's error names it in its place."""


@dataclass(frozen=True)
class _Outcomes:
    """A cell's outcomes, and the text that they were read from: in a pack of ours mostly their canonical JSON."""

    text: str
    columns: Any


_BEFORE_TARGET = re.compile(rf'\{{"schema_version":{SCHEMA},"cell_id":"\w+","craft_id":"\w+","target":')
"""How a cell's line begins in a pack of ours; what follows is the target's record, and then"""
_AFTER_TARGET = ',"outcomes":'
_AFTER_OUTCOMES = ',"provenance":'
_CANONICAL = re.compile(r'[\[\]{}":,.+\-0-9a-z_]*')
"""What outcomes are made of in canonical JSON, mostly: no white space, no NaN."""


class Parts:
    """What cells of many crafts have alike, made once: targets, and versions of packages."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self._targets: dict[str, _Target] = {}
        """By the text of their record, which tells 1 from 1.0 and from true."""
        self._read: dict[str, _Target] = {}
        self._packages: dict[str, Any] = {}

    def target(self, record: Any) -> _Target:
        """Return the target of a record."""
        try:
            key = repr(record)
            if key not in self._targets:
                self._targets[key] = _target_of(record)
        except (IdentityError, RecursionError):
            return _Target("", record)
        return self._targets[key]

    def read(self, line: bytes) -> Any:
        """Return the record of a pack's line.

        The target of a cell's is read once for all lines that have it, and the text of its outcomes is kept.

        Raises:
            ValueError: see `parsed`.
        """
        text = line.decode()
        before = _BEFORE_TARGET.match(text)
        start = before.end() if before else 0
        end, last = text.find(_AFTER_TARGET, start), text.rfind(_AFTER_OUTCOMES)
        said, columns = text[start:end], text[end + len(_AFTER_TARGET) : last]
        if not start or not 0 <= end < last or not _CANONICAL.fullmatch(columns):
            return parsed(text)
        try:
            if said not in self._read:
                self._read[said] = self.target(parsed(said))
            known = {"target": self._read[said], "outcomes": _Outcomes(columns, parsed(columns))}
            return parsed(f'{text[:start]}null,"outcomes":null{text[last:]}') | known
        except ValueError:  # one of them goes on behind what looks like its end
            return parsed(text)

    def provenance(self, record: Any) -> Any:
        """Return a provenance whose versions of packages are one mapping for all cells that have them."""
        if not isinstance(record, dict) or "packages" not in record:
            return record
        return record | {"packages": self._packages.setdefault(repr(record["packages"]), record["packages"])}


def _target_of(record: Any) -> _Target:
    text = canonical_json(record)
    try:
        return _Target(text, TargetPart.model_validate(record))
    except ValidationError:
        return _Target(text, record)


class Reader:
    """Makes cells of records, each craft's once."""

    def __init__(self, parts: Parts | None = None) -> None:
        """Start with no craft known.

        Args:
            parts: of records that were read before, such as other packs'.
        """
        self._parts = parts or Parts()
        self._crafts: dict[tuple[str, str], Craft] = {}
        """By id and fingerprint; the last of an id also by '' in place of the fingerprint."""

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
        for photographs in ("", craft.split.fingerprint):
            self._crafts[craft.craft.craft_id, photographs] = craft
        return craft

    def craft(self, craft_id: str, photographs: str = "") -> Craft | None:
        """Return a craft that was taken before, by default the last one of this id."""
        return self._crafts.get((craft_id, photographs))

    def cell(self, record: Any, where: str, craft: Craft | None = None) -> Cell:
        """Return the cell of a record.

        Args:
            record: of a cell; its craft was taken before, or is `craft`.
            where: begins every sentence.

        Raises:
            StoreError: it is no cell, was edited, contradicts itself, is of a newer schema, or lacks its craft.
        """
        if isinstance(record, dict) and "target" in record and not isinstance(record["target"], _Target):
            record = record | {"target": self._parts.target(record["target"])}
        body = _checked(record, where)
        craft = craft or self.craft(str(body.get("craft_id")))
        if craft is None:
            raise StoreError(f"{where} has no craft '{body.get('craft_id')}' beside it. {_REMEDY}")
        unknown = set(body) - {*OWN, *EXTRA, APART, "schema_version", "cell_id", "craft_id"}
        if unknown:
            raise StoreError(f"{where} is not a cell: '{min(unknown)}' extra inputs are not permitted. {_REMEDY}")
        shared = {k: getattr(craft, k) for k in SHARED}
        try:
            own = {k: body[k] for k in OWN} | {k: body[k] for k in EXTRA if k in body}
            own |= {"target": own["target"].part, "provenance": self._parts.provenance(own["provenance"])}
            if isinstance(own["outcomes"], _Outcomes):
                own["outcomes"] = own["outcomes"].columns
            cell = Cell.model_validate({"cell_id": body["cell_id"], **own, **shared})
        except (ValidationError, KeyError) as error:
            raise StoreError(f"{where} is not a cell: {_first(error)}. {_REMEDY}") from error
        return checked(cell, where, craft)


def checked(cell: Cell, where: str, craft: Craft | None = None) -> Cell:
    """Return a cell whose ids follow from its record and whose outcomes are of its trials.

    Args:
        craft: see `identify`.

    Raises:
        StoreError: they do not.
    """
    if identify(cell, craft) != (cell.craft.craft_id, cell.cell_id):
        raise StoreError(f"{where} was changed after it was written: its record gives another cell_id. {_REMEDY}")
    if wrong := contradiction(cell, craft):
        raise StoreError(f"{where} contradicts itself: {wrong}. {_REMEDY}")
    return cell


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
    said = record.get("content")
    try:
        intact = said == digest_of_text("content", _text(body))
        outcomes = body.get("outcomes")
        if not intact and isinstance(outcomes, _Outcomes):  # written otherwise: 5.0 for 5, names in another order
            intact = said == digest_of_text("content", _text(body | {"outcomes": outcomes.columns}))
    except (IdentityError, RecursionError):
        intact = False  # it has no canonical JSON: NaN, brackets without end
    if not intact:
        raise StoreError(f"{where} was changed after it was written: its numbers do not match its digest. {_REMEDY}")
    return body


def _text(body: Mapping[str, Any]) -> str:
    """Return the canonical JSON of a record, with that of its target and outcomes as it is known.

    Raises:
        IdentityError, RecursionError: it has none.
    """
    if not isinstance(body.get("target"), _Target):
        return canonical_json(body)
    known = {k: v.text for k, v in body.items() if isinstance(v, _Target | _Outcomes)}
    if not all(known.values()):
        raise IdentityError("the target has no canonical JSON.")
    rest: dict[str, Any] = {}
    parts: list[str] = []
    for name in sorted(body):
        if name in known:
            parts += [canonical_json(rest)[1:-1], f'"{name}":{known[name]}']
            rest = {}
        else:
            rest[name] = body[name]
    return f"{{{','.join(filter(None, [*parts, canonical_json(rest)[1:-1]]))}}}"


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
        return parsed(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError:
        return None
