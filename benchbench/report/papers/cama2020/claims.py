"""What the paper says of its attacks, each sentence held against the paper's own figures and against the cells.

A claim compares the mean TSR of two selections of cells.

Source: Andrews et al. 2020, sections 4.2, 4.3 and appendix C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchbench.metrics import rates
from benchbench.records.cell import Cell
from benchbench.report import captions
from benchbench.report.claims import AS_WELL, COLUMNS, FALSE, INCOMPLETE, TRUE, Side, row, verdict
from benchbench.report.groups import AttackRow, Group, mean
from benchbench.report.model import Entry, Row, Table, show
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.words import LABELS, SAME

Place = tuple[str, str, str, str]
"""(overlap, split, backbone, preprocessor): one target of the paper's grid and one split."""
RESIDUAL = ("fd", "ww", "cc", "hp")
"""Preprocessors that suppress what a photograph shows and keep its residual."""
CONDITIONAL = ("cama", "spoc-cgan", "misl-cgan")


def _any(place: Place) -> bool:
    return True


@dataclass(frozen=True)
class Selection:
    """The cells of one attack that a claim averages over."""

    attack: str
    where: Callable[[Place], bool] = _any

    def places(self) -> list[Place]:
        """Return the places of the paper's grid that are selected."""
        grid = [(o, split, b, p) for o, b, p in published.grid() for split in ("in", "out")]
        return [place for place in grid if self.where(place)]


@dataclass(frozen=True)
class Claim:
    """One sentence: the mean TSR of `first` is above that of `second`, or less than `margin` below it."""

    key: str
    text: str
    first: Selection
    second: Selection
    margin: float = 0.0

    def verdict(self, low: float, high: float) -> str:
        """Return what an interval of first - second says of the claim."""
        return verdict(low, high, self.margin)


def _rgb(place: Place) -> bool:
    return place[3] == "rgb"


def _residual(place: Place) -> bool:
    return place[3] in RESIDUAL


CLAIMS = (
    Claim("cama-spoc", "Cama is ahead of SpoC", Selection("cama"), Selection("spoc-cgan")),
    Claim("cama-misl", "Cama is ahead of MISL", Selection("cama"), Selection("misl-cgan")),
    Claim("spoc-misl", "SpoC is ahead of MISL", Selection("spoc-cgan"), Selection("misl-cgan")),
    Claim("cama-fgsm", "Cama is ahead of FGSM", Selection("cama"), Selection("fgsm")),
    Claim("cama-pgd", "Cama is ahead of PGD", Selection("cama"), Selection("pgd")),
    Claim("cama-ddn", "Cama is ahead of DDN", Selection("cama"), Selection("ddn")),
    Claim(
        "misl-bands",
        "MISL moves targets of residuals (FD, WW, CC, HP) more often than RGB targets",
        Selection("misl-cgan", _residual),
        Selection("misl-cgan", _rgb),
    ),
    Claim(
        "spoc-bands",
        "SpoC moves targets of residuals more often than RGB targets",
        Selection("spoc-cgan", _residual),
        Selection("spoc-cgan", _rgb),
    ),
    Claim(
        "cama-bands",
        "Cama moves RGB targets as well as targets of residuals",
        Selection("cama", _rgb),
        Selection("cama", _residual),
        margin=AS_WELL,
    ),
    Claim(
        "cama-rgb",
        "Cama is ahead of SpoC on RGB targets",
        Selection("cama", _rgb),
        Selection("spoc-cgan", _rgb),
    ),
    Claim(
        "spoc-rgb",
        "SpoC is ahead of MISL on RGB targets",
        Selection("spoc-cgan", _rgb),
        Selection("misl-cgan", _rgb),
    ),
    Claim(
        "cama-transfer",
        "Cama moves other architectures as well as its evaluators' (ResNet-18)",
        Selection("cama", lambda place: place[2] != SAME),
        Selection("cama", lambda place: place[2] == SAME),
        margin=AS_WELL,
    ),
    Claim(
        "cama-unknown",
        "Cama does as well on photographs of camera models that it does not know",
        Selection("cama", lambda place: place[1] == "out"),
        Selection("cama", lambda place: place[1] == "in"),
        margin=AS_WELL,
    ),
    Claim(
        "cama-partial",
        "Cama does as well where it knows half of a target's classes (partial overlap)",
        Selection("cama", lambda place: place[0] == "partial"),
        Selection("cama", lambda place: place[0] == "complete"),
        margin=AS_WELL,
    ),
)


