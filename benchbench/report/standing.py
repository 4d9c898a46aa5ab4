"""How attacks stand against each other and against those of other results, over the same targets and photographs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchbench.metrics.ranks import ranks as ranks_of
from benchbench.metrics.samples import Sample
from benchbench.records.cell import Cell
from benchbench.report import captions, means
from benchbench.report.entries import NO_PSNR, UNCHANGED
from benchbench.report.groups import AttackRow, Group, attack_key, groups
from benchbench.report.model import Column, Entry, Row, Table

SPLITS = ("in", "out")
NO_RANK = "controls, plain filters, white-box attacks and attacks that lack a cell have no rank"
INCOMPLETE = "not every target has been scored"


@dataclass
class _Rival:
    """One attack of one of the results."""

    attack: AttackRow
    group: Group
    origin: str
    cells: list[Cell]
    whole: bool
    tsr: list[Sample] | None = None
    rank: int | None = field(default=None)


def standing(
    mine: Iterable[Cell], others: Iterable[Cell], ours: str = "here", theirs: str = "reference"
) -> list[Table]:
    """Return a ranked table for each data set, profile and protocol of `mine`.

    It has the attacks of both over the targets and splits of `mine`; of `others` those that were judged on all of
    them, by the same networks on the same photographs.

    Args:
        mine, others: cells; all tasks but classification are left out.
        ours, theirs: what the column "from" calls them.
    """
    found = {_same(group): group for group in groups(others)}
    return [_table(group, found.get(_same(group)), ours, theirs) for group in groups(mine) if group.cells]


def _same(group: Group) -> tuple[str, str, str]:
    return group.data_id, group.profile, group.protocol


def _judge(cell: Cell) -> tuple[str, ...]:
    """Return what must be equal of two cells for their rates to compare."""
    networks = sorted(cell.target.fits.items())
    return cell.target.name, str(cell.target.version), str(networks), cell.split.name, cell.split.fingerprint


def _table(group: Group, other: Group | None, ours: str, theirs: str) -> Table:
    judges = sorted({_judge(cell) for cell in group.cells})
    rivals = _rivals(group, judges, ours)
    known = {(rival.attack.key, _version(rival)) for rival in rivals if rival.whole}
    added = [r for r in _rivals(other, judges, theirs) if r.whole] if other is not None else []
    rivals += [r for r in added if (r.attack.key, _version(r)) not in known]
    for rival in rivals:
        rival.tsr = means.samples(rival.cells, "tsr") if rival.whole else None
    ranked = [rival for rival in rivals if rival.attack.ranked]
    for rival, rank in zip(ranked, ranks_of([r.tsr for r in ranked]), strict=True):
        rival.rank = rank
    rivals.sort(key=_order)
    targets = {judge[0] for judge in judges}
    splits = [split for split in SPLITS if any(judge[3] == split for judge in judges)]
    remarks = list(captions.left_out(group))
    if other is None or not added:
        remarks.append(f"The {theirs} results have no attack on these photographs, targets and this condition.")
    elif same := [r.attack.label for r in added if (r.attack.key, _version(r)) in known]:
        remarks += _agreement(group, added, same, theirs)
    return Table(
        number="",
        title="How the attacks stand",
        caption=(
            f"Mean TSR and mean USR in percent with 95 % intervals, over {len(targets)} "
            f"target{'s' * (len(targets) != 1)}, split "
            f"{' and '.join(splits)}; mean PSNR in dB.",
            captions.setting(group),
        ),
        corner="Attack",
        columns=(
            Column("rank", "Rank", "count"),
            Column("tsr", "Mean TSR", better="higher"),
            Column("usr", "Mean USR", better="higher"),
            *(Column(f"psnr_{split}", f"PSNR {split}", "decibel") for split in splits),
            Column("from", "From", "text"),
        ),
        rows=tuple(_row(rival, splits) for rival in rivals),
        remarks=tuple(remarks),
        intervals=True,
        facts=group.facts,
    )


def _rivals(group: Group | None, judges: Sequence[tuple[str, ...]], origin: str) -> list[_Rival]:
    found = []
    for attack in group.attacks if group is not None else ():
        mine = {_judge(c): c for c in group.cells if attack_key(c) == (attack.name, attack.params)} if group else {}
        cells = [mine[judge] for judge in judges if judge in mine]
        if group is not None and cells:
            found.append(_Rival(attack, group, origin, cells, len(cells) == len(judges)))
    return found


def _version(rival: _Rival) -> tuple[int, str]:
    return rival.cells[0].attack.version, str(sorted(rival.cells[0].attack.fits.items()))


def _agreement(group: Group, added: Sequence[_Rival], labels: Sequence[str], theirs: str) -> list[str]:
    """Say whether attacks that both have gave the same outcomes."""
    mine = {cell.cell_id: cell for cell in group.cells}
    apart = 0
    shared = 0
    for cell in (c for rival in added if rival.attack.label in labels for c in rival.cells):
        if (own := mine.get(cell.cell_id)) is not None:
            shared += 1
            apart += own.outcomes != cell.outcomes
    if not shared:
        return []
    names = ", ".join(labels)
    if not apart:
        return [f"{names}: all {shared} cells are as in the {theirs} results."]
    return [
        f"{names}: {apart} of {shared} cells differ from the {theirs} results in some outcomes, as they may by rounding"
        " on another kind of processor (`bench compare` says by how much)."
    ]


def _order(rival: _Rival) -> tuple[object, ...]:
    value = sum(float(s.values.sum()) for s in rival.tsr) if rival.tsr else -1.0
    return (*rival.attack.apart, rival.tsr is None, -value, rival.attack.key)


def _row(rival: _Rival, splits: Sequence[str]) -> Row:
    entries = [Entry(rival.rank, NO_RANK)]
    for rate in ("tsr", "usr"):
        found = means.mean_rate(rival.cells, rate) if rival.whole else None
        between = (found.low, found.high) if found is not None else None
        entries.append(Entry(found.value if found else None, INCOMPLETE, interval=between))
    for split in splits:
        value, unchanged, made = rival.group.psnr(rival.attack, split)
        entries.append(Entry(value, UNCHANGED if made and unchanged == made else NO_PSNR))
    entries.append(Entry(rival.origin))
    return Row(rival.attack.key, rival.attack.label, tuple(entries), ranked=rival.attack.ranked)
