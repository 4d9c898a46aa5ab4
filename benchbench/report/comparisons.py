"""Tables beside the paper's: distortion in three measures, and success under each condition and budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchbench.contracts.measure import MEASURES
from benchbench.metrics import rates
from benchbench.report import captions, means
from benchbench.report.entries import NO_PSNR, UNCHANGED
from benchbench.report.groups import AttackRow, Group
from benchbench.report.model import Column, Entry, Row, Table
from benchbench.report.paper import grid

TOO_SMALL = "the photographs are smaller than the window of SSIM"
NOT_MEASURED = "not measured of every craft (`bench run --measures`)"
NO_EVALUATOR = "the attack has no evaluator of its own"
NO_STREAM = "the evaluator has no such stream, or the record does not tell its streams apart"
NOT_SHARED = "no target has been scored under all of these conditions"


def distortion_table(group: Group) -> Table:
    """Build the table of PSNR, SSIM, mean absolute difference, and success on the attack's own evaluator."""
    columns = []
    for key, title, kind in (("psnr", "PSNR", "decibel"), ("ssim", "SSIM", "number"), ("l1", "L1", "number")):
        columns += [Column(f"{key}_{split}", f"{title} {split}", kind) for split in ("in", "out")]  # type: ignore[arg-type]
    others = sorted({name for c in group.cells for name in c.craft.measures} - {"psnr", "ssim", "l1"})
    columns += [
        Column(f"{n}_{split}", f"{measure_title(n)} {split}", "number") for n in others for split in ("in", "out")
    ]
    columns += [Column(f"own_{split}", f"Own evaluator {split}") for split in ("in", "out")]
    columns += [Column(f"own_{n}_{split}", f"{n} {split}") for n in group.streams for split in ("in", "out")]
    rows = []
    for attack in group.attacks:
        found: dict[str, Entry] = {}
        for split in ("in", "out"):
            value, unchanged, made = group.psnr(attack, split)
            why = (UNCHANGED if unchanged == made else NO_PSNR) if made else captions.NO_CELL
            found[f"psnr_{split}"] = Entry(value, why)
            ssim, l1 = group.similarity(attack, split)
            found[f"ssim_{split}"] = Entry(ssim, TOO_SMALL if made else captions.NO_CELL)
            found[f"l1_{split}"] = Entry(l1, captions.NO_CELL)
            for name in others:
                found[f"{name}_{split}"] = Entry(group.measure(attack, split, name), NOT_MEASURED)
            found[f"own_{split}"] = Entry(group.surrogate(attack, split), NO_EVALUATOR if made else captions.NO_CELL)
            for name in group.streams:
                why = NO_STREAM if made else captions.NO_CELL
                found[f"own_{name}_{split}"] = Entry(group.surrogate(attack, split, name), why)
        rows.append(Row(attack.key, attack.label, tuple(found[c.key] for c in columns), ranked=attack.ranked))
    what = (
        "PSNR in dB, structural similarity (SSIM, 1: unchanged) and mean absolute difference in gray levels (L1)"
        " between the photographs that an attacker hands over and the originals; and targeted success in percent"
        " on the attack's own evaluator, which is trained on q"
        + (", and on each of its streams." if group.streams else ".")
    )
    what_shown, *rest = captions.of_both_splits(what, "distortion", group, show_published=False)
    return Table(
        number="distortion",
        title="What attacks and plain filters change",
        caption=(what_shown, *measure_texts(others), *rest),
        corner="Attack",
        columns=tuple(columns),
        rows=tuple(rows),
        remarks=captions.left_out(group),
        facts=group.facts,
    )


def measure_title(name: str) -> str:
    """Return what tables call a measure."""
    return MEASURES.get(name).title if name in MEASURES else name


def measure_texts(names: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each measure that is installed here: what it is, and which direction is better."""
    found = [MEASURES.get(name) for name in names if name in MEASURES]
    return tuple(f"{m.title}: {m.text}; {'higher' if m.higher else 'lower'} is better." for m in found)


def conditions_table(alike: Sequence[Group]) -> Table:
    """Build the table of mean TSR under each condition and budget.

    Args:
        alike: groups of the same photographs, profile and seed; a column each.
    """
    columns = tuple(Column(_name(g), _name(g), pair=True, better="higher") for g in alike)
    shared = _shared(alike)
    attacks: dict[str, AttackRow] = {}
    thin: dict[str, AttackRow] = {}
    for group in alike:
        attacks |= {a.key: a for a in group.broad if a.key not in attacks}
        thin |= {a.key: a for a in group.thin}
    rows = []
    for attack in sorted(attacks.values(), key=lambda a: a.apart):
        entries = [_mean(group, attack, shared) for group in alike]
        rows.append(Row(attack.key, attack.label, tuple(entries), ranked=attack.ranked))
    places = ", ".join(f"{name} ({split})" for name, split in shared)
    if len(shared) > _LISTED:
        names = {name for name, _ in shared}
        places = f"{len(names)} targets, {len(shared)} cells a column"
    first = alike[0]
    return Table(
        number="conditions",
        title="Success under each condition",
        caption=(
            "Mean TSR (mean USR) in percent over the targets and splits that every column has, and that have a USR: "
            f"{places or 'none'}.",
            f"Data set {first.dataset} ({first.data_id[:8]}), profile {first.profile}."
            if first.dataset
            else "No results yet.",
            "A column is what targets see; after a comma the PSNR to which every perturbation was rescaled before.",
            captions.BOLD,
            captions.command("conditions", replace(first, settings={}), show_published=False),  # no column is left out
        ),
        corner="Attack",
        columns=columns,
        rows=tuple(rows),
        remarks=captions.thin([thin[key] for key in thin if key not in attacks]),
        facts=first.facts | {"condition": "all", "budget": "all"},
    )


_LISTED = 8
"""Targets named in a caption; more are counted."""


def _name(group: Group) -> str:
    return group.condition if group.track == "native" else f"{group.condition}, {group.track}"


def _shared(alike: Sequence[Group]) -> list[tuple[str, str]]:
    """Return the (target, split) places that all columns have and where USR is defined.

    Those of the papers' settings, where there are any: other targets were met by few attacks, and the others would have
    no mean.
    """
    places: list[set[tuple[str, str]]] = [
        {(c.target.name, c.split.name) for c in group.cells if rates.usr_is_defined(c.target.overlap, c.split.name)}
        for group in alike
    ]
    shared = sorted(set.intersection(*places)) if places else []
    settings = set(grid())
    return [place for place in shared if place[0] in settings] or shared


def _mean(group: Group, attack: AttackRow, places: Sequence[tuple[str, str]]) -> Entry:
    cells = [group.cell(attack, name, split) for name, split in places]
    whole = [c for c in cells if c is not None]
    if not places:
        return Entry(None, NOT_SHARED)
    if len(whole) < len(cells):
        return Entry(None, captions.NO_CELL)
    tsr, usr = means.mean_rate(whole, "tsr"), means.mean_rate(whole, "usr")
    return Entry(
        tsr.value if tsr else None,
        second=usr.value if usr else None,
        interval=(tsr.low, tsr.high) if tsr else None,
        second_interval=(usr.low, usr.high) if usr else None,
    )
