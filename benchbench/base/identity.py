"""Canonical JSON and digests: the names under which facts are kept.

An identity is the sha256 of a canonical JSON text, never of a pickle, so that it is the same on every machine and
Python version and a reader can recompute it from what a record shows.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import inspect
import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchbench.base.errors import BenchError, IdentityError
from benchbench.base.files import file_digest

IDENTITY_VERSION = 1
_PLAIN = frozenset({int, str, bool, type(None)})
_NAMES = frozenset({str})
_SCALARS = _PLAIN | {float}
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def plain(value: Any) -> Any:
    """Turn dataclasses, pydantic models, mappings, sets of names and tuples into JSON's own types.

    A path stands for what lies there: its digest, so that a file may move and may not change unnoticed.

    Raises:
        BenchError: a path where nothing lies.
        IdentityError: for a value that has no canonical text (an array, a function, NaN).
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    # What JSON itself makes comes first: records of results are nothing else, and there are many of them.
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        if kinds <= _PLAIN:
            return value
        if kinds <= _SCALARS and all(map(math.isfinite, (v for v in value if type(v) is float))):
            return [int(v) if type(v) is float and v.is_integer() else v for v in value]
        return [plain(v) for v in value]
    if kind is dict:
        if _PLAIN.issuperset(map(type, value.values())) and _NAMES.issuperset(map(type, value)):
            return value
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, type):
        raise IdentityError(f"the class {value.__name__} has no canonical JSON; a number, text or list is expected.")
    if dataclasses.is_dataclass(value) or isinstance(value, BaseModel):
        return plain_fields(value)
    if isinstance(value, Path):
        return {"content": content_digest(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise IdentityError(f"'{value}' has no canonical JSON; a finite number is expected.")
        # 1.0 and 1 are one parameter value: `steps=20.0` must not hide a finished run.
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise IdentityError(f"a {type(value).__name__} has no canonical JSON; a number, text or list is expected.")


def content_digest(path: Path) -> str:
    """Return 32 hexadecimal digits over a file, or over the files of a folder and their names in it.

    Raises:
        BenchError: neither is there, or it cannot be read.
    """
    try:
        if path.is_dir():
            files = sorted(p for p in path.rglob("*") if p.is_file())
            return digest("folder content", [[p.relative_to(path).as_posix(), file_digest(p)] for p in files])
        return file_digest(path)[:32]
    except OSError as error:
        raise BenchError(f"'{path}' cannot be read ({error.strerror or error}).") from error


def since(version: str) -> dict[str, Any]:
    """Return what marks a field that was added in `version`: at its default it is no part of any identity.

    What was computed before the field was there then keeps its name. In a dataclass it is the field's metadata, in a
    pydantic model its json_schema_extra:

        steps: int = dataclasses.field(default=10, metadata=since("0.2"))
        steps: int = pydantic.Field(default=10, json_schema_extra=since("0.2"))
    """
    return {"since": version}


def apart() -> dict[str, Any]:
    """Return what marks a field of a dataclass that is no part of any identity, such as where a file is."""
    return {"apart": True}


def plain_fields(value: Any, leave_out: Callable[[Any], bool] = lambda field: False) -> dict[str, Any]:
    """Return the fields of a dataclass or pydantic model as JSON, without those that `since` leaves out.

    Args:
        leave_out: says of a field's value that it is no part of the identity.
    """
    if isinstance(value, BaseModel):
        known: dict[str, tuple[Any, Any]] = {
            n: (f.json_schema_extra, f.default) for n, f in type(value).model_fields.items()
        }
    else:
        known = {f.name: (f.metadata, f.default) for f in dataclasses.fields(value)}
    found = {}
    for name, (marks, default) in known.items():
        mine = getattr(value, name)
        later = isinstance(marks, Mapping) and "since" in marks
        if isinstance(marks, Mapping) and "apart" in marks:
            continue
        if not (later and mine == default) and not leave_out(mine):
            found[name] = plain(mine)
    return found


def canonical_json(value: Any) -> str:
    """Return the one text of `value`: sorted keys, no white space, ASCII."""
    return _ENCODER.encode(plain(value))


def digest(kind: str, value: Any) -> str:
    """Return 32 hexadecimal digits of sha256 over {identity_version, kind, value}."""
    return digest_of_text(kind, canonical_json(value))


def digest_of_text(kind: str, text: str) -> str:
    """Return what `digest` does, of the canonical JSON of a value."""
    whole = f'{{"identity_version":{IDENTITY_VERSION},"kind":{canonical_json(kind)},"value":{text}}}'
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def craft_id(
    attack: Mapping[str, Any],
    fits: Mapping[str, str],
    data_id: str,
    split: str,
    protocol: Any,
    target: Mapping[str, Any] | None = None,
) -> str:
    """Return H(attack spec, its fit ids, split, photographs, protocol [, target]).

    Args:
        attack: `Attack.spec()`.
        fits: fit ids of the attack, by name.
        split: 'in' or 'out'; with `data_id` it fixes the photographs.
        protocol: a `Protocol`, or its record in a cell.
        target: {spec, fits} of the target, for a white-box attack alone.
    """
    value = {"attack": attack, "fits": fits, "data": data_id, "split": split, "protocol": protocol}
    return digest("craft", value if target is None else value | {"target": target})


def cell_id(craft: str, target: Mapping[str, Any], fits: Mapping[str, str], task: str = "classification") -> str:
    """Return H(craft_id, target spec, its fit ids [, task]); the task that was the only one is left out."""
    value = {"craft": craft, "target": target, "fits": fits}
    return digest("cell", value if task == "classification" else value | {"task": task})


@lru_cache(maxsize=16)
def code_digest(packages: frozenset[str]) -> str:
    """Return a digest of all Python files of some top-level packages or modules, as they lie on disk now."""
    total = hashlib.sha256()
    for name in sorted(packages):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # of a module that was never a file, such as __main__
            spec = None
        folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
        files = sorted(path for folder in folders for path in folder.rglob("*.py"))
        if not folders and spec is not None and spec.has_location:
            files = [Path(str(spec.origin))]
        for path in files:
            total.update(f"{name}/{path.name}\0".encode() + path.read_bytes())
    return total.hexdigest()[:32]


def source_digest(thing: object) -> str:
    """Return 16 hexadecimal digits over the source files of the class of `thing` and of its bases outside benchbench.

    An empty string where a source cannot be read, as of a class typed into a prompt.
    """
    total = hashlib.sha256()
    for kind in type(thing).__mro__:
        if kind.__module__.split(".")[0] in ("benchbench", "builtins", "abc"):
            continue
        try:
            path = inspect.getsourcefile(kind)
            total.update(Path(path or "").read_bytes())
        except (OSError, TypeError):
            return ""
    return total.hexdigest()[:16]
