"""What the paper says of erasing, each sentence held against the paper's own figures and against the cells.

A sentence says that one number is below another times a factor, or less than a margin above it. It is true of the cells
where the whole 95 % interval of the difference is on its side, false where it is on the other, and not told apart in
between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchbench.contracts.task import TASKS
from benchbench.metrics import intervals
from benchbench.metrics.samples import Sample, sample, sample_of
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.groups import Group, mean_or_none
from benchbench.report.model import Column, Entry, Row, Table, show
from benchbench.report.papers.siamte2020.methods import BY_KEY, cells_of, clustered, figure

Quantity = Literal["vote", "densenet201", "trace", "clustering", "pce", "niqe", "l1"]
TRUE, FALSE, OPEN = "holds", "does not hold", "not told apart"
INCOMPLETE = "a cell of it is missing"
RATES: tuple[Quantity, ...] = ("vote", "densenet201", "trace", "clustering")
Part = tuple[float, Sample]


@dataclass(frozen=True)
class Claim:
    """`first` is below `factor` times `second`, or less than `margin` above that; both are of one quantity or rate."""

    key: str
    text: str
    first: tuple[str, Quantity]
    second: tuple[str, Quantity]
    factor: float = 1.0
    margin: float = 0.0

    def verdict(self, low: float, high: float) -> str:
        """Return what an interval of factor * second - first says of the claim."""
        if low > -self.margin:
            return TRUE
        return FALSE if high < -self.margin else OPEN


def _less(key: str, than: str) -> Claim:
    return Claim(
        f"siamte-{key}", f"SiamTE leaves examiners less accuracy than {than}", ("siamte", "vote"), (key, "vote")
    )


CLAIMS = (
    _less("mf3", "the median of 3 x 3"),
    _less("gf3", "a Gaussian of 3 x 3"),
    _less("db", "deblocking"),
    _less("dn-i", "denoising by internal similarity"),
    _less("dn-e", "learned denoising"),
    Claim(
        "siamte-ad2",
        "SiamTE leaves examiners as little accuracy as dithering by 2 gray levels",
        ("siamte", "vote"),
        ("ad2", "vote"),
        margin=0.05,
    ),
    Claim(
        "filters",
        "SiamTE changes less than two thirds of what the median of 5 x 5 changes",
        ("siamte", "l1"),
        ("mf5", "l1"),
        2 / 3,
    ),
    Claim(
        "clusters",
        "SiamTE halves the accuracy of clustering (within 5 points)",
        ("siamte", "clustering"),
        ("ori", "clustering"),
        0.5,
        0.05,
    ),
    Claim("pce", "SiamTE leaves less than a fifth of the PCE", ("siamte", "pce"), ("ori", "pce"), 0.2),
    Claim(
        "dithering", "Dithering does not carry over: it leaves more PCE than SiamTE", ("siamte", "pce"), ("ad2", "pce")
    ),
    Claim("denoisers", "Learned denoising erases more than a Gaussian of 3 x 3", ("dn-e", "vote"), ("gf3", "vote")),
    Claim("similar", "Denoising by internal similarity erases more than deblocking", ("dn-i", "vote"), ("db", "vote")),
    Claim(
        "gaussian",
        "A Gaussian of 3 x 3 hardly matters: it takes less than 10 points",
        ("ori", "vote"),
        ("gf3", "vote"),
        margin=0.1,
    ),
    Claim(
        "deblocking",
        "Deblocking hardly matters: it takes less than 10 points",
        ("ori", "vote"),
        ("db", "vote"),
        margin=0.1,
    ),
    Claim(
        "truncation",
        "Without truncated fidelity the change explodes: more than threefold",
        ("siamte", "l1"),
        ("no-fidelity", "l1"),
        1 / 3,
    ),
    Claim(
        "similarity", "Without embedded similarity accuracy stays higher", ("siamte", "vote"), ("no-similarity", "vote")
    ),
    Claim("identity", "Without cross identity accuracy is lower", ("no-identity", "vote"), ("siamte", "vote")),
    Claim("quality", "Cross identity buys quality: a lower NIQE", ("siamte", "niqe"), ("no-identity", "niqe")),
    Claim(
        "trace",
        "From what SiamTE takes away a network names the camera model within 10 points of the originals",
        ("ori", "densenet201"),
        ("ori", "trace"),
        margin=0.1,
    ),
)


def claims_table(group: Group) -> Table | None:
    """Build the table of claims; None where no cell is of any task that the paper speaks of."""
    if not group.of_cameras.others:
        return None
    return Table(
        number="claims",
        title="What the paper claims",
        caption=(
            "Each sentence compares two means: accuracy in percent, PCE, NIQE, or L1 in gray levels. It holds here "
            "where the 95 % interval of the difference, over photographs, says so.",
            captions.setting(group),
            captions.command("claims", group, show_published=False),
        ),
        corner="Claim",
        columns=(
            Column("paper_first", "Paper"),
            Column("paper_second", "against"),
            Column("paper_verdict", "there", "text"),
            Column("first", "Here"),
            Column("second", "against"),
            Column("difference", "Difference"),
            Column("verdict", "here", "text"),
        ),
        rows=tuple(_row(claim, group) for claim in CLAIMS),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def theirs(method: str, quantity: Quantity) -> float | None:
    """Return the paper's figure, accuracies as fractions."""
    ablated = method.startswith("no-")
    file = "ablation" if ablated else "classification"
    columns: tuple[str, ...] = (quantity,)
    if quantity == "vote":
        columns = ("resnet50", "densenet201") if ablated else ("acc_resnet50", "acc_densenet201")
    elif quantity == "densenet201":
        columns = ("acc_densenet201",)
    elif quantity == "trace":
        file, columns, method = "trace_classification", ("densenet201",), "trace"
    elif quantity == "clustering":
        file, columns = "clustering", tuple(f"{b}_k{k}" for b in ("r50", "d201") for k in (30, 60, 90))
    elif quantity == "pce":
        file, columns = "verification_pce", ("pce",)
    value = mean_or_none([figure(file, method, column) for column in columns])
    return value / 100 if value is not None and quantity in RATES else value


