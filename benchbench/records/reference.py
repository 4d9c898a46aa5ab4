"""The reference results: the cells that come with benchbench, in a checkout and in an installed one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from benchbench.base.errors import BenchError

_CHECKOUT = Path(__file__).resolve().parents[2] / "results"


def has_cells(results: Path) -> bool:
    """Say whether a results folder holds any cell."""
    return any(any(results.glob(pattern)) for pattern in ("*/*/packs/*.jsonl", "*/*/cells/*/*.json"))


def reference_results() -> Path:
    """Return the folder of the reference results, to be read and never written by a run.

    Raises:
        BenchError: they are not installed.
    """
    spec = find_spec("benchbench_reference")
    for folder in (_CHECKOUT, *(Path(place) for place in (spec.submodule_search_locations or () if spec else ()))):
        if has_cells(folder):
            return folder
    raise BenchError(
        "the reference results are not installed. In a checkout: git restore results; else install benchbench anew."
    )
