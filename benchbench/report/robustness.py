"""Targets by how hard they are to fool: each of them, and each preprocessor and backbone over all that have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchbench.metrics import intervals
from benchbench.metrics.ranks import ranks as ranks_of
from benchbench.metrics.samples import Sample, combine
from benchbench.records.cell import Cell
from benchbench.report import captions, means
from benchbench.report.groups import AttackRow, Group, attack_key
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.paper import grid, papers

LACKS = "not every attack has been scored on it"
FEW = "no attack that competes has been scored"


@dataclass(frozen=True)
class Fooled:
    """How often attacks fool a target, or a group of targets."""

    samples: list[Sample] | None
    """What each photograph adds to the mean TSR over attacks, targets and splits; None where a cell is missing."""
    each: Mapping[str, intervals.Estimate]
    """By attack's key."""

    @property
    def mean(self) -> intervals.Estimate | None:
        """The mean TSR, each attack weighing the same."""
        return intervals.rate_interval(self.samples) if self.samples else None

    @property
    def strongest(self) -> str:
        """The key of the attack that fools most often; '' where there is none."""
        return max(self.each, key=lambda key: (self.each[key].value, key), default="")


def fooled(cells: Mapping[str, Sequence[Cell | None]]) -> Fooled:
    """Return how often attacks fool targets.

    Args:
        cells: by attack's key, one for each target and split.
    """
    kept: dict[str, list[Sample]] = {}
    weighed: list[tuple[float, Sample]] = []
    whole = True
    for key, mine in cells.items():
        there = [cell for cell in mine if cell is not None]
        parts = means.weighed(there, "tsr") if len(there) == len(mine) else []
        whole &= bool(parts)
        weighed += [(weight / len(cells), part) for weight, part in parts]
        kept[key] = combine(parts)
    estimates = zip(kept, intervals.each_interval(list(kept.values())), strict=True)
    each = {key: estimate for key, estimate in estimates if estimate is not None}
    return Fooled(combine(weighed) if weighed and whole else None, each)


def ranks(found: Sequence[Fooled]) -> list[int | None]:
    """Return the rank of each, 1 the most robust: one and the number of those that are fooled less often, by more than
    chance explains (`benchbench.metrics.ranks`).
    """
    kept = []
    for one in found:
        withstood = [replace(s, values=s.full - s.values) for s in one.samples or ()]
        kept.append(withstood or None)
    return ranks_of(kept)


def targets_table(group: Group) -> Table:
    """Build the table of targets, most robust first within each overlap."""
    attacks = _rivals(group)
    rows: list[Row] = []
    for overlap in ("complete", "partial"):
        names = sorted({c.target.name for c in group.cells if c.target.overlap == overlap})
        rows += _rows([(name, name, [name]) for name in names], group, attacks, overlap)
    what = "of each target; targets of one overlap are compared, since a target that knows more camera models is harder"
    return _table("targets", "Targets", f"{what} to fool.", "Target", "Overlap", rows, group, attacks)


def robustness_table(group: Group) -> Table:
    """Build the table of preprocessors and backbones, most robust first."""
    if "robustness" not in group.derived:
        group.derived["robustness"] = _robustness(group)
    found: Table = group.derived["robustness"]
    return found


def _robustness(group: Group) -> Table:
    attacks = _rivals(group)
    labels: dict[str, str] = {}
    for paper in reversed(papers()):
        labels |= {**paper.backbones, **paper.preprocessors}
    rows: list[Row] = []
    every = {c.target.name: c.target for c in group.cells}
    compared = {name: every[name] for name in grid() if name in every} or every
    for kind in ("preprocessor", "backbone"):
        places: dict[str, list[str]] = {}
        for name, target in compared.items():
            places.setdefault(getattr(target, kind), []).append(name)
        # Such as have the same partners: another set of targets would be another comparison.
        most = max((len(names) for names in places.values()), default=0)
        each = [(key, labels.get(key, key), sorted(names)) for key, names in places.items() if len(names) == most]
        rows += _rows(each, group, attacks, kind.capitalize())
    what = "of all targets with a preprocessor, and with a backbone."
    return _table("robustness", "What withstands attacks", what, "", "", rows, group, attacks)


def _rivals(group: Group) -> list[AttackRow]:
    """Return the attacks that compete and were scored as often as any other, on targets of the papers' settings."""
    known = set(grid())
    often = Counter(attack_key(c) for c in [c for c in group.cells if c.target.name in known] or group.cells)
    count = {a.key: often[a.name, a.params] for a in group.attacks if a.ranked}
    most = max(count.values(), default=0)
    return [a for a in group.attacks if count.get(a.key) == most]


def _rows(
    each: Sequence[tuple[str, str, list[str]]], group: Group, attacks: Sequence[AttackRow], block: str
) -> list[Row]:
    splits = sorted({c.split.name for c in group.cells})
    made = [
        fooled({a.key: [group.cell(a, name, split) for name in names for split in splits] for a in attacks})
        for _, _, names in each
    ]
    titles = {a.key: a.label for a in attacks}
    rows = []
    for (key, label, _), one, rank in zip(each, made, ranks(made), strict=True):
        mean, top = one.mean, one.each.get(one.strongest)
        why = LACKS if attacks else FEW
        entries = [
            Entry(rank, why),
            Entry(mean.value if mean else None, why, interval=_between(mean)),
            Entry(top.value if top else None, why, interval=_between(top)),
            Entry(titles.get(one.strongest), why),
            *(Entry(one.each[a.key].value if a.key in one.each else None, LACKS) for a in attacks),
        ]
        rows.append((mean.value if mean else 2.0, Row(key, label, tuple(entries), block=block)))
    return [row for _, row in sorted(rows, key=lambda found: (found[0], found[1].key))]


def _between(found: intervals.Estimate | None) -> tuple[float, float] | None:
    return (found.low, found.high) if found is not None else None


def _table(
    number: str,
    title: str,
    what: str,
    corner: str,
    blocks: str,
    rows: Sequence[Row],
    group: Group,
    attacks: Sequence[AttackRow],
) -> Table:
    return Table(
        number=number,
        title=title,
        caption=(
            "How often each is fooled: mean TSR in percent, over both splits, by all attacks that compete, each"
            f" weighing the same, and by the strongest, {what} Rank 1 is fooled least; those that photographs do not"
            " tell apart share a rank.",
            captions.setting(group),
            captions.command(number, group, show_published=False),
        ),
        corner=corner or "Part",
        columns=(
            Column("rank", "Rank", "count"),
            Column("tsr", "By all", better="lower"),
            Column("strongest", "By the strongest", better="lower"),
            Column("by", "which is", "text"),
            *(Column(f"tsr_{a.name}", a.label) for a in attacks),
        ),
        rows=tuple(rows),
        block_title=blocks or "By",
        remarks=captions.left_out(group),
        facts=group.facts,
    )
