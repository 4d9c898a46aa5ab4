"""leaderboard.html: one self-contained page, sorted and filtered in the browser from numbers that are made here.

Every mean with its interval and every rank is computed by `benchbench.metrics`, once for each combination of
filters, so that the page has no statistics of its own to be wrong about.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from benchbench.base.files import file_name
from benchbench.base.identity import canonical_json
from benchbench.metrics import intervals, rates
from benchbench.records.cell import Cell
from benchbench.records.dataset import DatasetSummary
from benchbench.report import captions, means
from benchbench.report.catalog import condition_order
from benchbench.report.erasing import erasing_table
from benchbench.report.gates import gates
from benchbench.report.groups import AttackRow, Group, attack_key
from benchbench.report.model import Entry, show
from benchbench.report.paper import papers, sources
from benchbench.report.robustness import robustness_table
from benchbench.report.tasks import tasks_table
from benchbench.report.words import WORDS

ANY = "all"
_SHOWN = {"psnr", "ssim", "l1"}
"""Measures that have a place of their own."""
AXES = ("overlap", "split", "backbone", "preprocessor")
RATES: tuple[intervals.Rate, ...] = ("tsr", "usr")


def page(found: Sequence[tuple[Group, DatasetSummary | None]]) -> str:
    """Return the page for groups of cells, each with its dataset.json."""
    from jinja2 import Environment, StrictUndefined

    text = (resources.files("benchbench.report") / "templates" / "leaderboard.html.j2").read_text(encoding="utf-8")
    ordered = sorted(found, key=lambda f: _order(f[0]))
    data = {
        "groups": [_group(group, summary) for group, summary in ordered],
        "axes": {axis: _values(ordered, axis) for axis in AXES},
        "conditions": captions.condition_texts(),
        "words": WORDS | captions.condition_texts(),
        "papers": [[paper.title, paper.year, _address(paper.url)] for paper in papers()],
    }
    # A "<" of a stranger's title could end the script element that holds the data, or open another.
    body = json.dumps(data, ensure_ascii=True, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text).render(data=body)


def _order(group: Group) -> tuple[Any, ...]:
    condition = condition_order(group.condition)
    return group.dataset, group.profile, group.data_id, group.seed, group.track != "native", group.track, condition


def _values(found: Sequence[tuple[Group, Any]], axis: str) -> list[str]:
    names = {_place(cell)[AXES.index(axis)] for group, _ in found for cell in group.cells}
    known = {"overlap": ["complete", "partial"], "split": ["in", "out"]}.get(axis)
    known = known or [name for paper in papers() for name in (*paper.backbones, *paper.preprocessors)]
    return sorted(names, key=lambda n: (known.index(n) if n in known else len(known), n))


def _place(cell: Cell) -> tuple[str, str, str, str]:
    return cell.target.overlap, cell.split.name, cell.target.backbone, cell.target.preprocessor


def _group(group: Group, summary: DatasetSummary | None) -> dict[str, Any]:
    attacks = [
        {
            "key": a.key,
            "label": a.label,
            "kind": _kind(a),
            "links": _links(a, group),
            "distortion": {
                split: [_short(group.psnr(a, split)[0], 2), *(_short(v) for v in group.similarity(a, split))]
                for split in ("in", "out")
            },
        }
        for a in group.attacks
    ]
    return {
        "facts": group.facts,
        "models": list((group.cells or group.others or group.erased or group.elsewhere)[0].dataset.camera_models),
        "attacks": attacks,
        "views": _views(group),
        "cells": [_cell(cell) for cell in group.cells],
        "gates": [[g.title, g.word, g.figures] for g in gates(group, summary)],
        "claims": _claims(group),
        "robustness": _robustness(group),
        **({"tasks": _tasks(group), "erasing": _erasing(group)} if group.others else {}),
        "provenance": _provenance(group),
        **(
            {"data": f"{file_name(group.dataset)}/{file_name(group.profile)}/dataset.json"}
            if summary is not None
            else {}
        ),
        **({"warning": summary.warning} if summary is not None and summary.warning else {}),
    }


def _kind(attack: AttackRow) -> str:
    """Return what the page calls an attack beside its name, unless it competes."""
    kinds = (("limit", attack.limit), ("control", attack.control), ("filter", attack.baseline))
    return next((kind for kind, so in (*kinds, ("white-box", attack.white_box)) if so), "attack")


def _links(attack: AttackRow, group: Group) -> dict[str, str]:
    """Return where the attack's paper and code are: as its newest record says, or else as a paper here says."""
    said = next((c.attack.links for c in group.cells if _key(c) == attack.key and c.attack.links), {})
    found = {"paper": sources().get(attack.name, "")} | said
    return {what: address for what in ("paper", "code") if (address := _address(found.get(what, "")))}


def _address(url: str) -> str:
    """Return a web address as it is, and nothing for what is none: a stranger's link could be a script."""
    return url if url.startswith(("https://", "http://")) else ""


def _tasks(group: Group) -> list[list[str]]:
    """Return what targets of other tasks answered, as texts: target, attack, its numbers."""
    table = tasks_table(group)
    return [
        [
            row.block,
            row.label,
            "; ".join(
                f"{column.title} {show(entry.value, column.kind)}"
                for column, entry in zip(table.columns, row.entries, strict=True)
                if entry.value not in (None, "")
            ),
        ]
        for row in table.rows
    ]


def _erasing(group: Group) -> dict[str, Any]:
    """Return the leaderboard of what erases, as texts: its columns, its rows, and what it shows."""
    table = erasing_table(group)
    rows = [
        {
            "label": row.label,
            "ranked": row.ranked,
            "values": [
                show(entry.value, column.kind)
                + (f" [{show(entry.interval[0], 'rate')}, {show(entry.interval[1], 'rate')}]" if entry.interval else "")
                for column, entry in zip(table.columns, row.entries, strict=True)
            ],
        }
        for row in table.rows
    ]
    return {"columns": [column.title for column in table.columns], "rows": rows, "caption": table.caption[0]}


