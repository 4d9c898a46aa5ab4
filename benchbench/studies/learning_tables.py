"""What learning curves show: rates with intervals, a plan, a table of every course, tidy rows, and the figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.attack import WHOLE
from benchbench.contracts.task import Judged
from benchbench.metrics.intervals import Estimate, contrast, rate_interval
from benchbench.metrics.rates import TSR
from benchbench.metrics.samples import Sample, combine
from benchbench.report.figures import new_figure
from benchbench.report.formats import csv_text
from benchbench.report.model import Column, Entry, Row, Scalar, Table
from benchbench.studies.courses import Course, Network, training_steps
from benchbench.studies.learning import LIMIT, PHOTOGRAPHS, Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEAN = "judges"
"""In the place of a judge's name: the mean over all."""
CSV = ("attack", "length", "steps", "photographs", "quantity", "of", "value", "low", "high")


@dataclass(frozen=True)
class Figures:
    """The figures of one reading, each with its 95 % interval, scenes being the clusters; None where not defined.

    Attributes:
        photographs: how many.
        success: taken for the wanted model, by judge, and in the mean as `MEAN`; of photographs as they are, the share
            that a judge names right.
        own: success on the attack's own evaluator, by stream.
        psnr: dB: the mean of each wanted model, then over those; unchanged photographs are left out.
        psnr_by_class: by wanted class.
        cosine: with the change of the perfect forger.
    """

    photographs: int
    success: Mapping[str, Estimate | None]
    own: Mapping[str, Estimate | None]
    psnr: Estimate | None
    psnr_by_class: Mapping[int, Estimate | None]
    cosine: Estimate | None


@dataclass(frozen=True)
class Extrapolation:
    """One attack's curve, extrapolated to one length.

    Attributes:
        label: the attack's.
        length: its name.
        steps: of the generator, as large as those that were tried.
        success: by form, the mean of judges; or why there is none.
        hours: that this training takes.
        measured: whether trainings like it, on the device asked for, say so; else `hours` may be several times off.
    """

    label: str
    length: str
    steps: int
    success: Mapping[str, Estimate | str]
    hours: float
    measured: bool


def figures_of(reading: Reading, known: int, *, named: bool = False) -> Figures:
    """Return the figures of a reading.

    Args:
        known: camera models.
        named: ask whether judges name the true model, in place of the wanted one.
    """
    if named:  # each photograph says the same at every trial
        once = np.unique(reading.image, return_index=True)[1]
        reading = reading.only(once, wanted=reading.true[once])
    every = np.ones(len(reading.image), bool)
    rates = {name: _rate(reading, said, known) for name, said in reading.said.items()}
    success: dict[str, Estimate | None] = {k: None if v is None else rate_interval([v]) for k, v in rates.items()}
    parts = [(1 / len(rates), sample) for sample in rates.values() if sample is not None]
    success[MEAN] = rate_interval(combine(parts)) if parts and len(parts) == len(rates) else None
    own = {name: _rate(reading, said, known) for name, said in reading.own.items()}
    return Figures(
        photographs=len(np.unique(reading.image)),
        success=success,
        own={name: None if sample is None else rate_interval([sample]) for name, sample in own.items()},
        psnr=_mean(reading, reading.psnr, every, known),
        psnr_by_class={c: _mean(reading, reading.psnr, reading.wanted == c, known) for c in range(known)},
        cosine=None if reading.cosine is None else _mean(reading, reading.cosine, every, known),
    )


def _sample(reading: Reading, rows: NDArray[np.bool_], said: NDArray[np.int64], known: int) -> tuple[Judged, Sample]:
    """Return some trials as a task's metrics see them, and a sample of their photographs that has no values yet."""
    photograph = np.unique(reading.image[rows], return_inverse=True)[1].astype(np.int64)
    judged = Judged(
        photograph=photograph,
        true=reading.true[rows],
        wanted=reading.wanted[rows],
        outcomes={"predicted": said[rows]},
        known=known,
        classes=known,
        true_classes=tuple(range(known)),
    )
    scene = reading.scene[rows][np.unique(photograph, return_index=True)[1]]
    none = np.zeros(judged.photographs)
    return judged, Sample(("q", "held out"), judged.stratum, none, none, int(rows.sum()), scene)


