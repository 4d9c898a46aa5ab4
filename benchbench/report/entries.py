"""Entries of tables: rates of cells with their intervals, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.metrics import intervals, rates
from benchbench.metrics.samples import Rate
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.groups import mean_or_none
from benchbench.report.model import Entry

PARTIAL_MEAN = "a mean is given only where none of its cells is missing"
NO_TRUE_CLASS = (
    "USR is undefined here: a target of complete overlap has no class for the true camera model,"
    " so it cannot be right before the attack."
)
NO_TRUE_CLASS_SHORT = "USR undefined: the target has no class for the true camera model"
NO_USR = "undefined for this target"
UNCHANGED = "every photograph came out unchanged (infinite PSNR)"
NO_PSNR = "every photograph came out unchanged for at least one target (infinite PSNR)"


def entry(cell: Cell | None, pair: bool) -> Entry:
    """Return the entry of one cell: its rates with their intervals, or the reason why there are none."""
    if cell is None:
        return Entry(None, captions.NO_CELL)
    value = rates.tsr(cell)
    if value is None:
        return Entry(None, "no photograph was attacked")
    second = rates.usr(cell) if pair else None
    return Entry(
        value,
        second=second,
        missing_second=NO_USR if pair and second is None else "",
        interval=interval([cell], "tsr"),
        second_interval=interval([cell], "usr") if pair else None,
    )


def interval(cells: Sequence[Cell | None], rate: Rate) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean rate of some cells, or None if one of them has none."""
    found = intervals.mean_rate(cells, rate)
    return (found.low, found.high) if found is not None else None


def with_means(rows: Sequence[tuple[Sequence[Entry], Sequence[Cell | None]]], pair: bool) -> list[list[Entry]]:
    """Return the entries of each row and their mean; it is missing as soon as one of them is missing.

    Args:
        rows: the entries, and the cells that they are of.
    """
    cells = [mine for _, mine in rows]
    bounds = [intervals.mean_rates(cells, "tsr"), intervals.mean_rates(cells, "usr") if pair else [None] * len(rows)]
    return [[*entries, _mean(entries, pair, tsr, usr)] for (entries, _), tsr, usr in zip(rows, *bounds, strict=True)]


def _mean(
    entries: Sequence[Entry], pair: bool, tsr: intervals.Estimate | None, usr: intervals.Estimate | None
) -> Entry:
    value = mean_or_none([_rate(e) for e in entries])
    if value is None:
        reasons = {e.missing for e in entries}
        return Entry(None, reasons.pop() if len(reasons) == 1 else PARTIAL_MEAN)
    second = mean_or_none([e.second for e in entries]) if pair else None
    return Entry(
        value,
        second=second,
        missing_second=PARTIAL_MEAN if pair and second is None else "",
        interval=(tsr.low, tsr.high) if tsr is not None else None,
        second_interval=(usr.low, usr.high) if second is not None and usr is not None else None,
    )


def _rate(entry: Entry) -> float | None:
    return float(entry.value) if isinstance(entry.value, (int, float)) else None
