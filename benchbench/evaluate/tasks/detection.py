"""Detection: is it a synthetic picture, or did a camera take it? Source: Cozzolino et al. 2019, section 5.1.

A detector decides by itself; beside that stand what it would find at a fixed rate of false alarms, and the area under
its curve, both from scores against those of unattacked photographs of the test devices. Intervals of these two take the
photographs' scores for given: they say how far other pictures would differ, seen by this detector at this threshold.
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

FALSE_ALARMS = 0.05
"""The rate that the second metric fixes."""
PHOTOGRAPHS = 240
"""Unattacked photographs whose scores others are held against, spread evenly over the test photographs."""
REAL = "these are photographs that cameras took"
SYNTHETIC = "these are pictures that no camera took"


def _mean(judged: Judged, values: NDArray[np.float64], full: bool = True) -> Contributions | None:
    if not len(values):
        return None
    weight = np.full(len(values), 1 / len(values))
    return Contributions(judged.sums(weight * values), judged.sums(weight) if full else None)


def _cameras(true_classes: tuple[int, ...]) -> bool:
    return any(true >= 0 for true in true_classes)


def _metric(key: str, title: str, text: str, of: Callable[[Judged], NDArray[np.float64]], synthetic: bool) -> Metric:
    def contributions(judged: Judged) -> Contributions | None:
        if _cameras(judged.true_classes) == synthetic:
            return None
        return _mean(judged, of(judged))

    def value(judged: Judged) -> float | None:
        found = contributions(judged)
        return float(found.values.sum()) if found is not None else None

    def undefined(classes: int, true_classes: tuple[int, ...]) -> str:
        if _cameras(true_classes) != synthetic:
            return ""
        return REAL if synthetic else SYNTHETIC

    return Metric(
        key=key,
        title=title,
        unit="%",
        higher=not synthetic,  # an attack wants fewer of its pictures found
        text=text,
        value=value,
        contributions=contributions,
        undefined=undefined,
    )


def _decided(judged: Judged) -> NDArray[np.float64]:
    return judged.outcomes["synthetic"].astype(np.float64)


def _at_fixed(judged: Judged) -> NDArray[np.float64]:
    return (judged.outcomes["rank"] >= 1 - FALSE_ALARMS).astype(np.float64)


def _rank(judged: Judged) -> NDArray[np.float64]:
    return judged.outcomes["rank"].astype(np.float64)


class Detection(Task):
    """The target returns logits, (N, 2): of a photograph, and of a synthetic picture."""

    name = "detection"
    title = "Detection of synthetic pictures"
    synthetic = True
    columns: ClassVar[Mapping[str, type]] = {"synthetic": int, "score": float, "rank": float}
    metrics: ClassVar[tuple[Metric, ...]] = (
        _metric("tpr", "TPR", "synthetic pictures that the detector itself takes for synthetic", _decided, True),
        _metric(
            "tpr5",
            f"TPR at {FALSE_ALARMS:.0%}",
            f"synthetic pictures that score above {1 - FALSE_ALARMS:.0%} of unattacked photographs, which are given",
            _at_fixed,
            True,
        ),
        _metric(
            "auc",
            "AUC",
            "how often a synthetic picture scores above a photograph, of unattacked ones that are given",
            _rank,
            True,
        ),
        _metric("far", "false alarms", "photographs that the detector itself takes for synthetic", _decided, False),
    )

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return decision and score of each picture, and the share of photographs that score below it."""
        if "photographs" not in context.state:
            context.state["photographs"] = self._photographs(module, x, context)
        scores = _scores(module, x)
        return {
            "synthetic": (scores > 0).astype(np.int64),
            "score": scores,
            "rank": ranks(scores, context.state["photographs"]),
        }

    def _photographs(self, module: Callable[[Tensor], Tensor], x: Tensor, context: TaskContext) -> NDArray[np.float64]:
        """Return the scores of unattacked test photographs, ascending."""
        from benchbench.evaluate.networks import to_tensor

        if context.dataset is None:
            raise ValueError("the photographs that scores are held against are not known")
        images = context.dataset.photos("test").images
        rows = np.linspace(0, len(images) - 1, min(len(images), PHOTOGRAPHS)).astype(int)
        batches = [rows[start : start + len(x)] for start in range(0, len(rows), len(x))]
        return np.sort(np.concatenate([_scores(module, to_tensor(images[b], x.device)) for b in batches]))


def _scores(module: Callable[[Tensor], Tensor], x: Tensor) -> NDArray[np.float64]:
    """Return by how much each picture's logit of being synthetic is above the other, float64 (N,)."""
    logits = answer(module, x, (len(x), 2), "logits").double()
    found: NDArray[np.float64] = (logits[:, 1] - logits[:, 0]).cpu().numpy()
    return found


def ranks(scores: NDArray[np.float64], photographs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of photographs that score below each of `scores`, equal ones counted half.

    Args:
        photographs: scores, ascending, at least one.
    """
    below = np.searchsorted(photographs, scores, side="left")
    up_to = np.searchsorted(photographs, scores, side="right")
    return np.asarray((below + up_to) / (2 * len(photographs)), np.float64)