def _rate(reading: Reading, said: NDArray[np.int64], known: int) -> Sample | None:
    """Return what each photograph adds to the share that is taken for the wanted classes, as TSR weighs it."""
    judged, sample = _sample(reading, np.ones(len(said), bool), said, known)
    found = TSR.contributions(judged)
    if found is None or found.full is None:
        return None
    return replace(sample, values=found.values, full=found.full)


def _mean(reading: Reading, values: NDArray[np.float64], rows: NDArray[np.bool_], known: int) -> Estimate | None:
    """Return the mean of finite values, of each wanted class and then over those."""
    rows = rows & np.isfinite(values)
    if not rows.any():
        return None
    judged, sample = _sample(reading, rows, reading.wanted, known)
    count, total = np.bincount(judged.wanted), np.bincount(judged.wanted, values[rows])
    classes, mine = np.count_nonzero(count), (total / np.maximum(count, 1))[judged.wanted]
    # Taken from the mean of its class, a photograph with fewer trials than others is no outlier.
    sums = judged.sums((values[rows] - mine) / (classes * count[judged.wanted]))
    found = contrast([(1.0, replace(sample, values=sums))])  # `full` stays 0: a mean has no end that it may be near
    mean = float((mine / (classes * count[judged.wanted])).sum())
    return None if found is None else Estimate(mean, mean + found.low - found.value, mean + found.high - found.value)


def plan_table(plan: Sequence[Network]) -> Table:
    """Return the plan: a line a network, with what is missing added up in core-hours."""
    columns = (
        Column("course", "for", "text"),
        Column("batch", "patches a step", "count"),
        Column("pace", "seconds a step", "number"),
        Column("steps", "steps", "count"),
        Column("hours", "core-hours", "number"),
        Column("from", "estimated from", "text"),
    )
    rows = []
    for line in plan:
        steps, recipe = training_steps(line.fit), getattr(line.fit, "recipe", None)
        texts: tuple[Scalar, ...] = (
            line.course,
            getattr(recipe, "batch", "") if steps else "",
            line.seconds / steps if steps else "",
            steps or "",
            "there" if line.there else line.seconds / 3600,
            "" if line.there else "fits like it" if line.measured else "a rough pace",
        )
        rows.append(Row(line.fit_id, line.fit.label, tuple(Entry(value) for value in texts), ranked=False))
    total = sum(line.seconds for line in plan if not line.there) / 3600
    sums = tuple(Entry(total if column.key == "hours" else "") for column in columns)
    rows.append(Row("all", "in all, to be trained", sums, ranked=False))
    caption = (
        "Estimated from networks of the same recipe that were trained into this cache on such a device, whatever their "
        "length, or else from a rough pace that may be several times off: train one length, and the plan of the others "
        "is good, as far as the machine is as loaded.",
    )
    return Table("", "What learning curves train", caption, "network", columns, tuple(rows))


def table(
    work: Sequence[Course], found: Mapping[str, Figures], caption: Sequence[str], kept: Mapping[str, int | None]
) -> Table:
    """Return every course as a row, below photographs as they are and the perfect forgery.

    Args:
        found: figures by the keys of courses, `PHOTOGRAPHS` and `LIMIT`.
        kept: by courses' keys, the steps after which their generators were kept.
    """
    judges = [name for name in found[PHOTOGRAPHS].success if name != MEAN]
    streams = list(dict.fromkeys(name for figures in found.values() for name in figures.own if name != WHOLE))
    columns = [Column("steps", "steps", "count"), Column("kept", "kept after", "count"), Column("own", "own evaluator")]
    columns += [Column(f"own {name}", name) for name in streams]
    columns += [Column(name, name) for name in judges] + [Column(MEAN, "mean of judges")]
    columns.append(Column("psnr", "PSNR, dB", "decibel"))
    with_forger = LIMIT in found
    if with_forger:
        columns.append(Column("cosine", "cosine", "number"))

    def row(key: str, label: str, block: str, steps: Scalar) -> Row:
        one = found[key]
        estimates = [one.own.get(name) for name in (WHOLE, *streams)]
        estimates += [one.success[name] for name in (*judges, MEAN)] + [one.psnr]
        after = kept.get(key)
        entries = [Entry(steps), Entry("" if after is None else after)] + [entry_of(estimate) for estimate in estimates]
        entries += [entry_of(one.cosine)] if with_forger else []
        return Row(key, label, tuple(entries), block, ranked=False)

    rows = [row(PHOTOGRAPHS, "named right", PHOTOGRAPHS, "")]
    rows += [row(*place) for place in _places(work, found)]
    return Table(
        "",
        "Learning curves",
        tuple(caption),
        "length",
        tuple(columns),
        tuple(rows),
        block_title="attack",
        remarks=(
            "Kept after: so many steps, chosen by success on its own evaluator.",
            "PSNR: the mean of each wanted model, then over those.",
            *(["Cosine: of an attack's change with that of the perfect forgery."] if with_forger else []),
        ),
        intervals=True,
    )


