"""What a cell must say of itself before anything is computed of it: sizes, ranges, names; one that does not is refused.

A digest shows that a record is as it was written. It does not show that whoever wrote it was a run of benchbench.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields

from benchbench.base.errors import BenchError
from benchbench.base.names import fault
from benchbench.contracts.protocol import Protocol
from benchbench.contracts.scenario import NO_CAMERA
from benchbench.contracts.task import TASKS
from benchbench.records.cell import CLASSIFICATION, Cell, Craft, TargetPart

MOST_MODELS = 10_000
"""Camera models of a data set, and classes of a target."""
MOST_COUNTS = 50_000_000
"""Numbers in the table of true, wanted and predicted classes: 400 MB."""
_PROTOCOL = tuple(field.name for field in fields(Protocol))
LARGEST = 1e30
"""No measure and no outcome is larger; sums of larger ones would overflow."""


def contradiction(cell: Cell, craft: Craft | None = None) -> str:
    """Return the first thing that a cell says and cannot be so, as the end of a sentence; '' for a sound one.

    Args:
        craft: what the cell has of its craft, where many cells have it: it is looked through once for all of them.
    """
    if craft is None:
        craft = Craft.model_construct(**{name: getattr(cell, name) for name in Craft.model_fields})
    if "contradiction" not in craft.derived:
        craft.derived["contradiction"] = next(_of_craft(craft), "")
    return craft.derived["contradiction"] or next(_of_cell(cell), "")


def _of_craft(craft: Craft) -> Iterator[str]:
    yield from _names(craft)
    yield from _sizes(craft)
    yield from _trials(craft)
    yield from _measures(craft)
    try:
        known = {k: v for k, v in craft.protocol.items() if k in _PROTOCOL}
        Protocol(**known)
    except (BenchError, TypeError) as error:
        yield f"its protocol cannot be: {str(error).rstrip('.')}"


def _of_cell(cell: Cell) -> Iterator[str]:
    # A target is the same object for all cells that it judged.
    there = cell.target.derived
    models = len(cell.split.classes)
    if models not in there:
        there[models] = next(itertools.chain(_target(cell.target), _clean(cell.target, models)), "")
    if there[models]:
        yield there[models]
    if models * cell.dataset.known * cell.target.classes > MOST_COUNTS:
        yield "a table of its counts would not fit"
    yield from _outcomes(cell)
    seconds = cell.provenance.get("seconds", 0.0)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LARGEST:
        yield f"it took {seconds!r} seconds"


def _names(craft: Craft) -> Iterator[str]:
    attack = craft.attack
    plain = [("profile", craft.profile), ("data set", craft.dataset.name), ("split", craft.split.name)]
    plain += [("attack", attack.name)]
    plain += [("camera model", model) for model in craft.dataset.camera_models]
    slashed = [("title", attack.title)]
    slashed += [("measure", name) for name in craft.craft.measures] + [("parameter", name) for name in attack.params]
    yield from _faults(plain, slashed)


def _target(target: TargetPart) -> Iterator[str]:
    parts = [("target", target.name), ("backbone", target.backbone or "-")]
    yield from _faults([("task", target.task)], [*parts, ("preprocessor", target.preprocessor or "-")])
    if not 1 <= target.classes <= MOST_MODELS:
        yield f"a target of {target.classes} classes"


def _faults(plain: Iterable[tuple[str, str]], slashed: Iterable[tuple[str, str]]) -> Iterator[str]:
    for names, slashes in ((plain, False), (slashed, True)):
        for kind, name in names:
            if why := fault(name, slashes=slashes):
                yield f"its name of the {kind} {why}"


def _sizes(craft: Craft) -> Iterator[str]:
    dataset, split, models = craft.dataset, craft.split, len(craft.dataset.camera_models)
    if not 1 <= dataset.known <= models <= MOST_MODELS:
        yield f"{dataset.known} of {models} camera models are known"
    stop = MOST_MODELS if split.fits else models  # pictures of its own may be by models of its own
    if list(split.classes) != sorted(set(split.classes)) or any(not NO_CAMERA <= c < stop for c in split.classes):
        yield "classes of the split are not camera models, each once"
    if split.scene and len(split.scene) != len(split.true):
        yield "its scenes are not of its photographs"
    if not all(-1 <= scene < 2**31 for scene in split.scene):
        yield "a scene has a number that cannot be"
    if split.images != len(split.true) or not set(split.true) <= set(split.classes):
        yield f"{split.images} photographs, and {len(split.true)} true classes"


def _trials(craft: Craft) -> Iterator[str]:
    trials = craft.craft.trials
    if len(trials.wanted) != len(trials.photograph):
        yield "its outcomes are not of its trials"
    if not _within(trials.photograph, len(craft.split.true)) or not _within(trials.wanted, craft.dataset.known):
        yield "its trials are of photographs or models that it does not have"


def _outcomes(cell: Cell) -> Iterator[str]:
    outcomes = cell.outcomes
    if any(len(column) != len(cell.craft.trials.photograph) for column in outcomes.values()):
        yield "its outcomes are not of its trials"
    if cell.target.task != CLASSIFICATION:
        if not outcomes:
            yield "it has no outcomes"
        elif lacking := _columns(cell.target) - set(outcomes):
            yield f"it lacks '{min(lacking)}', which task '{cell.target.task}' records"
        if not all(column.whole or _numbers(column) for column in outcomes.values()):
            yield "an outcome is no number of a size that can be"
    elif set(outcomes) != {"predicted"} or not outcomes["predicted"].whole:
        yield "its outcomes are not classes"
    elif not _within(outcomes["predicted"].numbers.tolist(), cell.target.classes):
        yield "its outcomes are of classes that its target does not have"


def _columns(target: TargetPart) -> frozenset[str]:
    """Return what the target's task records; nothing where it is not installed here."""
    if "columns" not in target.derived:
        task = target.task
        target.derived["columns"] = frozenset(TASKS.create(task).columns if task in TASKS else ())
    found: frozenset[str] = target.derived["columns"]
    return found


