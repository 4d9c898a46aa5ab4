"""The leaderboard as a table: the attacks of one group of cells, best first."""

from __future__ import annotations

from benchbench.metrics import intervals
from benchbench.report import captions
from benchbench.report.comparisons import NO_EVALUATOR
from benchbench.report.groups import LABELS, Group, mean_or_none
from benchbench.report.leaderboard import RATES, SETTINGS, SPLITS, leaderboard_rows
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.papers.cama2020 import published
from benchbench.report.papers.cama2020.quality import NO_PSNR, UNCHANGED
from benchbench.report.papers.cama2020.success import SAME

NOT_RANKED = "not every one of the 48 targets and two splits has been scored"
NO_RIVAL = "controls and plain filters have no rank"


def leaderboard_table(group: Group, *, show_published: bool) -> Table:
    """Build the table of attacks, best first: rank, mean rates, distortion and success on the own evaluator."""
    labels = {(a.name, a.params): a for a in group.attacks}
    rows = []
    for found in leaderboard_rows(group):
        attack = labels[str(found["attack"]), str(found["params"])]
        entries = [Entry(found["rank"], NOT_RANKED if attack.ranked else NO_RIVAL)]
        for rate in RATES:
            low, high = found[f"{rate}_low"], found[f"{rate}_high"]
            paper = (_published(attack.name, rate), None) if show_published and attack.name in LABELS else None
            between = (low, high) if isinstance(low, float) and isinstance(high, float) else None
            entries.append(Entry(found[rate], NOT_RANKED, published=paper, interval=between))
        for split in SPLITS:
            value, unchanged, made = group.psnr(attack, split)
            paper = (published.psnr()[attack.name][SPLITS.index(split)], None) if entries[1].published else None
            why = (UNCHANGED if unchanged == made else NO_PSNR) if made else captions.NO_CELL
            entries.append(Entry(value, why, published=paper))
        entries += [Entry(group.surrogate(attack, split), NO_EVALUATOR) for split in SPLITS]
        rows.append(Row(attack.key, attack.label, tuple(entries), ranked=attack.ranked))
    what = (
        "TSR and USR in percent, means over the paper's eight settings (the evaluators' architecture or others,"
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
            Column("tsr", "TSR", better="higher"),
            Column("usr", "USR", better="higher"),
            Column("psnr_in", "PSNR in", "decibel"),
            Column("psnr_out", "PSNR out", "decibel"),
            Column("own_in", "Own evaluator in"),
            Column("own_out", "Own evaluator out"),
        ),
        rows=tuple(rows),
        remarks=captions.left_out(group),
        published=show_published,
        facts=group.facts,
    )


def _published(attack: str, rate: intervals.Rate) -> float | None:
    """Return the paper's mean over its settings, where it gives one for each."""
    means = []
    for setting in SETTINGS:
        kind, overlap = setting.split("_")
        for split in SPLITS:
            if rate == "usr" and overlap == "complete" and split == "out":
                continue
            found = [
                pair[RATES.index(rate)]
                for (o, s, backbone, preprocessor, name), pair in published.success_rates().items()
                if (o, s, name) == (overlap, split, attack)
                and preprocessor != published.MEAN
                and (backbone == SAME) == (kind == "same")
            ]
            means.append(mean_or_none([value for value in found if value is not None]))
    return mean_or_none(means)
