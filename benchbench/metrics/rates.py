"""Counts to rates, squared errors to decibels: pure functions without torch, data or plugins.

`counts[true][wanted][predicted]` holds numbers of crafted photographs: `true` in the order of the split's classes,
`wanted` 0 to known - 1 (a class is never wanted for its own photographs, those rows are zero), `predicted` any class
of the target. None stands for a rate that is not defined; it is never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Contributions, Judged, Metric
from benchbench.records.cell import CLASSIFICATION, tabulate

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

Counts = NDArray[np.int64]
PEAK = 255.0
NO_TRUE_CLASS = "the target has no class for the true camera model"


def success(counts: Counts) -> float | None:
    """Return TSR, the share predicted as the wanted class, averaged over the wanted classes; None without trials.

    Args:
        counts: (true, wanted, predicted).
    """
    found = _successes(counts)
    return None if found is None else float(found)


def _successes(counts: Counts) -> NDArray[np.float64] | None:
    """Return TSR of each table (..., true, wanted, predicted) of one craft; None without trials."""
    wanted = np.arange(counts.shape[-2])
    trials = counts.sum(axis=(-3, -1))
    if counts.size == 0 or not trials.all():
        return None
    found: NDArray[np.float64] = (counts[..., wanted, wanted].sum(axis=-2) / trials).mean(axis=-1)
    return found


def untargeted_success(counts: Counts, classes: Sequence[int]) -> float | None:
    """Return USR, the share not predicted as the true class, averaged over the true classes.

    None where it is not defined (`no_true_class`), or without trials.

    Args:
        counts: (true, wanted, predicted).
        classes: the true class of each row of `counts`.
    """
    found = _untargeted_successes(counts, classes)
    return None if found is None else float(found)


def _untargeted_successes(counts: Counts, classes: Sequence[int]) -> NDArray[np.float64] | None:
    """Return USR of each table (..., true, wanted, predicted) of one craft; None where it is not defined."""
    if counts.size == 0 or no_true_class(counts.shape[-1], tuple(classes)):
        return None
    seen = counts.sum(axis=-2)
    trials = seen.sum(axis=-1)
    if not trials.all():
        return None
    found: NDArray[np.float64] = (1 - seen[..., np.arange(len(classes)), classes] / trials).mean(axis=-1)
    return found


def accuracy(confusion: Counts, classes: Sequence[int]) -> float | None:
    """Return the share of clean photographs that are classified correctly, averaged over the true classes.

    Args:
        confusion: (true, predicted), rows in the order of `classes`.
    """
    trials = confusion.sum(axis=1)
    if confusion.size == 0 or no_true_class(confusion.shape[1], tuple(classes)) or not trials.all():
        return None
    correct = confusion[np.arange(len(classes)), classes]
    return float((correct / trials).mean())


def no_true_class(classes: int, true_classes: tuple[int, ...]) -> str:
    """Return why a target cannot be right about photographs, or nothing.

    Args:
        classes: how many camera models it tells apart, those of lowest number.
        true_classes: of the photographs.
    """
    return NO_TRUE_CLASS if any(not 0 <= true < classes for true in true_classes) else ""


def usr_is_defined(overlap: str, split: str) -> bool:
    """Say whether targets of an overlap have classes for the photographs of a split, see `no_true_class`."""
    return overlap == "partial" or split == "in"


def _hits(judged: Judged) -> Contributions | None:
    return _weighed(judged, judged.outcomes["predicted"] == judged.wanted, judged.wanted, range(judged.known))


def _moved(judged: Judged) -> Contributions | None:
    if no_true_class(judged.classes, judged.true_classes):
        return None
    return _weighed(judged, judged.outcomes["predicted"] != judged.true, judged.true, judged.true_classes)


def _weighed(
    judged: Judged, hit: NDArray[np.bool_], classes: NDArray[np.int64], needed: Sequence[int]
) -> Contributions | None:
    """Return the share of hits averaged over classes, a number a photograph; None where a class has no trial."""
    if not hit.size:
        return None
    found = _weights(judged.photograph.tobytes(), classes.tobytes(), tuple(needed))
    return Contributions(judged.sums(found[0] * hit), found[1]) if found is not None else None


@lru_cache(maxsize=64)
def _weights(
    photograph: bytes, classes: bytes, needed: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the weight of each trial, and their sum for each photograph: the same for all targets of a craft."""
    image, wanted = np.frombuffer(photograph, np.int64), np.frombuffer(classes, np.int64)
    count = np.bincount(wanted, minlength=max(needed) + 1)
    if any(count[c] == 0 for c in needed):
        return None
    weight = 1 / (len(needed) * count[wanted])
    return weight, np.bincount(image, weights=weight)


TSR = Metric(
    key="tsr",
    title="TSR",
    unit="%",
    higher=True,
    text="predicted as the wanted camera model",
    value=lambda judged: success(tabulate(judged)),
    contributions=_hits,
)
USR = Metric(
    key="usr",
    title="USR",
    unit="%",
    higher=True,
    text="not predicted as the true camera model",
    value=lambda judged: untargeted_success(tabulate(judged), judged.true_classes),
    contributions=_moved,
    undefined=no_true_class,
)


def psnr(squared_error: float, values: int) -> float:
    """Return the PSNR in dB, peak 255, infinite for identical images.

    Args:
        squared_error: sum of squared differences in grey levels.
        values: how many pixel values were compared (height x width x channels).
    """
    return 10 * math.log10(PEAK**2 * values / squared_error) if squared_error > 0 else math.inf