def table_by_wanted(work: Sequence[Course], found: Mapping[str, Figures], models: Sequence[str]) -> Table:
    """Return the PSNR of each wanted model, rows as those of `table`.

    Args:
        models: camera models, known ones first.
    """
    known = len(found[PHOTOGRAPHS].psnr_by_class)
    return Table(
        "",
        "PSNR by wanted model, dB",
        (),
        "length",
        (Column("steps", "steps", "count"), *(Column(f"psnr {c}", models[c], "decibel") for c in range(known))),
        tuple(
            Row(key, label, (Entry(steps), *map(entry_of, found[key].psnr_by_class.values())), block, ranked=False)
            for key, label, block, steps in _places(work, found)
        ),
        block_title="attack",
        intervals=True,
    )


def _places(work: Sequence[Course], found: Mapping[str, Figures]) -> list[tuple[str, str, str, Scalar]]:
    """Return key, label, block and steps of the perfect forgery's row, where there is one, and of every course's."""
    limit: list[tuple[str, str, str, Scalar]] = [(LIMIT, "", LIMIT, "")] if LIMIT in found else []
    return limit + [(course.key, f"x {course.length:g}", course.label, course.steps) for course in work]


def entry_of(estimate: Estimate | None) -> Entry:
    """Return the entry of a figure with its interval, an empty one where it is not defined."""
    if estimate is None:
        return Entry("")
    return Entry(estimate.value, interval=(estimate.low, estimate.high))


def tidy(
    work: Sequence[Course],
    found: Mapping[str, Figures],
    models: Sequence[str],
    extrapolations: Sequence[Extrapolation] = (),
    kept: Mapping[str, int | None] | None = None,
) -> str:
    """Return every figure as CSV, a row each; rates are fractions, PSNR is in dB. See `figure` and `table`."""
    named: dict[str, dict[str, Scalar]] = {
        c.key: {"attack": c.label, "length": f"{c.length:g}", "steps": c.steps} for c in work
    }
    rows: list[dict[str, Scalar]] = []
    for key, one in found.items():
        quantity = "accuracy" if key == PHOTOGRAPHS else "success"
        values = [(f"own {quantity}", name, e) for name, e in one.own.items()]
        values += [(quantity, name, e) for name, e in one.success.items()]
        values += [("psnr", "", one.psnr), *(("psnr", models[c], e) for c, e in one.psnr_by_class.items())]
        values.append(("cosine", "", one.cosine))
        after = (kept or {}).get(key)
        if after is not None:
            rows.append({**named[key], "photographs": "", "quantity": "kept after, steps", "of": "", "value": after})
        for what, of, estimate in values:
            if estimate is not None:
                interval: dict[str, Scalar] = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
                about: dict[str, Scalar] = {"photographs": one.photographs, "quantity": what, "of": of}
                rows.append({**named.get(key, {"attack": key}), **about, **interval})
    for one_more in extrapolations:
        for form, e in one_more.success.items():
            if not isinstance(e, str):
                place: dict[str, Scalar] = {"attack": one_more.label, "steps": one_more.steps}
                place |= {"quantity": "extrapolated success", "of": form}
                rows.append(place | {"value": e.value, "low": e.low, "high": e.high})
    return csv_text(CSV, rows)