def _robustness(group: Group) -> list[list[str]]:
    """Return preprocessors and backbones as texts: what, rank, by all with its interval, by the strongest, which is."""
    found = []
    for row in robustness_table(group).rows:
        rank, mean, top, by = row.entries[:4]
        between = f" [{show(mean.interval[0], 'rate')}, {show(mean.interval[1], 'rate')}]" if mean.interval else ""
        found.append(
            [
                f"{row.label} ({row.block.lower()})",
                show(rank.value, "count"),
                show(mean.value, "rate") + between,
                show(top.value, "rate"),
                show(by.value, "text"),
            ]
        )
    return found


def _claims(group: Group) -> list[list[str]]:
    """Return the sentences as texts: each, its figures, ours, the difference, the verdict, both for other targets."""
    found = []
    for table in (table for paper in papers() if (table := paper.claims(group)) is not None):
        for row in table.rows:
            paper_first, against, _, here, other, gap, verdict, *population = row.entries
            pairs = [
                " / ".join(t for t in (show(a.value, "rate"), show(b.value, "rate")) if t)
                for a, b in ((paper_first, against), (here, other))
            ]
            wider = [_ranged(population[0]), show(population[1].value, "text")] if population else ["", ""]
            found.append([row.label, *pairs, _ranged(gap), show(verdict.value, "text"), *wider])
    return found


def _ranged(entry: Entry) -> str:
    """Return a rate with its interval as text."""
    between = f" [{show(entry.interval[0], 'rate')}, {show(entry.interval[1], 'rate')}]" if entry.interval else ""
    return show(entry.value, "rate") + between


def _views(group: Group) -> dict[str, list[list[Any]]]:
    """Return {"overlap|split|backbone|preprocessor": a row an attack}, for every combination that has cells.

    A row is [cells, tsr, low, high, usr, low, high, rank]; an attack that lacks a cell that another has is None,
    since its mean would compare with nothing. The means are those of `benchbench.report.means`.
    """
    places: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in group.cells:
        key = (cell.target.name, cell.split.name)
        places.setdefault(key, {})[_key(cell)] = cell
    found: dict[str, list[list[Any]]] = {}
    where = {key: _place(next(iter(cells.values()))) for key, cells in places.items()}
    choices = [[ANY, *sorted({place[i] for place in where.values()})] for i in range(len(AXES))]
    for combination in itertools.product(*choices):
        chosen = [
            key
            for key, place in where.items()
            if all(want in (ANY, have) for want, have in zip(combination, place, strict=True))
        ]
        if chosen:
            found["|".join(combination)] = _rows(group.attacks, [places[key] for key in chosen])
    return found


def _rows(attacks: Sequence[AttackRow], chosen: Sequence[dict[str, Cell]]) -> list[list[Any]]:
    made: list[list[Any]] = []
    rated: list[list[intervals.Sample] | None] = []
    for attack in attacks:
        cells = [place[attack.key] for place in chosen if attack.key in place]
        row: list[Any] = [len(cells)]
        whole = len(cells) == len(chosen)
        for rate in RATES:
            mine = means.samples(cells, rate) if whole else None
            if rate == "tsr":
                rated.append(mine if attack.ranked else None)
            estimate = intervals.rate_interval(mine) if mine is not None else None
            row += [_short(v) for v in (estimate.value, estimate.low, estimate.high)] if estimate else [None] * 3
        made.append(row)
    for row, rank in zip(made, intervals.ranks(rated), strict=True):
        row.append(rank)
    return made


def _key(cell: Cell) -> str:
    name, params = attack_key(cell)
    return AttackRow(name, params, "").key


def _cell(cell: Cell) -> dict[str, Any]:
    """Return what the page shows of one cell."""
    estimates: list[float | None] = []
    for rate in RATES:
        found = intervals.mean_rate([cell], rate)
        estimates += [_short(v) for v in (found.value, found.low, found.high)] if found else [None] * 3
    return {
        "id": cell.cell_id,
        "attack": _key(cell),
        "target": cell.target.name,
        "place": list(_place(cell)),
        "rates": estimates,
        "psnr": _short(rates.psnr_mean(cell), 2),
        "images": cell.split.images,
        "counts": cell.counts.sum(axis=0).tolist(),
        "clean": _short(rates.clean_accuracy(cell)),
        "record": {
            "craft_id": cell.craft.craft_id,
            "attack version": cell.attack.version,
            "attack parameters": cell.attack.params,
            "attack networks": cell.attack.fits,
            "target version": cell.target.version,
            "target networks": cell.target.fits,
            "split fingerprint": cell.split.fingerprint[:16],
            "protocol": cell.protocol,
            "calibrated": cell.craft.facts,
            "target calls while crafting": cell.craft.target_calls,
            "unchanged photographs": sum(cell.craft.identical),
            **{name: _short(rates.measure_mean(cell, name)) for name in sorted(set(cell.craft.measures) - _SHOWN)},
        },
        "seconds": _short(float(cell.provenance.get("seconds", 0.0)), 1),
        "made": _origin(cell),
    }


def _origin(cell: Cell) -> str:
    text = canonical_json({k: v for k, v in cell.provenance.items() if k not in ("seconds", "utc")})
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _provenance(group: Group) -> dict[str, Any]:
    """Return the distinct provenances of the cells by the digest that cells name."""
    return {_origin(c): {k: v for k, v in c.provenance.items() if k not in ("seconds", "utc")} for c in group.cells}


def _short(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
