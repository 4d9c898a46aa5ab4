"""From trials to a cell: counts and sums that do not depend on how the trials were cut into parts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.identity import plain, source_digest
from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Setup
from benchbench.contracts.target import Target
from benchbench.contracts.trials import ANY, Split, Trials, true_classes
from benchbench.evaluate.crossing import Crossed
from benchbench.harness.plan import Plan, PlannedCell, attack_fits, target_fits
from benchbench.records.cell import AttackPart, Cell, CraftPart, DatasetPart, SplitPart, TargetPart

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset


def make_cell(
    planned: PlannedCell,
    parts: Sequence[Crossed],
    clean: Sequence[Sequence[int]],
    plan: Plan,
    dataset: Dataset,
    provenance: Mapping[str, Any],
    view: int,
) -> Cell:
    """Return the cell of one target from all parts of its crossing, in order.

    Args:
        planned: the cell as it was planned; its ids go into the record.
        parts: of one attack on one split, none missing.
        clean: the target's confusion matrix on the unattacked photographs.
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
    predicted = np.concatenate([part.views[view].predicted[target.name] for part in parts])
    table = counts(joined, predicted, classes, setup.known, target.classes(setup))
    true, outcomes = by_photograph(joined, predicted, setup.known)
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
            fingerprint=dataset.fingerprint("test"),
            images=len(true),
            classes=tuple(classes),
            true=true,
        ),
        protocol=plain(planned.protocol),
        craft=_craft_part(planned, parts, joined, setup.known, view),
        counts=tuple(tuple(tuple(row) for row in rows) for rows in table.tolist()),
        predicted=outcomes,
        provenance=dict(provenance),
    )


def confusion(parts: Sequence[Crossed], target: Target, split: Split, setup: Setup) -> list[list[int]]:
    """Return how a target names the unattacked photographs of a split: by true class of the split, by predicted class.

    Args:
        parts: of the crossing of clean photographs, in any order.
    """
    classes = true_classes(setup.known, setup.classes, split)
    table = np.zeros((len(classes), target.classes(setup)), np.int64)
    for part in parts:
        np.add.at(table, (part.trials.true - classes[0], part.views[0].predicted[target.name]), 1)
    found: list[list[int]] = table.tolist()
    return found


def counts(
    trials: Trials, predicted: NDArray[np.int64], classes: range, known: int, target_classes: int
) -> NDArray[np.int64]:
    """Count outcomes by [true][wanted][predicted].

    A trial with wanted class ANY counts for every wrong class: crafting for each would give the same photograph.

    Args:
        trials: (N,) each field.
        predicted: (N,) class predicted by the target.
        classes: the true classes of the split.
        known: number of classes that can be wanted.
        target_classes: number of classes that can be predicted.
    """
    table = np.zeros((len(classes), known, target_classes), np.int64)
    for wanted in range(known):
        mask = wanted_mask(trials, wanted)
        np.add.at(table[:, wanted], (trials.true[mask] - classes[0], predicted[mask]), 1)
    return table


def by_photograph(
    trials: Trials, predicted: NDArray[np.int64], known: int
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """Return the true class of each photograph, and its predicted classes by wanted class, the true one left out.

    Args:
        trials: (N,) each field; the trials of a photograph follow one another, wanted classes ascending.
        predicted: (N,).
        known: number of classes that can be wanted.
    """
    true: list[int] = []
    outcomes: list[list[int]] = []
    last = -1
    for image, label, wanted, found in zip(trials.image, trials.true, trials.wanted, predicted, strict=True):
        if image != last:
            true.append(int(label))
            outcomes.append([])
            last = image
        outcomes[-1] += [int(found)] * (known - (label < known) if wanted == ANY else 1)
    return tuple(true), tuple(tuple(found) for found in outcomes)


def wanted_mask(trials: Trials, wanted: int) -> NDArray[np.bool_]:
    """Mark the trials that stand for wanted class `wanted`."""
    mask: NDArray[np.bool_] = (trials.wanted == wanted) | ((trials.wanted == ANY) & (trials.true != wanted))
    return mask


def _attack_part(attack: Attack, setup: Setup) -> AttackPart:
    card, spec = attack.card, attack.spec()
    return AttackPart(
        name=attack.name,
        title=card.title if attack.name == card.name else attack.name,  # a bridge has one card for many attacks
        version=card.version,
        knowledge=card.knowledge,
        control=card.control,
        baseline=card.baseline,
        params=spec["params"],
        fits=attack_fits(attack, setup),
        source=source_digest(attack),
    )


def _target_part(target: Target, setup: Setup, clean: Sequence[Sequence[int]]) -> TargetPart:
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
        clean=tuple(tuple(row) for row in clean),
    )


def _craft_part(planned: PlannedCell, parts: Sequence[Crossed], trials: Trials, known: int, view: int) -> CraftPart:
    from benchbench.evaluate.measures import Distortion

    views = [part.views[view] for part in parts]
    measured = Distortion.joined([v.distortion for v in views if v.distortion is not None])
    masks = [wanted_mask(trials, wanted) for wanted in range(known)]
    by_class = [measured.psnr[mask] for mask in masks]
    changed = [found[np.isfinite(found)] for found in by_class]
    values = sum(v.values for v in views)
    said = [v.surrogate for v in views if v.surrogate is not None]
    surrogate = np.concatenate(said) if len(said) == len(views) else None
    return CraftPart(
        craft_id=planned.craft_id,
        psnr_sum=tuple(math.fsum(found) for found in changed),
        psnr_images=tuple(len(found) for found in changed),
        identical=tuple(len(found) - len(finite) for found, finite in zip(by_class, changed, strict=True)),
        ssim_sum=None if np.isnan(measured.ssim).any() else tuple(math.fsum(measured.ssim[mask]) for mask in masks),
        l1_sum=tuple(math.fsum(measured.l1[mask]) for mask in masks),
        surrogate_hits=None
        if surrogate is None
        else tuple(int((surrogate[mask] == wanted).sum()) for wanted, mask in enumerate(masks)),
        clipped=sum(v.clipped for v in views) / values if values else 0.0,
        target_calls=sum(part.target_calls for part in parts),
        facts=plain(parts[0].facts),
    )
