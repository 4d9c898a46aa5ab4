"""Settings of matplotlib that a stranger's code may change for the whole process, and our pictures must not meet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plot_settings_as_they_were() -> Iterator[None]:
    """Put back matplotlib's rcParams after the block; where it was not imported yet, to what the user's file says.

    matplotlib is not imported for it.
    """
    before = _settings()
    try:
        yield
    finally:
        after = _settings()
        if after is not None and after != before:
            found = sys.modules["matplotlib"]
            # As plain dictionaries: RcParams would look for a backend and check each value again.
            dict.update(found.rcParams, before if before is not None else dict.copy(found.rcParamsOrig))


def _settings() -> dict[str, object] | None:
    found = sys.modules.get("matplotlib")
    return None if found is None or not hasattr(found, "rcParamsOrig") else dict.copy(found.rcParams)