def ours(group: Group, method: str, quantity: Quantity) -> list[Part] | None:
    """Return what each photograph adds to a number, its weights with it; None where a cell of it is missing."""
    cells = cells_of(group, BY_KEY[method])
    if quantity in ("niqe", "l1"):
        mine = next((cell for (_, split), cell in sorted(cells.items()) if split == "in"), None)
        found = measured(mine, quantity) if mine is not None else None
        return [(1.0, found)] if found is not None else None
    targets = {
        "vote": ("vote/resnet50", "vote/densenet201"),
        "densenet201": ("vote/densenet201",),
        "trace": ("trace/densenet201",),
        "clustering": ("clustering/resnet50", "clustering/densenet201"),
        "pce": ("verification/device",),
    }[quantity]
    splits = {"clustering": (clustered(group),), "pce": ("in", "out")}.get(quantity, ("in",))
    task = {"densenet201": "vote", "trace": "vote", "pce": "verification"}.get(quantity, quantity)
    metrics = TASKS.create(task).metrics if quantity == "clustering" else TASKS.create(task).metrics[:1]
    parts = []
    for target in targets:
        for split in splits:
            cell = cells.get((target, split))
            for metric in metrics:
                found = sample(cell, metric) if cell is not None else None
                if found is None:
                    return None
                parts.append(found)
    return [(1 / len(parts), part) for part in parts]


def measured(cell: Cell, name: str) -> Sample | None:
    """Return what each photograph adds to the mean of a measure; None where one has no value."""
    part = cell.craft.measures.get(name)
    if part is None or part.values is None or np.isnan(part.values.numbers).any():
        return None
    values = part.values.numbers / len(part.values)
    return sample_of(cell, cell.judged.sums(values), None)


def _value(parts: Sequence[Part]) -> float:
    return float(sum(weight * part.values.sum() for weight, part in parts))


def _entry(value: float, rate: bool, between: tuple[float, float] | None = None) -> Entry:
    """Return an entry of a column of rates; another number is shown as text, since its unit is another."""
    if rate:
        return Entry(value, interval=between)
    text = show(value, "number")
    return Entry(text + (f" [{show(between[0], 'number')}, {show(between[1], 'number')}]" if between else ""))


def _row(claim: Claim, group: Group) -> Row:
    rate = claim.first[1] in RATES
    entries = []
    paper = [theirs(*side) for side in (claim.first, claim.second)]
    if paper[0] is None or paper[1] is None:
        entries += [Entry(""), Entry(""), Entry("said without a figure")]
    else:
        gap = claim.factor * paper[1] - paper[0]
        entries += [*(_entry(v, rate) for v in paper if v is not None), Entry(claim.verdict(gap, gap))]
    first, second = (ours(group, *side) for side in (claim.first, claim.second))
    if first is None or second is None:
        return Row(claim.key, claim.text, (*entries, *[Entry(None, INCOMPLETE)] * 4), ranked=False)
    entries += [_entry(_value(parts), rate) for parts in (first, second)]
    # Lower is better for an eraser; shown is the first less the second, as in the other papers' sentences.
    parts = [*((w, s) for w, s in first), *((-claim.factor * w, s) for w, s in second)]
    found = intervals.contrast(parts)
    if found is None:
        few = "too few photographs"
        return Row(claim.key, claim.text, (*entries, Entry(None, few), Entry(None, few)), ranked=False)
    entries += [_entry(found.value, rate, (found.low, found.high)), Entry(claim.verdict(-found.high, -found.low))]
    return Row(claim.key, claim.text, tuple(entries), ranked=False)
