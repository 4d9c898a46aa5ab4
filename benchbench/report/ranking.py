"""The leaderboard as a table: the attacks of one group of cells, best first."""

from __future__ import annotations

from benchbench.metrics.samples import Rate
from benchbench.report import captions
from benchbench.report.comparisons import NO_EVALUATOR
from benchbench.report.entries import NO_PSNR, UNCHANGED
from benchbench.report.groups import Group
from benchbench.report.leaderboard import RATES, SPLITS, leaderboard_rows
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.paper import labels, papers

NOT_RANKED = "not every one of the 48 targets and two splits has been scored"
NO_RIVAL = "controls, limits, plain filters and white-box attacks have no rank"
NO_SHARE = "the limit itself"


def leaderboard_table(group: Group, *, show_published: bool) -> Table:
    """Build the table of attacks, best first: rank, mean rates, distortion and success on the own evaluator."""
    known = labels()
    rows_of = {(a.name, a.params): a for a in group.broad}
    rows = []
    for found in leaderboard_rows(group):
        attack = rows_of.get((str(found["attack"]), str(found["params"])))
        if attack is None:
            continue
        entries = [Entry(found["rank"], NOT_RANKED if attack.ranked else NO_RIVAL)]
        for rate in RATES:
            low, high = found[f"{rate}_low"], found[f"{rate}_high"]
            paper = (_published(attack.name, rate), None) if show_published and attack.name in known else None
            between = (low, high) if isinstance(low, float) and isinstance(high, float) else None
            entries.append(Entry(found[rate], NOT_RANKED, published=paper, interval=between))
        if group.limit is not None:
            low, high = found["share_of_limit_low"], found["share_of_limit_high"]
            between = (low, high) if isinstance(low, float) and isinstance(high, float) else None
            why = NO_SHARE if attack.limit else NOT_RANKED
            entries.append(Entry(found["share_of_limit"], why, interval=between))
        for split in SPLITS:
            value, unchanged, made = group.psnr(attack, split)
            theirs = _psnr(attack.name) if entries[1].published else None
            paper = (theirs[SPLITS.index(split)], None) if theirs else None
            why = (UNCHANGED if unchanged == made else NO_PSNR) if made else captions.NO_CELL
            entries.append(Entry(value, why, published=paper))
        entries += [Entry(group.surrogate(attack, split), NO_EVALUATOR) for split in SPLITS]
        rows.append(Row(attack.key, attack.label, tuple(entries), ranked=attack.ranked))
    what = (
        "Mean TSR and mean USR in percent, over the paper's eight settings (the evaluators' architecture or others,"
        " complete or partial overlap, both splits), each weighing the same; mean PSNR in dB; TSR on the attack's own"
        " evaluator. Attacks that photographs do not tell apart share a rank."
    )
    return Table(
        number="leaderboard",
        title="Leaderboard",
        caption=captions.of_both_splits(what, "leaderboard", group, show_published),
        corner="Attack",
        columns=(
            Column("rank", "Rank", "count"),
            Column("tsr", "Mean TSR", better="higher"),
            Column("usr", "Mean USR", better="higher"),
            *([Column("share_of_limit", "TSR, % of the limit's")] if group.limit is not None else []),
            Column("psnr_in", "PSNR in", "decibel"),
            Column("psnr_out", "PSNR out", "decibel"),
            Column("own_in", "Own evaluator in"),
            Column("own_out", "Own evaluator out"),
        ),
        rows=tuple(rows),
        remarks=(*captions.left_out(group), *captions.thin(group.thin)),
        published=show_published,
        facts=group.facts,
    )


def _published(attack: str, rate: Rate) -> float | None:
    """Return the mean of the first paper that has one."""
    return next((found for paper in papers() if (found := paper.rate(attack, rate)) is not None), None)


def _psnr(attack: str) -> tuple[float | None, float | None] | None:
    return next((found for paper in papers() if (found := paper.psnr(attack)) is not None), None)
