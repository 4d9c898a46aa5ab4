"""Tables 2 and 3: TASR and UASR by kind of target, mean and standard deviation over targets, of each variant."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev

from benchbench.metrics import rates
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.entries import NO_PSNR, NO_TRUE_CLASS, PARTIAL_MEAN, UNCHANGED, interval
from benchbench.report.groups import AttackRow, Group, mean
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.augmented2020 import published
from benchbench.report.papers.augmented2020.words import KINDS, LABELS, Variant, targets, variant

SPLIT_OF = {"augmented-2": "in", "augmented-3": "out"}
PERCEPTUAL = "st-lpips"
NOT_MEASURED = "not measured of every craft (`bench run --measures st-lpips`)"
SLIP = "printed by mistake"


def rows_of(group: Group) -> list[tuple[AttackRow, Variant | None]]:
    """Return the paper's eight rows, run or not, each as often as it was run with other weights; then others.

    These are variants that the paper has not, and attacks that were run against its targets behind learned residuals,
    which no other paper has.
    """
    mine = [(attack, variant(attack)) for attack in group.attacks]
    found: list[tuple[AttackRow, Variant | None]] = []
    for row in published.variants():
        ran = [(a, v) for a, v in mine if v == row]
        found += ran or [(AttackRow("", "", row.label), row)]
    listed = {a.key for a, _ in found}
    own = [(name, split) for name in targets("wdf") for split in SPLIT_OF.values()]
    others = [
        (a, v)
        for a, v in mine
        if a.key not in listed and (v is not None or any(group.cell(a, *place) is not None for place in own))
    ]
    return found + sorted(others, key=lambda one: (one[0].name not in LABELS, one[0].control))


def ablation_table(number: str, group: Group, *, show_published: bool) -> Table:
    """Build table 2 (photographs of known camera models) or 3 (of unknown ones)."""
    split = SPLIT_OF[number]
    measured = ["tasr", "uasr"] if split == "in" else ["tasr"]
    columns = [_column(rate, kind, show_published) for rate in measured for kind in (*KINDS, published.MEAN)]
    columns += [Column("psnr", "PSNR", "decibel"), Column(PERCEPTUAL, "ST-LPIPS", "number", better="lower")]
    if show_published:
        columns.append(Column("lpips", "LPIPS", "number"))
    rows = []
    every = rows_of(group)
    for attack, which in every:
        theirs = published.ablation().get((split, which)) if which is not None and show_published else None
        entries = []
        for rate in measured:
            figures = None if theirs is None else theirs.tasr if rate == "tasr" else theirs.uasr
            for kind in (*KINDS, published.MEAN):
                names = targets() if kind == published.MEAN else targets(kind)
                cells = [group.cell(attack, name, split) for name in names]
                entries.append(_entry(cells, rate, None if figures is None else figures[kind]))
        psnr, unchanged, made = group.psnr(attack, split)
        entries.append(Entry(psnr, (UNCHANGED if unchanged == made else NO_PSNR) if made else captions.NO_CELL))
        entries.append(Entry(group.measure(attack, split, PERCEPTUAL), NOT_MEASURED))
        if show_published:
            shown = None if theirs is None else (theirs.lpips, None)
            entries.append(Entry(None, published=shown))
        alike = [a for a, v in every if which is not None and v == which]
        label = which.label if which is not None and len(alike) == 1 else attack.label
        rows.append(Row(attack.key or label, label, tuple(entries), ranked=which is not None or attack.ranked))
    return Table(
        number=number,
        title=f"Local auxiliary classifiers, {captions.SPLITS[split]}",
        caption=_caption(number, split, group, show_published),
        corner="LAAC",
        columns=tuple(columns),
        rows=tuple(rows),
        remarks=_remarks(split, group, show_published),
        published=show_published,
        facts=group.facts,
    )


def _column(rate: str, kind: str, show_published: bool) -> Column:
    title = f"{rate.upper()} {'mean' if kind == published.MEAN else f'f_{kind}'}"
    slip = show_published and (rate, kind) == ("uasr", published.MEAN)
    return Column(f"{rate}_{kind}", f"{title} (paper: {SLIP})" if slip else title, spread=True, better="higher")


def _entry(cells: Sequence[Cell | None], rate: str, theirs: published.Spread | None) -> Entry:
    """Return mean and standard deviation of a rate over targets; missing as soon as one target is."""
    whole = [cell for cell in cells if cell is not None]
    values = [v for c in whole if (v := rates.tsr(c) if rate == "tasr" else rates.usr(c)) is not None]
    if len(values) < len(cells):
        return Entry(None, PARTIAL_MEAN if whole else captions.NO_CELL, published=theirs)
    bounds = interval(whole, "tsr" if rate == "tasr" else "usr")
    return Entry(mean(values), second=stdev(values), interval=bounds, published=theirs)


def _caption(number: str, split: str, group: Group, show_published: bool) -> tuple[str, ...]:
    what = "TASR and UASR" if split == "in" else "TASR"
    return (
        f"{what} in percent, mean ± standard deviation over five targets of each kind and over all 15; PSNR in dB and"
        " ST-LPIPS (lower is better) of the photographs that attackers hand over.",
        "LAAC: the local auxiliary classifiers in the loss; †: the generator is given re-mosaiced photographs, so that"
        " f_pef† is MISLGAN.",
        captions.setting(group),
        captions.images(group, split, "complete"),
        captions.BOLD,
        *((captions.PUBLISHED,) if show_published else ()),
        captions.command(number, group, show_published),
    )


def _remarks(split: str, group: Group, show_published: bool) -> tuple[str, ...]:
    remarks = [*captions.left_out(group)]
    if split == "out":
        remarks.append(NO_TRUE_CLASS)
    if show_published and split == "in":
        means = ", ".join(
            f"{100 * published.kinds_mean(figures.uasr):.1f}"
            for (of, _), figures in published.ablation().items()
            if of == "in"
        )
        remarks.append(
            "The paper's UASR means repeat its table 3's TASR means, row by row, and are no means of its three kinds:"
            f" these are, in its order, {means}. No claim rests on them."
        )
    if show_published:
        remarks.append(
            "The paper's distance is LPIPS, another one than ST-LPIPS; it is not computed here, because its weights are"
            " in no package."
        )
    return tuple(remarks)
