"""Papers' figures, read from results/published, which is installed as `benchbench_published`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from benchbench.base.errors import BenchError


def folder() -> Traversable:
    """Return the folder of the published figures, of the installed package or of a checkout.

    Raises:
        BenchError: neither is there.
    """
    try:
        return resources.files("benchbench_published")
    except ModuleNotFoundError:
        checkout = Path(__file__).resolve().parents[2] / "results" / "published"
        if checkout.is_dir():
            return checkout
    raise BenchError(
        "the published figures are not installed. In a checkout: git restore results/published; else install "
        "benchbench anew."
    )


def read(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one file; lines that start with '#' are comments."""
    text = (folder() / name).read_text(encoding="utf-8")
    yield from csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def fraction(text: str) -> float | None:
    """Return a percentage as a fraction; None for an empty text."""
    # Through Decimal, so that 66.8 gives the float that 0.668 is written for.
    return float(Decimal(text) / 100) if text else None