@lru_cache(maxsize=4096)
def mean_per_wanted(sums: tuple[float, ...], images: tuple[int, ...]) -> float | None:
    """Return the mean per wanted class, then over those that have any image; None where none has."""
    means = [total / count for total, count in zip(sums, images, strict=True) if count]
    return math.fsum(means) / len(means) if means else None


def psnr_mean(cell: Cell) -> float | None:
    """Return the cell's PSNR in dB: mean per wanted class, then over those; identical images are left out.

    None where every image came out unchanged, as the control `identity` leaves them.
    """
    return measure_mean(cell, "psnr")


def ssim_mean(cell: Cell) -> float | None:
    """Return the cell's structural similarity in [-1, 1]: mean per wanted class, then over those.

    None where the photographs are smaller than its window.
    """
    return measure_mean(cell, "ssim")


def l1_mean(cell: Cell) -> float | None:
    """Return the cell's mean absolute difference in gray levels: mean per wanted class, then over those."""
    return measure_mean(cell, "l1")


def measure_mean(cell: Cell, name: str) -> float | None:
    """Return the mean of a measure per wanted class, then over those; None where no photograph has a value."""
    found = cell.craft.measures.get(name)
    return mean_per_wanted(found.sums, found.images) if found is not None else None


def own_evaluator(cell: Cell, stream: str | None = None) -> float | None:
    """Return the targeted success rate in [0, 1] on the attack's own evaluator, or None where it has none.

    Args:
        stream: that of one stream of the evaluator, by name.
    """
    craft = cell.craft
    hits = craft.surrogate_hits if stream is None else craft.stream_hits.get(stream)
    hits = hits if cell.attack.goal == "forge" else None
    return mean_per_wanted(hits, _crafted(cell)) if hits is not None else None


def _crafted(cell: Cell) -> tuple[int, ...]:
    """Return how many photographs were crafted for each wanted class, those that came out unchanged too."""
    return tuple(a + b for a, b in zip(changed_images(cell), cell.craft.identical, strict=True))


def changed_images(cell: Cell) -> tuple[int, ...]:
    """Return how many photographs came out changed, per wanted class."""
    return cell.craft.measures["psnr"].images


def tsr(cell: Cell) -> float | None:
    """Return the targeted success rate of a cell in [0, 1], or None for an attack that erases: it wants no model."""
    return _kept(cell, TSR) if cell.attack.goal == "forge" else None


def usr(cell: Cell) -> float | None:
    """Return the untargeted success rate of a cell in [0, 1], or None where it is undefined."""
    return _kept(cell, USR)


def _kept(cell: Cell, metric: Metric) -> float | None:
    if cell.target.task != CLASSIFICATION:
        return None
    if ("value", metric) not in cell.derived:
        keep_rates([cell], together([cell]))
    found: float | None = cell.derived["value", metric]
    return found


def together(cells: Sequence[Cell]) -> Judged:
    """Return what metrics see of cells of one craft, whose targets know as many classes: outcomes (cells, T)."""
    predicted = np.array([cell.judged.outcomes["predicted"] for cell in cells])
    return replace(cells[0].judged, outcomes={"predicted": predicted})


def keep_rates(cells: Sequence[Cell], judged: Judged) -> None:
    """Compute TSR and USR of some cells at once, so that `tsr` and `usr` of each have them ready.

    Args:
        judged: these cells, see `together`.
    """
    counts = tabulate(judged)
    for metric, found in ((TSR, _successes(counts)), (USR, _untargeted_successes(counts, judged.true_classes))):
        values = [None] * len(cells) if found is None else found.tolist()
        for cell, value in zip(cells, values, strict=True):
            cell.derived["value", metric] = value


def clean_accuracy(cell: Cell) -> float | None:
    """Return the target's accuracy on the split's unattacked photographs, or None where it lacks their classes."""
    if cell.target.task != CLASSIFICATION:
        return None
    return _accuracy(cell.target.clean, cell.split.classes)


@lru_cache(maxsize=1024)
def _accuracy(clean: tuple[tuple[int, ...], ...], classes: tuple[int, ...]) -> float | None:
    return accuracy(np.asarray(clean, dtype=np.int64), classes)


METRICS: dict[str, dict[str, Any]] = {
    "tsr": {"title": "TSR", "unit": "%", "higher": True, "text": "predicted as the wanted camera model"},
    "usr": {"title": "USR", "unit": "%", "higher": True, "text": "not predicted as the true camera model"},
    "psnr": {"title": "PSNR", "unit": "dB", "higher": True, "text": "against the original, peak 255"},
    "ssim": {"title": "SSIM", "unit": "-", "higher": True, "text": "structural similarity, 1: unchanged"},
    "l1": {"title": "L1", "unit": "gray levels", "higher": False, "text": "mean absolute difference to the original"},
    "own_evaluator": {
        "title": "own evaluator",
        "unit": "%",
        "higher": True,
        "text": "taken for the wanted camera model by the attack's own evaluator",
    },
    "accuracy": {"title": "clean accuracy", "unit": "%", "higher": True, "text": "unattacked test photographs"},
}
"""What `bench list metrics` shows; `higher` says which direction is better for an attack (accuracy: for a target)."""
