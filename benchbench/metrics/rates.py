"""Counts to rates, squared errors to decibels: pure functions without torch, data or plugins.

`counts[true][wanted][predicted]` holds numbers of crafted photographs: `true` in the order of the split's classes,
`wanted` 0 to known - 1 (a class is never wanted for its own photographs, those rows are zero), `predicted` any class
of the target. None stands for a rate that is not defined; it is never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchbench.records.cell import Cell

Counts = NDArray[np.int64]
PEAK = 255.0


def success(counts: Counts) -> float | None:
    """Return TSR, the share predicted as the wanted class, averaged over the wanted classes; None without trials.

    Args:
        counts: (true, wanted, predicted).
    """
    wanted = np.arange(counts.shape[1])
    trials = counts.sum(axis=(0, 2))
    if counts.size == 0 or not trials.all():
        return None
    hits = counts[:, wanted, wanted].sum(axis=0)
    return float(np.mean(hits / trials))


def untargeted_success(counts: Counts, classes: Sequence[int]) -> float | None:
    """Return USR, the share not predicted as the true class, averaged over the true classes.

    None where the target has no such class (a complete-overlap target on unknown camera models), or without trials.

    Args:
        counts: (true, wanted, predicted).
        classes: the true class of each row of `counts`.
    """
    if counts.size == 0 or any(true >= counts.shape[2] for true in classes):
        return None
    trials = counts.sum(axis=(1, 2))
    if not trials.all():
        return None
    correct = np.array([counts[i, :, true].sum() for i, true in enumerate(classes)])
    return float(np.mean(1 - correct / trials))


def accuracy(confusion: Counts, classes: Sequence[int]) -> float | None:
    """Return the share of clean photographs that are classified correctly, averaged over the true classes.

    Args:
        confusion: (true, predicted), rows in the order of `classes`.
    """
    trials = confusion.sum(axis=1)
    if confusion.size == 0 or any(true >= confusion.shape[1] for true in classes) or not trials.all():
        return None
    correct = np.array([confusion[i, true] for i, true in enumerate(classes)])
    return float(np.mean(correct / trials))


def psnr(squared_error: float, values: int) -> float:
    """Return the PSNR in dB, peak 255, infinite for identical images.

    Args:
        squared_error: sum of squared differences in grey levels.
        values: how many pixel values were compared (height x width x channels).
    """
    return 10 * math.log10(PEAK**2 * values / squared_error) if squared_error > 0 else math.inf


def mean_per_wanted(sums: Sequence[float], images: Sequence[int]) -> float | None:
    """Return the mean per wanted class, then over those that have any image; None where none has."""
    means = [total / count for total, count in zip(sums, images, strict=True) if count]
    return math.fsum(means) / len(means) if means else None


def psnr_mean(cell: Cell) -> float | None:
    """Return the cell's PSNR in dB: mean per wanted class, then over those; identical images are left out.

    None where every image came out unchanged, as the control `identity` leaves them.
    """
    return mean_per_wanted(cell.craft.psnr_sum, cell.craft.psnr_images)


def ssim_mean(cell: Cell) -> float | None:
    """Return the cell's structural similarity in [-1, 1]: mean per wanted class, then over those.

    None where the photographs are smaller than its window.
    """
    sums = cell.craft.ssim_sum
    return mean_per_wanted(sums, _crafted(cell)) if sums is not None else None


def l1_mean(cell: Cell) -> float | None:
    """Return the cell's mean absolute difference in gray levels: mean per wanted class, then over those."""
    return mean_per_wanted(cell.craft.l1_sum, _crafted(cell))


def own_evaluator(cell: Cell) -> float | None:
    """Return the targeted success rate in [0, 1] on the attack's own evaluator, or None where it has none."""
    hits = cell.craft.surrogate_hits
    return mean_per_wanted(hits, _crafted(cell)) if hits is not None else None


def _crafted(cell: Cell) -> list[int]:
    """Return how many photographs were crafted for each wanted class, those that came out unchanged too."""
    return [a + b for a, b in zip(cell.craft.psnr_images, cell.craft.identical, strict=True)]


def tsr(cell: Cell) -> float | None:
    """Return the targeted success rate of a cell in [0, 1]."""
    return success(np.asarray(cell.counts, dtype=np.int64))


def usr(cell: Cell) -> float | None:
    """Return the untargeted success rate of a cell in [0, 1], or None where it is undefined."""
    return untargeted_success(np.asarray(cell.counts, dtype=np.int64), cell.split.classes)


def clean_accuracy(cell: Cell) -> float | None:
    """Return the target's accuracy on the split's unattacked photographs, or None where it lacks their classes."""
    return accuracy(np.asarray(cell.target.clean, dtype=np.int64), cell.split.classes)


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
