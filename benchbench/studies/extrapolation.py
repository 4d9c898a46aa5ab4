"""What longer training than was tried would give: two forms of a learning curve, fitted to lengths and carried on.

Both forms are straight lines over the logarithm of steps, of success as a share p of the ceiling (the perfect forger's
success, or 1 where none is known): the *logistic* curve in ln(p / (1 - p)), and the *power law* in ln(1 - p), where
what is missing falls as a power of the length (Hestness et al. 2017, "Deep learning scaling is predictable").
They agree where there are figures, and part beyond; neither is known to be right, so both are shown.

An interval is that of one more training: each length is a network of its own, so that what trainings scatter by is the
scatter of points around the line. With three lengths one degree of freedom is left and the interval is as wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from benchbench.metrics.intervals import LEVEL, Estimate
from benchbench.metrics.quantiles import student_quantile
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.studies.courses import Course
from benchbench.studies.learning import LIMIT
from benchbench.studies.learning_tables import MEAN, Figures

LEAST = 3
"""Lengths that a line with an interval needs."""


@dataclass(frozen=True)
class Form:
    """A shape of learning curves: increasing, from 0 to the ceiling.

    Attributes:
        straight: of a share p in (0, 1), what is straight over ln(steps).
        slope: its derivative.
        back: undoes `straight`.
    """

    straight: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]


FORMS: Mapping[str, Form] = {
    "logistic": Form(
        straight=lambda p: float(logit(p)),
        slope=lambda p: 1 / (p * (1 - p)),
        back=lambda y: float(expit(y)),
    ),
    "power law": Form(
        straight=lambda p: -math.log1p(-p),
        slope=lambda p: 1 / (1 - p),
        back=lambda y: -math.expm1(-max(0.0, y)),  # the straight line goes on below 0, success does not
    ),
}


@dataclass(frozen=True)
class Point:
    """Success at one length of training.

    Attributes:
        steps: of the generator.
        success: in [0, 1], with an interval of the photographs that were looked at.
    """

    steps: int
    success: Estimate


def extrapolated(points: Sequence[Point], steps: float, ceiling: float, form: Form) -> Estimate | None:
    """Return the success that one more training is expected to have, with a 95 % interval; None of fewer than LEAST.

    Least squares of `form.straight` over ln(steps), and the interval of a new observation (Student's, two parameters
    being fitted), widened by that of the photographs, which all lengths share and no scatter shows.

    Args:
        points: of as many lengths; several of one length are networks with other seeds.
        steps: to carry on to, above 0.
        ceiling: the most that success may be, in (0, 1]; success above it counts as just below.
    """
    if len({point.steps for point in points}) < LEAST:
        return None
    shares = [min(1 - _END, max(_END, point.success.value / ceiling)) for point in points]
    x = np.log([point.steps for point in points])
    y = np.array([form.straight(p) for p in shares])
    middle, spread = float(x.mean()), float(((x - x.mean()) ** 2).sum())
    rise = float(((x - middle) * y).sum()) / spread
    left = y - y.mean() - rise * (x - middle)
    freedom = len(points) - 2
    away = math.log(steps) - middle
    one_more = 1 + 1 / len(points) + away**2 / spread
    scatter = student_quantile(LEVEL, freedom) * math.sqrt(float((left**2).sum()) / freedom * one_more)
    looked = max(
        form.slope(p) * (point.success.high - point.success.low) / (2 * ceiling)
        for p, point in zip(shares, points, strict=True)
    )
    at, half = float(y.mean()) + rise * away, math.hypot(scatter, looked)
    value, low, high = (ceiling * form.back(end) for end in (at, at - half, at + half))
    return Estimate(value, low, high)


_END = 1e-3
"""How near to 0 and to the ceiling a share may be, where logarithms end."""


@dataclass(frozen=True)
class Ahead:
    """Where one attack's curve is carried on to.

    Attributes:
        label: the attack's.
        name: of the length: 'paper', or its steps.
        steps: of the generator, as large as those that were tried.
        success: the mean of judges that is expected, by form; None of fewer than `LEAST` lengths.
        hours: that this training takes on the device that the pace is of.
    """

    label: str
    name: str
    steps: int
    success: Mapping[str, Estimate | None]
    hours: float


def carried_on(
    work: Sequence[Course],
    found: Mapping[str, Figures],
    lengths: Mapping[str, int],
    pace: Mapping[str, float],
) -> list[Ahead]:
    """Carry each attack's mean over judges on.

    Args:
        found: figures by the keys of courses, and `LIMIT` where there is a ceiling.
        lengths: steps by name; those that an attack was trained for are left out.
        pace: seconds a step, by the keys of courses; that of the longest counts.
    """
    limit = found[LIMIT].success[MEAN] if LIMIT in found else None
    ceiling = limit.value if limit is not None else 1.0
    ahead = []
    for label in dict.fromkeys(course.label for course in work):
        mine = sorted((c for c in work if c.label == label), key=lambda c: c.steps)
        points = [Point(c.steps, e) for c in mine if (e := found[c.key].success[MEAN]) is not None]
        for name, steps in sorted(lengths.items(), key=lambda item: item[1]):
            if steps > mine[-1].steps:
                success = {key: extrapolated(points, steps, ceiling, form) for key, form in FORMS.items()}
                ahead.append(Ahead(label, name, steps, success, steps * pace[mine[-1].key] / 3600))
    return ahead


def ahead_table(ahead: Sequence[Ahead], device: str) -> Table:
    """Return a row an attack and length: the success that is expected by each form, and what the training takes.

    Args:
        device: that the pace is of.
    """
    few = f"at least {LEAST} lengths are needed"
    columns = (
        Column("steps", "steps", "count"),
        *(Column(name, name) for name in FORMS),
        Column("hours", f"hours on {device}", "number"),
    )
    rows = []
    for one in ahead:
        estimates = [
            Entry(None, few) if e is None else Entry(e.value, interval=(e.low, e.high)) for e in one.success.values()
        ]
        row = (Entry(one.steps), *estimates, Entry(one.hours))
        rows.append(Row(f"{one.label} {one.name}", one.name, row, one.label, ranked=False))
    caption = (
        "What longer training would give: the mean of judges in percent, with the 95 % interval of one more training. "
        "Each form is fitted to the lengths above and carried on; where the two part, the lengths do not say which. "
        "A step is as large as above, and widths are the profile's.",
    )
    return Table("", "Carried on", caption, "length", columns, tuple(rows), block_title="attack", intervals=True)