def figure(
    work: Sequence[Course],
    found: Mapping[str, Figures],
    title: str,
    extrapolations: Sequence[Extrapolation] = (),
) -> Figure:
    """Draw success against steps, a panel for the own evaluator, the judges' mean and each of them, PSNR, cosine.

    The dashed line is the perfect forgery's success on the same judge; bars at a PSNR are those of wanted models.

    Args:
        extrapolations: of the judges' mean, drawn as one bar per form.
    """
    judges = [name for name in found[PHOTOGRAPHS].success if name != MEAN]
    panels = ["own evaluator", MEAN, *judges, "psnr", *(["cosine"] if LIMIT in found else [])]
    columns = min(4, len(panels))
    drawn, axes = new_figure(3.3 * columns, 2.8 * -(-len(panels) // columns) + 0.6, -(-len(panels) // columns), columns)
    labels = list(dict.fromkeys(course.label for course in work))
    tried, told = {course.steps for course in work}, [o for o in extrapolations if _told(o)]
    for axis, panel in zip(axes, panels, strict=False):
        for k, label in enumerate(labels):
            mine = sorted((c for c in work if c.label == label), key=lambda c: c.steps)
            lines = {label: [_of(found[c.key], panel) for c in mine]}
            if panel == "own evaluator":
                streams = [name for name in found[mine[0].key].own if name != WHOLE]
                lines |= {f"{label} {name}": [found[c.key].own.get(name) for c in mine] for name in streams}
            for i, (name, estimates) in enumerate(lines.items()):
                _line(axis, [c.steps for c in mine], estimates, _scale(panel), f"C{k % 10}", ":" if i else "-", name)
            if panel == MEAN:
                _bars(axis, [one for one in extrapolations if one.label == label], f"C{k % 10}", k)
            if panel == "psnr":
                for course in mine:
                    values = [e.value for e in found[course.key].psnr_by_class.values() if e is not None]
                    axis.plot([course.steps] * len(values), values, "_", color=f"C{k % 10}", alpha=0.6)
        limit = _of(found[LIMIT], panel) if LIMIT in found and panel not in ("psnr", "cosine") else None
        if limit is not None:
            axis.axhline(100 * limit.value, color="black", linestyle="--", linewidth=1, label=LIMIT)
            axis.axhspan(100 * limit.low, 100 * limit.high, color="black", alpha=0.08, linewidth=0)
        axis.set_title({MEAN: "mean of judges", "psnr": "PSNR, dB", "cosine": "cosine"}.get(panel, panel), fontsize=9)
        axis.set_xscale("log")
        axis.minorticks_off()
        steps = sorted(tried | ({one.steps for one in told} if panel == MEAN else set()))
        axis.set_xticks(steps, [f"{count:,}" for count in steps], fontsize=7, rotation=30 if len(steps) > 3 else 0)
        axis.grid(alpha=0.3)
        if _scale(panel) == 100:
            axis.set_ylim(0, 101)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[:2]:
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=6)
    drawn.supxlabel("training steps of the generator", fontsize=9)
    drawn.supylabel("taken for the wanted model, %", fontsize=9)
    drawn.suptitle(title, fontsize=10)
    return drawn


def _told(one: Extrapolation) -> bool:
    return not all(isinstance(e, str) for e in one.success.values())


def _bars(axis: Axes, made: Sequence[Extrapolation], color: str, place: int) -> None:
    """Draw one attack's extrapolations: a marker and an interval for each form, attacks and forms side by side."""
    for number, one in enumerate(made):
        for k, (form, e) in enumerate(one.success.items()):
            if not isinstance(e, str):
                x, value = one.steps * 1.07 ** (3 * place + k), 100 * e.value
                ends = [[value - 100 * e.low], [100 * e.high - value]]
                label = f"{one.label}, {form}" if number == 0 else None
                axis.errorbar([x], [value], yerr=ends, fmt="s^"[k % 2], color=color, markersize=4, lw=1, label=label)


def _of(one: Figures, panel: str) -> Estimate | None:
    if panel == "own evaluator":
        return one.own.get(WHOLE)
    if panel in ("psnr", "cosine"):
        return one.psnr if panel == "psnr" else one.cosine
    return one.success[panel]


def _scale(panel: str) -> int:
    return 1 if panel in ("psnr", "cosine") else 100


def _line(
    axis: Axes, steps: Sequence[int], found: Sequence[Estimate | None], scale: int, color: str, style: str, label: str
) -> None:
    there = [(x, e) for x, e in zip(steps, found, strict=True) if e is not None]
    if not there:
        return
    x = [at for at, _ in there]
    value, low, high = ([scale * getattr(e, end) for _, e in there] for end in ("value", "low", "high"))
    axis.plot(x, value, style, color=color, marker=".", label=label, linewidth=1.2)
    if style == "-":
        axis.fill_between(x, low, high, color=color, alpha=0.12, linewidth=0)
