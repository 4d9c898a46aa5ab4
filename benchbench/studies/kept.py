"""What a study found, kept in the cache as JSON and read again; a file that is damaged is made anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from benchbench.base.files import write_atomic
from benchbench.base.json_text import parsed


class Plain(Protocol):
    """What has a form in JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return it."""
        ...


Found = TypeVar("Found", bound=Plain)


def kept(path: Path, read: Callable[[Any], Found], make: Callable[[], Found]) -> Found:
    """Return what `read` makes of the JSON of a file, or what `make` returns, which the file then holds."""
    try:
        return read(parsed(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        found = make()  # absent or damaged
    write_atomic(path, json.dumps(found.to_json()).encode())
    return found
