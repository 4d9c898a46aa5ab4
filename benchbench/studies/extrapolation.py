"""What longer training than was tried would give: two forms of a learning curve, fitted to lengths and extrapolated.

Both forms are straight lines over the logarithm of steps, of success as a share p of the ceiling (the perfect forger's
success, or 1 where none is known): the *logistic* curve in ln(p / (1 - p)), and a *power law* in ln(1 - p), where what
is missing falls as a power of the steps. (Hestness et al. 2017 found such laws in the size of training sets; that they
hold in the length of training is an assumption.) A form that rises tends to the ceiling: neither knows a plateau below
it, and nothing says which of the two is right, so both are shown.

The interval is the prediction interval for one further training run: each length is a network of its own, so what
trainings scatter by is the scatter of points around the line. With three lengths one degree of freedom is left, and the
interval is correspondingly wide. The ceiling counts as known, and no interval reaches beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from benchbench.contracts.profile import Profile
from benchbench.metrics.intervals import LEVEL, Estimate
from benchbench.metrics.quantiles import student_quantile
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.studies.courses import Course, Network
from benchbench.studies.learning import LIMIT
from benchbench.studies.learning_tables import MEAN, Extrapolation, Figures

LEAST = 3
"""Lengths that a line with an interval needs."""
_END = 1e-3
"""How near to 0 and to the ceiling the ends of intervals may be, where logarithms end."""


@dataclass(frozen=True)
class Form:
    """A shape of learning curves.

    Attributes:
        straight: of a share p in (0, 1), what is straight over ln(steps).
        back: undoes `straight`; 0 below where it starts.
    """

    straight: Callable[[float], float]
    back: Callable[[float], float]


FORMS: Mapping[str, Form] = {
    "logistic": Form(straight=lambda p: float(logit(p)), back=lambda y: float(expit(y))),
    "power law": Form(straight=lambda p: -math.log1p(-p), back=lambda y: -math.expm1(-max(0.0, y))),
}


@dataclass(frozen=True)
class Point:
    """Success at one length of training.

    Attributes:
        steps: of the generator.
        success: in [0, 1], with an interval that speaks of other photographs.
    """

    steps: int
    success: Estimate


def extrapolated(points: Sequence[Point], steps: float, ceiling: float, form: Form) -> Estimate | str:
    """Return the success of one further training run, by its median, with a 95 % interval; or why there is none.

    Least squares of `form.straight` over ln(steps), and Student's interval of a new observation, two parameters being
    fitted. Photographs are another source of error, one that all lengths share: the line through the low ends of their
    intervals and that through the high ends are extrapolated too, and half of what these differ by is added in
    quadrature.

    Args:
        points: of as many lengths; several of one length are networks with other seeds.
        steps: to extrapolate to, above 0.
        ceiling: the most that success may be, at most 1.
    """
    if len({point.steps for point in points}) < LEAST:
        return f"at least {LEAST} lengths are needed"
    if ceiling <= 0:
        return "the perfect forger has no success"
    if not all(0 < point.success.value < ceiling for point in points):
        return "a length has no success, or as much as the ceiling"
    x = np.log([point.steps for point in points])
    away = math.log(steps) - float(x.mean())
    middle, rise, left = _line(x, [form.straight(point.success.value / ceiling) for point in points])
    one_more = 1 + 1 / len(points) + away**2 / float(((x - x.mean()) ** 2).sum())
    freedom = len(points) - 2
    scatter = student_quantile(LEVEL, freedom) * math.sqrt(float((left**2).sum()) / freedom * one_more)
    ends = []
    for name in ("low", "high"):
        shares = [getattr(point.success, name) / ceiling for point in points]
        at, up, _ = _line(x, [form.straight(min(1 - _END, max(_END, p))) for p in shares])
        ends.append(at + up * away)
    found, half = middle + rise * away, math.hypot(scatter, (ends[1] - ends[0]) / 2)
    value, low, high = (ceiling * form.back(end) for end in (found, found - half, found + half))
    return Estimate(value, low, high)


def _line(x: NDArray[np.float64], y: Sequence[float]) -> tuple[float, float, NDArray[np.float64]]:
    """Return the least-squares line: its height at the mean of x, its slope, and what it leaves of each y."""
    off = x - x.mean()
    height = float(np.mean(y))
    slope = float((off * y).sum() / (off**2).sum())
    return height, slope, np.asarray(y) - height - slope * off


def steps_of(course: Course, length: int | Profile) -> int:
    """Return the steps of a length: so many, or those that see as many patches as another profile trains on."""
    if isinstance(length, int):
        return length
    other, mine = length.cgan_recipe(course.attack.name), course.setup.profile.cgan_recipe(course.attack.name)
    return other.epochs * max(1, other.patches_per_epoch // other.batch) * other.batch // mine.batch


def extrapolations(
    work: Sequence[Course],
    found: Mapping[str, Figures],
    lengths: Mapping[str, int | Profile],
    plan: Sequence[Network],
) -> list[Extrapolation]:
    """Extrapolate each attack's mean over judges.

    Args:
        found: figures by the keys of courses, and `LIMIT` where there is a ceiling.
        lengths: by name, see `steps_of`; those that are no longer than an attack was trained for are left out.
        plan: the networks of the courses; how long those of the longest are expected to take says the pace.
    """
    limit = found[LIMIT].success[MEAN] if LIMIT in found else Estimate(1, 1, 1)
    ceiling = limit.value if limit is not None else 0.0
    lines = {line.fit_id: line for line in plan}
    made = []
    for label in dict.fromkeys(course.label for course in work):
        mine = sorted((c for c in work if c.label == label), key=lambda c: c.steps)
        points = [Point(c.steps, e) for c in mine if (e := found[c.key].success[MEAN]) is not None]
        longest = mine[-1]
        trained = [lines[fit.fit_id(longest.setup.data_id)] for fit in longest.grown]
        pace = sum(line.seconds for line in trained) / longest.steps
        measured = all(line.measured for line in trained)
        for steps, name in sorted((steps_of(longest, length), name) for name, length in lengths.items()):
            if steps > longest.steps:
                success = {key: extrapolated(points, steps, ceiling, form) for key, form in FORMS.items()}
                made.append(Extrapolation(label, name, steps, success, steps * pace / 3600, measured))
    return made


def extrapolation_table(made: Sequence[Extrapolation], device: str, *, forger: bool) -> Table:
    """Return a row an attack and length: success by each form, and what the training takes.

    Args:
        device: whose hours these are.
        forger: whether the ceiling is the perfect forger's success; else it is 100 %.
    """
    columns = (
        Column("steps", "steps", "count"),
        *(Column(name, name) for name in FORMS),
        Column("hours", f"hours on {device}", "number"),
        Column("from", "estimated from", "text"),
    )
    rows = []
    for one in made:
        estimates = [
            Entry(None, e) if isinstance(e, str) else Entry(e.value, interval=(e.low, e.high))
            for e in one.success.values()
        ]
        pace = "fits like it" if one.measured else "a rough pace"
        row = (Entry(one.steps), *estimates, Entry(one.hours), Entry(pace))
        rows.append(Row(f"{one.label} {one.length}", one.length, row, one.label, ranked=False))
    ceiling = "the perfect forger's success" if forger else "100 %"
    caption = (
        "What longer training would give: the mean of judges in percent, its median, with the 95 % prediction interval "
        f"for one further training run. Each form is fitted to the lengths above. Both tend to {ceiling}, which "
        "counts as known and which no interval passes, and know no plateau below it; where they differ, the lengths do "
        "not say which is right. A step is as large as above, and widths are the profile's.",
    )
    return Table("", "Extrapolated", caption, "length", columns, tuple(rows), block_title="attack", intervals=True)
