"""A paper's sentences held against cells: two means of TSR, their difference with its interval, and a verdict.

It is true of the cells where the whole 95 % interval of the difference is on the sentence's side, false where it is on
the other, and not told apart in between. The same sentence is evaluated on the paper's figures, which have no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchbench.metrics import intervals, rates
from benchbench.metrics.populations import population_contrast
from benchbench.metrics.samples import Sample, contributions
from benchbench.records.cell import Cell
from benchbench.report.groups import mean
from benchbench.report.model import Column, Entry, Row

TRUE, FALSE, OPEN = "holds", "does not hold", "not told apart"
INCOMPLETE = "a cell of it is missing, or the attack was run with several sets of parameters"
FEW = "too few photographs"
COLUMNS = (
    Column("paper_first", "Paper"),
    Column("paper_second", "against"),
    Column("paper_verdict", "there", "text"),
    Column("first", "Here"),
    Column("second", "against"),
    Column("difference", "Difference"),
    Column("verdict", "here", "text"),
    Column("population", "Difference, other targets"),
    Column("population_verdict", "there too", "text"),
)
"""Of every paper's table of claims, so that they make one."""
Part = tuple[float, tuple[str, str, str], Sample]
"""A weight; a target, its preprocessor and its backbone; what photographs add to its rate."""
AS_WELL = 0.10
"""The margin of "as well": the papers' own differences between settings are below it."""


def verdict(low: float, high: float, margin: float = 0.0) -> str:
    """Return what an interval of first - second says of 'first is above second, or less than `margin` below'."""
    if low > -margin:
        return TRUE
    return FALSE if high < -margin else OPEN


@dataclass(frozen=True)
class Side:
    """One side of a sentence."""

    theirs: float | None
    """The paper's mean; None: it gives no figure."""
    cells: Sequence[Cell] | None
    """Ours, each weighing the same; None: one is missing."""


def row(key: str, text: str, first: Side, rivals: Sequence[Side], margin: float = 0.0) -> Row:
    """Return the row of one sentence: `first` is above each of `rivals`, or less than `margin` below it.

    The rival that is shown is the best of them. With several, the sentence holds where it holds of each.
    """
    there = _paper(first, rivals, margin)
    known = [rival.cells for rival in rivals if rival.cells is not None]
    if first.cells is None or len(known) < len(rivals):
        return Row(key, text, (*there, *[Entry(None, INCOMPLETE)] * 6), ranked=False)
    best = max(known, key=_mean)
    here = [Entry(_mean(c), interval=_bounds(intervals.mean_rate(c, "tsr"))) for c in (first.cells, best)]
    # That it does not hold of some rival is one of several things that chance may say (Bonferroni).
    careful = 1 - (1 - intervals.LEVEL) / max(1, len(known))
    for contrast in (_fixed, _population):
        found = {id(cells): contrast(_parts(first.cells, cells), intervals.LEVEL) for cells in known}
        against = [contrast(_parts(first.cells, cells), careful) for cells in known]
        here += _entries(found[id(best)], list(found.values()), against, margin)
    return Row(key, text, (*there, *here), ranked=False)


def _parts(first: Sequence[Cell], second: Sequence[Cell]) -> list[Part]:
    """Return the weighted samples whose sum is the difference of two means of TSR, each with its target."""
    parts: list[Part] = []
    for sign, cells in ((1.0, first), (-1.0, second)):
        samples = [(c.target, s) for c in cells if (s := contributions(c, "tsr")) is not None]
        parts += [(sign / len(samples), (t.name, t.preprocessor, t.backbone), s) for t, s in samples]
    return parts


def _fixed(parts: Sequence[Part], level: float) -> intervals.Estimate | None:
    return intervals.contrast(((weight, sample) for weight, _, sample in parts), level)


def _population(parts: Sequence[Part], level: float) -> intervals.Estimate | None:
    """Return the widest interval of targets, preprocessors or backbones as a sample, where there are several of them.

    Targets are crossed of the two, and those of one preprocessor are alike: they are not as many independent ones.
    """
    found = [
        population_contrast([(weight, names[which], sample) for weight, names, sample in parts], level)
        for which in range(3)
    ]
    if found[0] is None:
        return None
    return max((one for one in found if one is not None), key=lambda one: one.high - one.low)


def _entries(
    shown: intervals.Estimate | None,
    every: Sequence[intervals.Estimate | None],
    against: Sequence[intervals.Estimate | None],
    margin: float,
) -> list[Entry]:
    """Return the difference that is shown, and what those with all rivals say together.

    Args:
        every: whether it holds. against: whether it does not, of as many rivals.
    """
    whole = [estimate for estimate in every if estimate is not None]
    if shown is None or len(whole) < len(every):
        return [Entry(None, FEW), Entry(None, FEW)]
    said = [verdict(e.low, e.high, margin) for e in whole]
    refuted = any(one is not None and verdict(one.low, one.high, margin) == FALSE for one in against)
    word = FALSE if refuted else TRUE if set(said) == {TRUE} else OPEN
    return [Entry(shown.value, interval=_bounds(shown)), Entry(word)]


def _paper(first: Side, rivals: Sequence[Side], margin: float) -> list[Entry]:
    known = [rival.theirs for rival in rivals if rival.theirs is not None]
    if first.theirs is None or len(known) < len(rivals):
        return [Entry(""), Entry(""), Entry("said without a figure")]
    gap = first.theirs - max(known)
    return [Entry(first.theirs), Entry(max(known)), Entry(verdict(gap, gap, margin))]


def _mean(cells: Sequence[Cell]) -> float:
    return mean([r for c in cells if (r := rates.tsr(c)) is not None])


def _bounds(found: intervals.Estimate | None) -> tuple[float, float] | None:
    return (found.low, found.high) if found is not None else None
