"""What the paper says of its attack, each sentence held against its own figures and against the cells.

Source: Andrews, Zhang & Griffin 2020, section 5, tables 2 and 3, footnote 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchbench.metrics import rates
from benchbench.records.cell import Cell
from benchbench.report import captions, claims
from benchbench.report.claims import AS_WELL, Side
from benchbench.report.groups import AttackRow, Group, mean_or_none
from benchbench.report.model import Entry, Row, Table
from benchbench.report.paper import grid
from benchbench.report.papers.augmented2020 import published
from benchbench.report.papers.augmented2020.ablation import NOT_MEASURED, PERCEPTUAL
from benchbench.report.papers.augmented2020.words import KINDS, Variant, targets, variant

SPLITS = ("in", "out")
ALIKE = 0.02
"""The widest spread of the paper's own distances over its eight variants."""
IMG, WDF, PEF = (Variant((part,), False) for part in ("img", "wdf", "pef"))
WDF_SCFA, MISLGAN = Variant(("wdf",), True), Variant(("pef",), True)
ALL = Variant(("img", "wdf", "pef"), False)
PLAIN = Variant(("img", "wdf", "pef"), False, critic="rgb")


@dataclass(frozen=True)
class Selection:
    """The cells of one variant that a claim averages over."""

    variant: Variant
    kinds: tuple[str, ...] = tuple(KINDS)
    splits: tuple[str, ...] = SPLITS


@dataclass(frozen=True)
class Claim:
    """One sentence: the mean TASR of `first` is above that of each of `rivals`, or less than `margin` below it."""

    key: str
    text: str
    first: Selection
    rivals: tuple[Selection, ...]
    margin: float = 0.0


def _single(part: str, text: str) -> Claim:
    own = {v.laac[0]: v for v in (IMG, WDF, PEF)}
    rivals = tuple(Selection(v, (part,)) for name, v in own.items() if name != part)
    return Claim(f"{part}-own", text, Selection(own[part], (part,)), rivals)


CLAIMS = (
    Claim(
        "together",
        "f_img, f_wdf and f_pef together are ahead of every other variant",
        Selection(ALL),
        tuple(Selection(v) for v in published.variants() if v != ALL),
    ),
    _single("img", "f_img is ahead of f_wdf and f_pef alone on f_img targets"),
    _single("wdf", "f_wdf is ahead of f_img and f_pef alone on f_wdf targets"),
    Claim(
        "wdf-pef",
        "f_wdf moves f_pef targets more often than f_pef does",
        Selection(WDF, ("pef",)),
        (Selection(PEF, ("pef",)),),
    ),
    Claim("scfa-wdf", "Re-mosaicing helps f_wdf alone", Selection(WDF_SCFA), (Selection(WDF),)),
    Claim("scfa-pef", "Re-mosaicing helps f_pef alone", Selection(MISLGAN), (Selection(PEF),)),
    Claim(
        "mislgan-img",
        "MISLGAN moves targets of residuals (f_wdf, f_pef) more often than f_img targets",
        Selection(MISLGAN, ("wdf", "pef")),
        (Selection(MISLGAN, ("img",)),),
    ),
    Claim(
        "unknown",
        "The three together do as well on photographs of camera models that they do not know",
        Selection(ALL, splits=("out",)),
        (Selection(ALL, splits=("in",)),),
        margin=AS_WELL,
    ),
    Claim("critic", "A constrained critic is better than a plain one", Selection(ALL), (Selection(PLAIN),)),
)


def claims_table(group: Group) -> Table:
    """Build the table of claims: the paper's means and ours, our difference with its interval, and both verdicts."""
    rows = [
        claims.row(c.key, c.text, _side(c.first, group), [_side(r, group) for r in c.rivals], c.margin) for c in CLAIMS
    ]
    rows += [_alike(group), _successor(group)]
    what = (
        "Sentences on variants of the augmented cGAN: mean TASR in percent over its paper's 15 targets and both splits"
        f' unless a sentence names some; of several rivals the best is shown; "as well" allows {100 * AS_WELL:.0f}'
        " points less."
    )
    return Table(
        number="claims",
        title="What the paper claims",
        caption=captions.of_both_splits(what, "claims", group, show_published=False),
        corner="Claim",
        columns=claims.COLUMNS,
        rows=tuple(rows),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def _side(selection: Selection, group: Group) -> Side:
    """Return the mean of the kinds and splits that the paper gives, and our cells."""
    figures = [published.ablation().get((split, selection.variant)) for split in selection.splits]
    theirs = mean_or_none([None if f is None else f.tasr[kind][0] for f in figures for kind in selection.kinds])
    row = only(group, selection.variant)
    return Side(theirs, _whole(group, row, targets(*selection.kinds), selection.splits))


def only(group: Group, wanted: Variant) -> AttackRow | None:
    """Return the attack that is this variant, or None where it was not run, or with several sets of weights."""
    found = [attack for attack in group.attacks if variant(attack) == wanted]
    return found[0] if len(found) == 1 else None


def _whole(group: Group, row: AttackRow | None, names: Sequence[str], splits: Sequence[str]) -> Sequence[Cell] | None:
    cells = [group.cell(row, name, split) for name in names for split in splits] if row is not None else [None]
    whole = [c for c in cells if c is not None and rates.tsr(c) is not None]
    return whole if len(whole) == len(cells) else None


def _alike(group: Group) -> Row:
    """Return the row on distortion; a craft's record has sums over photographs, so that there is no interval."""
    text = f"Distortion is alike in all eight variants: distances at most {ALIKE} apart (LPIPS there, ST-LPIPS here)"
    theirs = [f.lpips for f in published.ablation().values()]
    found = [_distance(group, row) for row in published.variants()]
    known = [value for value in found if value is not None]
    here = [Entry(None, NOT_MEASURED)] * 4
    beyond = [Entry("")] * 2
    if len(known) == len(found):
        here = _spread(known)
        here.insert(2, Entry(f"{max(known) - min(known):.3f}"))
    return Row("distortion", text, (*_spread(theirs), *here, *beyond), ranked=False)


def _spread(values: Sequence[float]) -> list[Entry]:
    gap = round(max(values) - min(values), 6)
    return [
        Entry(f"{max(values):.3f}"),
        Entry(f"{min(values):.3f}"),
        Entry(claims.TRUE if gap <= ALIKE else claims.FALSE),
    ]


def _distance(group: Group, wanted: Variant) -> float | None:
    row = only(group, wanted)
    return mean_or_none([group.measure(row, split, PERCEPTUAL) for split in SPLITS]) if row is not None else None


def _successor(group: Group) -> Row:
    """Return the row on the attack after this one: two streams in place of three classifiers, on its 48 targets."""
    after = [a for a in group.attacks if a.name == "cama"]
    sides = [
        Side(None, _whole(group, row, grid(), SPLITS))
        for row in (after[0] if len(after) == 1 else None, only(group, ALL))
    ]
    text = "Two streams (Cama, its successor) do as well as three classifiers on the successor's 48 targets"
    return claims.row("successor", text, sides[0], sides[1:], AS_WELL)
