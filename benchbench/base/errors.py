"""The sentences a user reads. The command line prints a `BenchError` without a traceback and exits 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Something the user can put right: what happened, the value in quotes, what was expected, what to do."""


class UnknownNameError(BenchError):
    """An unknown attack, target, parameter, profile or table."""


class DataError(BenchError):
    """Photographs that are missing, damaged or do not give the splits that were asked for."""


class AttackError(BenchError):
    """An attack that broke its contract. It is named, the other attacks go on, it gets no cell."""


class TargetError(BenchError):
    """A target that broke its contract."""


class StoreError(BenchError):
    """A cell or cache entry that cannot be read: edited, truncated, or of a newer schema."""


class IdentityError(BenchError, TypeError):
    """A value that has no canonical text, such as NaN, where an identity or a record is made of it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known name closest to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
