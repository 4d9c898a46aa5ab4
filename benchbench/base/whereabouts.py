"""Whose code runs at the moment, so that a process that dies or hangs is laid to the one who killed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_tell: Callable[[str], None] | None = None
_at = ""


def listen(tell: Callable[[str], None] | None) -> None:
    """Have `tell` called with what `at` is entered for, and with '' when it is left; None: nobody listens."""
    global _tell, _at
    _tell, _at = tell, ""


@contextmanager
def at(what: str) -> Iterator[None]:
    """Say that the block runs the code of `what`: "target 'resnet18/rgb/complete'"."""
    global _at
    before, _at = _at, what
    if _tell is not None:
        _tell(what)
    try:
        yield
    finally:
        _at = before
        if _tell is not None:
            _tell(before)