def _measures(whole: Craft) -> Iterator[str]:
    craft, known, count = whole.craft, whole.dataset.known, len(whole.craft.trials.photograph)
    if not {"psnr", "l1"} <= set(craft.measures):
        yield "it has no PSNR or no L1"
    for name, found in craft.measures.items():
        if len(found.sums) != known or len(found.images) != known or not _within(found.images, count + 1):
            yield f"measure '{name}' is not one of its trials"
        if found.values is not None and len(found.values) != count:
            yield f"measure '{name}' is not one of its trials"
        if not _numbers(found.sums) or not _numbers(found.values or ()):
            yield f"measure '{name}' has a value that cannot be"
    for counts in (craft.identical, *((craft.surrogate_hits,) if craft.surrogate_hits is not None else ())):
        if len(counts) != known or not _within(counts, count + 1):
            yield "its counts of photographs are not of its trials"
    if not 0 <= craft.clipped <= 1 or craft.target_calls < 0:
        yield "shares or calls below nothing"


def _clean(target: TargetPart, models: int) -> Iterator[str]:
    if target.task == CLASSIFICATION:
        shape = [len(row) for row in target.clean]
        if shape != [target.classes] * models:
            yield "its clean confusion matrix is not one of its classes"
        if not _within({n for row in target.clean for n in row}, MOST_COUNTS):
            yield "its clean confusion matrix holds counts that cannot be"
    if not all(map(_numbers, target.unattacked.values())):
        yield "an outcome of unattacked photographs is no number of a size that can be"


def _within(values: Collection[int], stop: int) -> bool:
    return not values or (min(values) >= 0 and max(values) < stop)


def _numbers(values: Iterable[float | None]) -> bool:
    """Say whether all are of a size that can be, but for those that are not there."""
    found = (v for v in values if v is not None)
    return all(-LARGEST <= v <= LARGEST for v in found)  # as NaN is not
