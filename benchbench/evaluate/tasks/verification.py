"""Verification: was it this device? The target scores a photograph against fingerprints of enrolled devices or models.

The score is the peak-to-correlation energy (PCE) of the photograph's noise residual and a fingerprint; an attack that
erases traces lowers it. Source: Goljan et al. 2009; Chen et al. 2020 (SiamTE), section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Contributions, Judged, Metric, Outcomes, Task, TaskContext
from benchbench.evaluate.tasks.classification import answer

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.trials import Trials

Float = NDArray[np.float64]
THRESHOLD = 60.0
"""A PCE above it is taken for a match (Goljan et al. 2009: false alarms of about 1e-5)."""
OTHERS = tuple(f"other_{k}" for k in range(5))
"""Columns: the scores of enrolled devices, in turn, that a photograph is not of."""


def _per_photograph(judged: Judged, trial: Float) -> Float:
    """Return each photograph's share of the mean over trials of enrolled devices; (photographs,)."""
    known = ~np.isnan(trial)
    return judged.sums(np.where(known, trial, 0.0) / max(1, int(known.sum())))


def _pce(judged: Judged) -> Contributions | None:
    pce = judged.outcomes["pce"]
    return None if np.isnan(pce).all() else Contributions(_per_photograph(judged, pce))


def _others(judged: Judged) -> Contributions | None:
    scores = np.stack([judged.outcomes[name] for name in OTHERS], axis=1).astype(np.float64)
    known = ~np.isnan(scores)
    if not known.any():
        return None
    mean = np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return Contributions(_per_photograph(judged, np.where(known.any(axis=1), mean, np.nan)))


def _escaped(judged: Judged) -> Contributions | None:
    pce = judged.outcomes["pce"]
    known = ~np.isnan(pce)
    if not known.any():
        return None
    away = np.where(known, (pce < THRESHOLD).astype(np.float64), np.nan)
    return Contributions(_per_photograph(judged, away), _per_photograph(judged, np.where(known, 1.0, np.nan)))


def pairs(judged: Judged) -> tuple[Float, Float, NDArray[np.int64], NDArray[np.int64]]:
    """Return the scores of matching and of other pairs, and the photograph of each, in one order of trials."""
    columns = [judged.outcomes["pce"], *(judged.outcomes[name] for name in OTHERS)]
    scores = [np.asarray(column, np.float64) for column in columns]
    match, others = scores[0], np.concatenate(scores[1:])
    whose = np.tile(judged.photograph, len(OTHERS))
    known, there = ~np.isnan(match), ~np.isnan(others)
    return match[known], others[there], judged.photograph[known], whose[there]


def _auc(judged: Judged) -> Contributions | None:
    """Return each photograph's share of the area under the ROC curve: half as what matches, half as what does not.

    Their sum is the area (the linear part of Hoeffding's decomposition of a two-sample statistic, its mean put back).
    """
    match, other, matched, unmatched = pairs(judged)
    if not len(match) or not len(other):
        return None
    above, below = _placements(match, other), 1 - _placements(other, match)
    area = float(above.mean())
    n = judged.photographs
    parts = np.full(n, area / n)
    parts += np.bincount(matched, weights=above - area, minlength=n) / len(match)
    parts += np.bincount(unmatched, weights=below - area, minlength=n) / len(other)
    return Contributions(parts)


def _placements(values: Float, among: Float) -> Float:
    """Return of each value the share of `among` that lies below it, equals counted half."""
    ordered = np.sort(among)
    below, upto = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return np.asarray((below + upto) / (2 * len(ordered)))


def _eer(judged: Judged) -> Contributions | None:
    """Return each photograph's share of the equal error rate, at the threshold where both errors are nearest."""
    match, other, matched, unmatched = pairs(judged)
    if not len(match) or not len(other):
        return None
    thresholds = np.unique(np.concatenate([match, other]))
    missed = np.searchsorted(np.sort(match), thresholds, side="left") / len(match)
    false = 1 - np.searchsorted(np.sort(other), thresholds, side="left") / len(other)
    at = thresholds[np.argmin(np.abs(missed - false))]
    n = judged.photographs
    parts = np.bincount(matched, weights=(match < at) / len(match), minlength=n)
    parts = parts + np.bincount(unmatched, weights=(other >= at) / len(other), minlength=n)
    return Contributions(parts / 2)


def _sum(contributions: Callable[[Judged], Contributions | None]) -> Callable[[Judged], float | None]:
    def value(judged: Judged) -> float | None:
        found = contributions(judged)
        return float(found.values.sum()) if found is not None else None

    return value


def _metric(
    key: str,
    title: str,
    unit: str,
    higher: bool,
    text: str,
    parts: Callable[[Judged], Contributions | None],
    bounded: bool = False,
) -> Metric:
    return Metric(
        key=key,
        title=title,
        unit=unit,
        higher=higher,
        text=text,
        value=_sum(parts),
        contributions=parts,
        bounded=bounded,
    )


class Verification(Task):
    """The target returns a score for everything enrolled, (N, enrolled), in the order of its attribute `devices`.

    A name there is `<class>:<device>`, or `<class>` alone for a fingerprint of a camera model. A photograph is scored
    against its own; one of a device that is not enrolled has no score.
    """

    name = "verification"
    title = "Verification"
    version = 2
    seconds = 0.08  # the residual, and its correlation with six fingerprints
    elsewhere = False
    columns: ClassVar[Mapping[str, type]] = dict.fromkeys(("pce", *OTHERS), float)
    metrics: ClassVar[tuple[Metric, ...]] = (
        _metric("pce", "PCE", "-", False, "mean peak-to-correlation energy against what took the photograph", _pce),
        _metric("others", "PCE of others", "-", True, "the same against others that are enrolled", _others),
        _metric("escaped", "not verified", "%", True, f"PCE below {THRESHOLD:g} against what took it", _escaped),
        _metric("auc", "AUC", "-", False, "area under the ROC curve of matching and other pairs", _auc, True),
        _metric("eer", "EER", "-", True, "error rate where as many matches are missed as others pass", _eer, True),
    )

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return each photograph's scores, NaN where its device, or so many others, are not enrolled."""
        enrolled = [str(d) for d in getattr(module, "devices", ())]
        if not enrolled:
            raise ValueError("it has no attribute 'devices', the names of those that are enrolled")
        if context.dataset is None:
            raise ValueError("the devices of the photographs are not known")
        if "names" not in context.state:
            photos = context.dataset.photos("test")
            places = zip(photos.camera.tolist(), photos.device.tolist(), strict=True)
            context.state["names"] = [(f"{camera}:{device}", str(camera)) for camera, device in places]
        scores = answer(module, x, (len(x), len(enrolled)), "scores").double().cpu().numpy()
        found = np.full((len(x), 1 + len(OTHERS)), np.nan)
        for row, (image, values) in enumerate(zip(trials.image, scores, strict=True)):
            own = next((enrolled.index(name) for name in context.state["names"][image] if name in enrolled), None)
            if own is None:
                continue
            others = [(own + k) % len(enrolled) for k in range(1, min(len(OTHERS), len(enrolled) - 1) + 1)]
            found[row, 0] = values[own]
            found[row, 1 : 1 + len(others)] = values[others]
        return {name: found[:, k] for k, name in enumerate(self.columns)}