def claims_table(group: Group) -> Table:
    """Build the table of claims: the paper's means and ours, our difference with its interval, and both verdicts."""
    rows = [row(c.key, c.text, _side(c.first, group), [_side(c.second, group)], c.margin) for c in CLAIMS]
    rows.append(_wins(group))
    what = (
        "Each sentence compares TSR over cells, in percent: of all 48 targets and both splits unless it names some,"
        f" each cell weighing the same, where in the mean TSR settings do;"
        f' "as well" allows {100 * AS_WELL:.0f} points less. It holds here where the 95 %'
        " interval of the difference, over scenes, says so. The last two columns take the targets for a sample as well:"
        " what holds there holds of other targets like these."
    )
    return Table(
        number="claims",
        title="What the paper claims",
        caption=captions.of_both_splits(what, "claims", group, show_published=False),
        corner="Claim",
        columns=COLUMNS,
        rows=tuple(rows),
        remarks=(
            *captions.left_out(group),
            *_streams(group),
            "Of SpoC's row in the paper's table 3a three cells are not readable and left out.",
        ),
        facts=group.facts,
    )


def _wins(group: Group) -> Row:
    """Return the row that counts where Cama has the highest TSR of the conditional GANs."""
    paper_rates = published.success_rates()
    places = Selection("cama").places()
    theirs = [[paper_rates.get((*place, name), (None, None))[0] for name in CONDITIONAL] for place in places]
    rows = [_only(group, name) for name in CONDITIONAL]
    ours = [[_rate(group, row, place) for row in rows] for place in places]
    names = ", ".join(LABELS[n] for n in CONDITIONAL)
    text = f"Cama's TSR is the highest of {names} (ties count) on most targets and splits"
    none = Entry("")
    paper, there = _won(theirs)
    here = [Entry(None, INCOMPLETE)] * 2 if any(None in values for values in ours) else _won(ours)
    return Row("cama-wins", text, (paper, none, there, here[0], none, none, here[1], none, none), ranked=False)


def _streams(group: Group) -> tuple[str, ...]:
    """Return the remark about success on each stream of an attack's own evaluator, where records tell them apart."""
    found = []
    for attack in group.attacks:
        for split in ("in", "out"):
            rates_of = [(name, group.surrogate(attack, split, name)) for name in group.streams]
            texts = [f"{name} {show(rate, 'rate')}" for name, rate in rates_of if rate is not None]
            if texts:
                found.append(f"{attack.label} {split} {', '.join(texts)}")
    return (f"TSR in percent on the streams of own evaluators: {'; '.join(found)}.",) if found else ()


def _won(table: Sequence[Sequence[float | None]]) -> list[Entry]:
    """Return how often the first of a row is the highest, among rows without a gap, and whether it mostly is."""
    whole = [[rate for rate in row if rate is not None] for row in table if None not in row]
    won = sum(row[0] >= max(row) for row in whole)
    return [Entry(f"{won} of {len(whole)}"), Entry(TRUE if 2 * won > len(whole) else FALSE)]


def _side(selection: Selection, group: Group) -> Side:
    return Side(_published(selection), _ours(selection, group))


def _published(selection: Selection) -> float:
    paper_rates = published.success_rates()
    found = [paper_rates.get((*place, selection.attack), (None, None))[0] for place in selection.places()]
    return mean([rate for rate in found if rate is not None])


def _only(group: Group, name: str) -> AttackRow | None:
    """Return the attack of this name, or None where it was not run, or with several sets of parameters."""
    found = [a for a in group.attacks if a.name == name]
    return found[0] if len(found) == 1 else None


def _cell(group: Group, row: AttackRow | None, place: Place) -> Cell | None:
    overlap, split, backbone, preprocessor = place
    return group.cell(row, published.target_name(overlap, backbone, preprocessor), split) if row else None


def _rate(group: Group, row: AttackRow | None, place: Place) -> float | None:
    cell = _cell(group, row, place)
    return rates.tsr(cell) if cell is not None else None


def _ours(selection: Selection, group: Group) -> Sequence[Cell] | None:
    """Return all cells of a selection, or None if one of them is missing or has no TSR."""
    row = _only(group, selection.attack)
    cells = [_cell(group, row, place) for place in selection.places()]
    whole = [c for c in cells if c is not None and rates.tsr(c) is not None]
    return whole if len(whole) == len(cells) else None
