"""What the paper says, each sentence held against its own figures and against the cells.

A sentence compares two means of rates, over cells that weigh the same: it holds where the whole 95 % interval of their
difference is on its side. That JPEG narrows SpoC's lead, and that Tuama2016 leans on traces of JPEG, compares two
conditions: see table 4 of each. Two sentences are of PSNR alone and of no rate: that the embedder alone changes almost
nothing is in table 5, that Adv-Cam-Id loses 5 dB off training in tables 4 and 6. Source: Cozzolino et al. 2019, section
5 and supplements B and D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchbench.contracts.task import TASKS, Metric
from benchbench.metrics import intervals
from benchbench.metrics.rates import TSR
from benchbench.metrics.samples import Sample, sample
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.claims import AS_WELL, COLUMNS, FEW, INCOMPLETE, verdict
from benchbench.report.groups import Group, mean
from benchbench.report.model import Entry, Row, Table
from benchbench.report.papers.spoc2019 import published
from benchbench.report.papers.spoc2019.cells import METHODS, OFF, SYNTHETIC, detector, place
from benchbench.report.papers.spoc2019.published import CLASSIFIERS, DETECTORS
from benchbench.report.papers.spoc2019.tables import compared, own_classifier

RIVALS = ("pgd", "ti-mi-fgsm", "gap", "adv-cam-id")
Sought = tuple[Cell | None, Metric, float | None]
"""Our cell, what is read of it, and the paper's figure; None where it gives none for our condition."""


@dataclass(frozen=True)
class Claim:
    """One sentence: the mean of `first` is above that of `second`, or less than `margin` below it."""

    key: str
    text: str
    first: Sequence[Sought]
    second: Sequence[Sought]
    margin: float = 0.0


def _sar(group: Group, number: str, method: str, places: Sequence[tuple[str, str]]) -> list[Sought]:
    """Return the places (built on, classifier) of a method; SpoC is built on none."""
    split, found = OFF if number == "6" else SYNTHETIC, []
    for trained_on, name in places:
        built = trained_on if method in RIVALS else "none"
        row = published.sar().get((number, compared(group, number), built, method))
        theirs = row.rates[name] if row is not None else None
        found.append((place(group, split, method, built, name), TSR, theirs))
    return found


def _tpr(group: Group, number: str, name: str, method: str | None) -> list[Sought]:
    split, when = OFF if number == "2" else SYNTHETIC, "before" if method is None else "after"
    metric = TASKS.create("detection").metric("tpr")
    theirs = published.detected()[number, when, name] if compared(group, number) else None
    return [(detector(group, split, name, method), metric, theirs)]


def claims(group: Group) -> list[Claim]:
    """Return the paper's sentences on one group of cells."""
    every = [("none", name) for name in CLASSIFIERS]
    found = []
    for rival in RIVALS:
        blocks = [key[2] for key in published.sar() if key[:2] == ("4", "uncompressed") and key[3] == rival]
        away = [(b, name) for b in blocks for name in CLASSIFIERS if not own_classifier(b, name)]
        text = f"SpoC is ahead of {METHODS[rival]} on classifiers that this was not built on"
        found.append(Claim(f"spoc-{rival}", text, _sar(group, "4", "spoc", away), _sar(group, "4", rival, away)))
    alone = [(b, n) for b in ("bondi2017", "xception") for n in CLASSIFIERS if b != n]
    joined = [("ensemble", name) for name in CLASSIFIERS]
    iterated = RIVALS[:3]
    found.append(
        Claim(
            "spoc-ensembles",
            "Rivals built on one network do as well on others as those built on an ensemble",
            [one for rival in iterated for one in _sar(group, "4", rival, alone)],
            [one for rival in iterated for one in _sar(group, "4", rival, joined)],
            AS_WELL,
        )
    )
    whole = _sar(group, "5", "spoc", every)
    for part in ("embedder", "discriminator"):
        variant = f"spoc-only-{part}"
        text = f"SpoC is ahead of its variant with the {part} alone"
        found.append(Claim(variant, text, whole, _sar(group, "5", variant, every)))
    text = "SpoC does as well on pictures by a generator that it was not trained on"
    off = _sar(group, "6", "spoc", every)
    found.append(Claim("spoc-off", text, off, _sar(group, "4", "spoc", every), AS_WELL))
    before, unknown = (_tpr(group, number, "spec", None) for number in ("1", "2"))
    found.append(Claim("spec-off", "Spec misses pictures by a generator that it was not trained on", before, unknown))
    before, unknown = (_tpr(group, number, "xception", None) for number in ("1", "2"))
    text = "The detector Xception finds them as well as others"
    found.append(Claim("xception-off", text, unknown, before, AS_WELL))
    for number, where in (("1", ""), ("2", ", off training too")):
        for name in DETECTORS:
            text = f"SpoC hides synthetic pictures from {name.capitalize()}{where}"
            pair = (_tpr(group, number, name, None), _tpr(group, number, name, "spoc"))
            found.append(Claim(f"hidden-{name}-{number}", text, *pair))
    return found


def claims_table(group: Group) -> Table:
    """Build the table: the paper's means and ours, our difference with its interval, and both verdicts."""
    what = (
        "SpoC's sentences compare two means of the rates of its tables, in percent, each cell weighing the same;"
        f' "as well" allows {100 * AS_WELL:.0f} points less.'
    )
    return Table(
        number="claims",
        title="What the paper claims",
        caption=(what, captions.setting(group), captions.command("claims", group, show_published=False)),
        corner="Claim",
        columns=COLUMNS[:7],  # nothing is said of other classifiers like these: there are four, each its own
        rows=tuple(_row(claim) for claim in claims(group)),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def _row(claim: Claim) -> Row:
    known = [[figure for _, _, figure in side if figure is not None] for side in (claim.first, claim.second)]
    entries = [Entry(""), Entry(""), Entry("said without a figure")]
    if len(known[0]) == len(claim.first) and len(known[1]) == len(claim.second):
        first, second = (mean(figures) for figures in known)
        entries = [Entry(first), Entry(second), Entry(verdict(first - second, first - second, claim.margin))]
    parts: list[tuple[float, Sample]] = []
    ours = []
    for sign, side in ((1.0, claim.first), (-1.0, claim.second)):
        samples = [sample(cell, metric) for cell, metric, _ in side if cell is not None]
        whole = [s for s in samples if s is not None]
        if len(whole) < len(side):
            missing = Entry(None, INCOMPLETE)
            return Row(claim.key, claim.text, (*entries, *[missing] * 4), ranked=False)
        ours.append(Entry(mean([float(s.values.sum()) for s in whole])))
        parts += [(sign / len(whole), s) for s in whole]
    estimate = intervals.contrast(parts)
    if estimate is None:
        few = Entry(None, FEW)
        return Row(claim.key, claim.text, (*entries, *ours, few, few), ranked=False)
    shown = Entry(estimate.value, interval=(estimate.low, estimate.high))
    said = Entry(verdict(estimate.low, estimate.high, claim.margin))
    return Row(claim.key, claim.text, (*entries, *ours, shown, said), ranked=False)
