"""leaderboard.html: one self-contained page, sorted and filtered in the browser from numbers that are made here.

Every mean with its interval and every rank is computed by `benchbench.metrics`, once for each combination of
filters (`benchbench.report.filters`), so that the page has no statistics of its own to be wrong about. Each group of
cells is a text of its own, which the browser reads when it is chosen, so that many groups do not open slower than few.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from typing import Any

from benchbench.base.files import file_name
from benchbench.metrics import intervals, rates
from benchbench.records.cell import Cell, TargetPart, predictions
from benchbench.records.dataset import DatasetSummary
from benchbench.report.catalog import claims_of
from benchbench.report.erasing import erasing_table
from benchbench.report.filters import AXES, RATES, choices, place_of
from benchbench.report.gates import gates
from benchbench.report.groups import AttackRow, Group, attack_key, condition_texts
from benchbench.report.model import Entry, show
from benchbench.report.paper import papers, sources
from benchbench.report.robustness import robustness_table
from benchbench.report.tasks import tasks_table
from benchbench.report.words import WORDS

_SHOWN = {"psnr", "ssim", "l1"}
"""Measures that have a place of their own."""


def page(found: Sequence[tuple[Group, DatasetSummary | None]]) -> str:
    """Return the page for groups of cells, each with its dataset.json."""
    from jinja2 import Environment, StrictUndefined

    text = (resources.files("benchbench.report") / "templates" / "leaderboard.html.j2").read_text(encoding="utf-8")
    ordered = sorted(found, key=lambda f: _order(f[0]))
    head = {
        "groups": [group.facts for group, _ in ordered],
        "axes": _axes(ordered),
        "conditions": condition_texts(),
        "words": WORDS | condition_texts(),
        "papers": [[paper.title, paper.year, _address(paper.url)] for paper in papers()],
    }
    bodies = [_json(_group(group, summary)) for group, summary in ordered]
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
    return template.render(data=_json(head), groups=bodies)


def _json(value: Any) -> str:
    # A "<" of a stranger's title could end the script element that holds the data, or open another.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).replace("<", "\\u003c")


def _order(group: Group) -> tuple[Any, ...]:
    return group.dataset, group.profile, group.data_id, group.seed, *group.standing


def _axes(found: Sequence[tuple[Group, Any]]) -> dict[str, list[str]]:
    """Return the values of each axis, in the order of tables."""
    places = {place_of(cell) for group, _ in found for cell in group.cells}
    words = [name for paper in papers() for name in (*paper.backbones, *paper.preprocessors)]
    known = {"overlap": ["complete", "partial"], "split": ["in", "out"]}

    def order(axis: str, name: str) -> tuple[int, str]:
        names = known.get(axis, words)
        return names.index(name) if name in names else len(names), name

    return {axis: sorted({place[i] for place in places}, key=partial(order, axis)) for i, axis in enumerate(AXES)}


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
    views = choices(group)
    if summary is not None and summary.data_id != group.data_id:
        summary = None  # of other photographs
    return {
        "facts": group.facts,
        "models": list((group.cells or group.others or group.erased or group.elsewhere)[0].dataset.camera_models),
        "attacks": attacks,
        "views": views.index,
        "rows": views.rows,
        **_cells(group),
        "gates": [[g.title, g.word, g.figures] for g in gates(group, summary)],
        "claims": _claims(group),
        "robustness": _robustness(group),
        **({"tasks": _tasks(group)} if group.others else {}),
        **({"erasing": _erasing(group)} if group.of_cameras.others else {}),
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
    mine = (cell for split in ("in", "out") for cell in group.of(attack, split))
    said = next((cell.attack.links for cell in mine if cell.attack.links), {})
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
    for row in robustness_table(group.without_baselines).rows:
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
    for table in claims_of(group):
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


def _cells(group: Group) -> dict[str, Any]:
    """Return the cells, and what many of them share: crafts, targets, provenances; cells name these by their number."""
    crafts: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    targets: dict[str, tuple[int, dict[str, Any]]] = {}
    made: dict[str, tuple[int, dict[str, Any]]] = {}
    cells = []
    for cell in group.cells:
        estimates: list[float | None] = []
        for rate in RATES:
            found = intervals.mean_rate([cell], rate)
            estimates += [_short(v) for v in (found.value, found.low, found.high)] if found else [None] * 3
        origin = {k: v for k, v in cell.provenance.items() if k not in ("seconds", "utc")}
        target = cell.target
        which = (target.name, target.version, sorted(target.fits.items()))
        cells.append(
            [
                cell.cell_id,
                _number(crafts, (cell.craft.craft_id, cell.split.fingerprint), partial(_craft, cell)),
                _number(targets, repr(which), partial(_target, target)),
                estimates,
                _short(rates.clean_accuracy(cell)),
                predictions(cell.judged).tolist(),
                _short(float(cell.provenance.get("seconds", 0.0)), 1),
                _number(made, repr(origin), origin.copy),
            ]
        )
    shared = (("crafts", crafts), ("targets", targets), ("provenance", made))
    return {"cells": cells, **{name: [text for _, text in found.values()] for name, found in shared}}


def _number(found: dict[Any, tuple[int, dict[str, Any]]], key: Any, made: Callable[[], dict[str, Any]]) -> int:
    """Return the number of what has this key; it is made where it is new."""
    if key not in found:
        found[key] = len(found), made()
    return found[key][0]


def _craft(cell: Cell) -> dict[str, Any]:
    """Return what the page shows of a cell and its craft has."""
    return {
        "attack": AttackRow(*attack_key(cell), "").key,
        "split": cell.split.name,
        "psnr": _short(rates.psnr_mean(cell), 2),
        "images": cell.split.images,
        "record": {
            "craft_id": cell.craft.craft_id,
            "attack version": cell.attack.version,
            "attack parameters": cell.attack.params,
            "attack networks": cell.attack.fits,
            "split fingerprint": cell.split.fingerprint[:16],
            "protocol": cell.protocol,
            "calibrated": cell.craft.facts,
            "target calls while crafting": cell.craft.target_calls,
            "unchanged photographs": sum(cell.craft.identical),
            **{name: _short(rates.measure_mean(cell, name)) for name in sorted(set(cell.craft.measures) - _SHOWN)},
        },
    }


def _target(target: TargetPart) -> dict[str, Any]:
    """Return what the page shows of a cell and its target has."""
    return {
        "name": target.name,
        "overlap": target.overlap,
        "backbone": target.backbone,
        "preprocessor": target.preprocessor,
        "record": {"target version": target.version, "target networks": target.fits},
    }


def _short(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
