"""From trials to a cell: counts and sums that do not depend on how the trials were cut into parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import TargetError
from benchbench.base.identity import plain, source_digest
from benchbench.contracts.attack import WHOLE, Attack
from benchbench.contracts.fit import Setup
from benchbench.contracts.scenario import SCENARIOS, scenario_fits
from benchbench.contracts.target import Target
from benchbench.contracts.task import TASKS, TaskContext, recorded
from benchbench.contracts.trials import Split, Trials, expanded, true_classes, wanted_models
from benchbench.evaluate.crossing import CrossingResult
from benchbench.harness.plan import Plan, PlannedCell, attack_fits, target_fits
from benchbench.records.cell import (
    CLASSIFICATION,
    AttackPart,
    Cell,
    CraftPart,
    DatasetPart,
    MeasurePart,
    SplitPart,
    TargetPart,
    TrialsPart,
)
from benchbench.records.column import Column

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset


def make_cell(
    planned: PlannedCell,
    parts: Sequence[CrossingResult],
    clean: Mapping[str, Any],
    plan: Plan,
    dataset: Dataset,
    provenance: Mapping[str, Any],
    view: int,
) -> Cell:
    """Return the cell of one target from all parts of its crossing, in order.

    Args:
        planned: the cell as it was planned; its ids go into the record.
        parts: of one attack on one split, none missing.
        clean: what the target makes of the unattacked photographs: {confusion: ...} or {unattacked: ...}.
        plan: setup and protocol.
        dataset: the photographs.
        provenance: see `benchbench.base.provenance`.
        view: which of the crossing's views the cell is of.
    """
    setup, target = plan.setup, planned.target
    classes = true_classes(setup.known, setup.classes, planned.split)
    joined = Trials(
        *(np.concatenate([getattr(part.trials, name) for part in parts]) for name in ("image", "true", "wanted"))
    )
    scenario = SCENARIOS.create(planned.split)
    every = scenario.true(setup, dataset.classes("test"))
    rows, each = expanded(joined, wanted_models(every, setup.known, planned.protocol.wanted))
    photographs, first = by_photograph(each)
    scene = dataset.photos("test").scene[each.image[first]].tolist() if scenario.photographs else ()
    return Cell(
        cell_id=planned.cell_id,
        profile=setup.profile.name,
        dataset=DatasetPart(
            name=dataset.name,
            data_id=dataset.data_id,
            camera_models=tuple(dataset.camera_models),
            known=dataset.known,
            size=dataset.size,
        ),
        attack=_attack_part(planned.attack, setup),
        target=_target_part(target, setup, clean),
        split=SplitPart(
            name=planned.split,
            fingerprint=scenario.fingerprint(setup, dataset),
            images=len(first),
            classes=tuple(classes),
            true=tuple(int(t) for t in each.true[first]),
            scene=tuple(int(s) for s in scene),
            fits=scenario_fits(planned.split, setup),
        ),
        protocol=plain(planned.protocol),
        craft=_craft_part(planned, parts, each, rows, photographs, setup.known, view),
        outcomes={
            name: Column(column[i] for i in rows)
            for name, column in outcomes(parts, view, target, setup, dataset).items()
        },
        provenance=dict(provenance),
        profile_digest=setup.profile.digest,
    )


def outcomes(
    parts: Sequence[CrossingResult], view: int, target: Target, setup: Setup, dataset: Dataset
) -> dict[str, tuple[int | float | None, ...]]:
    """Return what a target's task records of all trials of a crossing, by column.

    Args:
        parts: all of them, in order.
        view: which of the crossing's views.

    Raises:
        TargetError: the task made something else of them than its columns.
    """
    task = TASKS.create(target.card.task)
    joined = Trials(
        *(np.concatenate([getattr(part.trials, name) for part in parts]) for name in ("image", "true", "wanted"))
    )
    found = [part.views[view].outcomes[target.name] for part in parts]
    whole = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    context = TaskContext(known=setup.known, classes=target.classes(setup), target=target.name, dataset=dataset)
    try:
        return recorded(task, task.finish(whole, joined, context), len(joined))
    except Exception as error:  # a stranger's task may raise anything; it is named, and the other cells are kept
        raise TargetError(f"target '{target.name}' failed in task '{task.name}': {error}.") from error


def clean_facts(
    parts: Sequence[CrossingResult], target: Target, split: Split, setup: Setup, dataset: Dataset
) -> dict[str, Any]:
    """Return what a target makes of the unattacked photographs of a split, see `Cache.clean`.

    Args:
        parts: of the crossing of clean photographs, in order.

    Raises:
        TargetError: see `outcomes`.
    """
    if target.card.task == CLASSIFICATION:
        return {"confusion": confusion(parts, target, split, setup)}
    return {"unattacked": outcomes(parts, 0, target, setup, dataset)}


def confusion(parts: Sequence[CrossingResult], target: Target, split: Split, setup: Setup) -> list[list[int]]:
    """Return how a classifier names the unattacked photographs of a split: by true class of the split, by predicted.

    Args:
        parts: of the crossing of clean photographs, in any order.
    """
    classes = true_classes(setup.known, setup.classes, split)
    table = np.zeros((len(classes), target.classes(setup)), np.int64)
    for part in parts:
        np.add.at(table, (part.trials.true - classes[0], part.views[0].outcomes[target.name]["predicted"]), 1)
    found: list[list[int]] = table.tolist()
    return found


def by_photograph(trials: Trials) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of each trial the number of its photograph, from 0, and of each photograph its first trial.

    Args:
        trials: (N,) each field; the trials of a photograph follow one another.
    """
    if not len(trials):
        return trials.image, trials.image
    new = np.flatnonzero(np.diff(trials.image, prepend=trials.image[0] - 1))
    return np.searchsorted(new, np.arange(len(trials)), side="right") - 1, new


