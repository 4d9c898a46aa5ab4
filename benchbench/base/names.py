"""Names that become file names and stand in tables: looked at once, where they enter."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from benchbench.base.errors import BenchError

LONGEST = 80
"""Characters: with what is put before and after it, a name still makes a file name."""
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, marks that turn or hide text, halves of pairs, breaks of lines."""


def fault(name: object, *, slashes: bool = False) -> str:
    """Return the rest of a sentence that says why something cannot be a name; '' for one that can.

    Args:
        slashes: allowed between parts, as in 'resnet18/rgb/complete'.
    """
    if not isinstance(name, str):
        return f"is a {type(name).__name__}; text is expected"
    return _fault(str(name), slashes)


@lru_cache(maxsize=4096)
def _fault(name: str, slashes: bool) -> str:
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters; at most {LONGEST} are expected"
    if any(unicodedata.category(c) in _INVISIBLE for c in name):
        return "holds a control character"
    wrong = next((c for c in "\\`/" if c in name and not (slashes and c == "/")), None)
    if wrong is not None:
        return f"holds '{wrong}'"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "is no file name"
    return ""


def check_name(kind: str, name: object, *, slashes: bool = False) -> None:
    """Refuse what cannot be a name.

    Args:
        kind: what it is the name of, for the message: 'attack'.
        slashes: see `fault`.

    Raises:
        BenchError: it is no text, empty, too long, a path, or holds control characters.
    """
    if why := fault(name, slashes=slashes):
        shown = name if isinstance(name, str) else repr(name)
        raise BenchError(f"{kind} '{printable(shown[: LONGEST + 20])}' cannot be used: its name {why}.")


def printable(text: str, keep: str = "") -> str:
    """Return `text` with what steers a terminal or hides in a line written as an escape: '\\x1b[31m'.

    Args:
        keep: characters that stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _INVISIBLE and c not in keep else c
        for c in text
    )
