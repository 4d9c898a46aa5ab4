"""What this process may open: all of it, or in a process that crafts what its attack was given and no more.

A limit that this code keeps to. It stops an attack that asks the API for a target, for photographs or for labels; one
that opens files by their paths has the rights of the account and is not stopped.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchbench.base.errors import BenchError

_granted: frozenset[str] | None = None


class OutOfReachError(BenchError):
    """Something that an attack asked for while it crafts, and is not given."""


def limit(fit_ids: Iterable[str]) -> None:
    """From now on open these fits alone, and no photographs; for good, but for another call."""
    global _granted
    _granted = frozenset(fit_ids)


def check(what: str, fit_id: str = "") -> None:
    """Raise if this process must not open something.

    Args:
        what: for the message.
        fit_id: of a fit; '' for what no attack is given.

    Raises:
        OutOfReachError: a limit was set, and it is not among what was granted.
    """
    if _granted is not None and fit_id not in _granted:
        raise OutOfReachError(f"{what} is out of reach while an attack crafts; what its fits name is in its context.")