def _attack_part(attack: Attack, setup: Setup) -> AttackPart:
    card, spec = attack.card, attack.spec()
    return AttackPart(
        name=attack.name,
        title=card.title if attack.name == card.name else attack.name,  # a bridge has one card for many attacks
        version=card.version,
        knowledge=card.knowledge,
        control=card.control,
        baseline=card.baseline,
        goal=card.goal,
        params=spec["params"],
        fits=attack_fits(attack, setup),
        source=source_digest(attack),
        links={what: url for what, url in (("paper", card.paper_url), ("code", card.code_url)) if url},
    )


def _target_part(target: Target, setup: Setup, clean: Mapping[str, Any]) -> TargetPart:
    card, spec = target.card, target.spec()
    return TargetPart(
        name=card.name,
        version=card.version,
        backbone=card.backbone,
        preprocessor=card.preprocessor,
        overlap=card.overlap,
        params=spec["params"],
        classes=target.classes(setup),
        fits=target_fits(target, setup),
        source=source_digest(target),
        task=card.task,
        clean=tuple(tuple(row) for row in clean.get("confusion", ())),
        unattacked={name: Column(column) for name, column in clean.get("unattacked", {}).items()},
    )


def _craft_part(
    planned: PlannedCell,
    parts: Sequence[CrossingResult],
    trials: Trials,
    rows: NDArray[np.int64],
    photographs: NDArray[np.int64],
    known: int,
    view: int,
) -> CraftPart:
    """Return what crafting did.

    Args:
        trials: one for each wanted class, see `expanded`; `rows` says which of the parts' trials each comes from.
        photographs: number of each trial's photograph.
        view: which of the crossing's views.
    """
    from benchbench.evaluate.measures import joined

    views = [part.views[view] for part in parts]
    measured = {name: found[rows] for name, found in joined([v.measures for v in views]).items()}
    masks = [trials.wanted == wanted for wanted in range(known)]
    values = sum(v.values for v in views)
    said = set.intersection(*(set(v.surrogate) for v in views))
    hits = {
        name: tuple(int((found[mask] == wanted).sum()) for wanted, mask in enumerate(masks))
        for name in sorted(said)
        for found in [np.concatenate([v.surrogate[name] for v in views])[rows]]
    }
    unchanged = np.isinf(measured["psnr"])
    return CraftPart(
        craft_id=planned.craft_id,
        trials=TrialsPart(
            photograph=tuple(int(i) for i in photographs),
            wanted=tuple(int(w) for w in trials.wanted),
        ),
        measures={name: _measure_part(found, masks) for name, found in measured.items() if not np.isnan(found).all()},
        identical=tuple(int(unchanged[mask].sum()) for mask in masks),
        surrogate_hits=hits.pop(WHOLE, None),
        stream_hits=hits,
        clipped=sum(v.clipped for v in views) / values if values else 0.0,
        target_calls=sum(part.target_calls for part in parts),
        facts=plain(parts[0].facts),
    )


def _measure_part(found: NDArray[np.float64], masks: Sequence[NDArray[np.bool_]]) -> MeasurePart:
    finite = [values[np.isfinite(values)] for values in (found[mask] for mask in masks)]
    return MeasurePart(
        sums=tuple(math.fsum(values) for values in finite),
        images=tuple(len(values) for values in finite),
        values=Column(float(v) if math.isfinite(v) else None for v in found),
    )
