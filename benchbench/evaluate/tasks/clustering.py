"""Clustering: which photographs belong together? K-means over features of several crops of each photograph.

It needs all trials of a cell before it can say anything of one. Source: Andrews et al. 2020 (SiamTE), section on
clustering; the number of clusters is that of the true camera models.
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

CROPS = 4
"""Quarters of the photograph."""
RESTARTS = 10


def _apart(judged: Judged) -> Contributions | None:
    """Return the share of crops outside the cluster that holds most crops of their camera model."""
    if not len(judged.true):
        return None
    clusters = np.stack([judged.outcomes[f"cluster_{i}"] for i in range(CROPS)], axis=1).astype(np.int64)
    home = {
        int(true): int(np.argmax(np.bincount(clusters[judged.true == true].ravel()))) for true in np.unique(judged.true)
    }
    away = (clusters != np.array([home[int(t)] for t in judged.true])[:, None]).mean(axis=1)
    weight = np.full(len(away), 1 / len(away))
    return Contributions(judged.sums(weight * away), judged.sums(weight))


def _value(judged: Judged) -> float | None:
    found = _apart(judged)
    return float(found.values.sum()) if found is not None else None


class Clustering(Task):
    """The target returns features, (N, any); each photograph's crops are clustered with those of all others."""

    name = "clustering"
    title = "Clustering"
    columns: ClassVar[Mapping[str, type]] = {f"cluster_{i}": int for i in range(CROPS)}
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            key="apart",
            title="apart",
            unit="%",
            higher=True,
            text="crops outside the cluster that holds most crops of their camera model",
            value=_value,
            contributions=_apart,
        ),
    )

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the features of each quarter, (N, 4, features)."""
        h, w = x.shape[-2] // 2, x.shape[-1] // 2
        quarters = [x[..., i : i + h, j : j + w] for i in (0, h) for j in (0, w)]
        found = [
            answer(module, crop.contiguous(), (len(x), None), "features").float().cpu().numpy() for crop in quarters
        ]
        return {"features": np.stack(found, axis=1)}

    def finish(self, outcomes: Outcomes, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the cluster of each crop, after K-means over all of them."""
        features = np.asarray(outcomes["features"], np.float64)
        found = k_means(features.reshape(-1, features.shape[-1]), len(np.unique(trials.true)))
        return {f"cluster_{i}": found.reshape(-1, CROPS)[:, i] for i in range(CROPS)}


def k_means(points: NDArray[np.float64], clusters: int) -> NDArray[np.int64]:
    """Return the cluster of each point, (N, features) to (N,): the best of ten k-means++ starts, always the same."""
    from scipy.cluster.vq import kmeans2

    best: tuple[float, NDArray[np.int64]] | None = None
    for seed in range(RESTARTS):
        centers, labels = kmeans2(points, min(clusters, len(points)), minit="++", seed=seed, missing="warn")
        spread = float(np.square(points - centers[labels]).sum())
        if best is None or spread < best[0]:
            best = (spread, labels.astype(np.int64))
    assert best is not None
    return best[1]
