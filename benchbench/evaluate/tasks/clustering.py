"""Clustering: which photographs belong together? K-means over features of many crops of each photograph.

A photograph belongs to the cluster of most of its crops; a cluster is named after the camera model of most crops in it.
It needs all trials of a cell before it can say anything of one. Source: Chen et al. 2020 (SiamTE), section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Contributions, Judged, Metric, Outcomes, Task, TaskContext
from benchbench.evaluate.tasks.classification import answer
from benchbench.evaluate.tasks.crops import SIDE, crops, share_of
from benchbench.evaluate.tasks.vote import share_of_hits

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.trials import Trials

Float = NDArray[np.float64]
MULTIPLES = (1, 2, 3)
"""Clusters: so many for each true camera model."""
REPEATS = 10
FEW, MANY = 16, 128
"""Crops of a photograph: many, as in the paper, where it is large enough for crops of the paper's size."""
ITERATIONS = 50


def columns_of(multiple: int) -> tuple[str, ...]:
    """Return the columns of one number of clusters, by repetition."""
    return tuple(f"named_{multiple}n_{r}" for r in range(REPEATS))


def clustering_accuracies(judged: Judged, multiple: int) -> tuple[float, ...]:
    """Return the accuracy of each repetition; nothing without trials."""
    if not len(judged.true):
        return ()
    found = [float((judged.outcomes[name] == judged.true).mean()) for name in columns_of(multiple)]
    return tuple(found)


@cache
def chance(counts: tuple[int, ...], clusters: int) -> float:
    """Return the expected accuracy of photographs that fall into clusters at random, into each as likely.

    How many of a model a cluster gets is binomial, whatever other models it gets; it is named after the greatest of
    these numbers, whose mean is the sum over m of the probability that one of them is m or more.

    Args:
        counts: photographs of each model.
    """
    from scipy.stats import binom

    upto = np.arange(max(counts, default=0))
    all_below = np.prod([binom.cdf(upto, count, 1 / clusters) for count in counts], axis=0)
    return float(clusters * (1 - all_below).sum() / max(1, sum(counts)))


def _accuracy(multiple: int, judged: Judged) -> Contributions | None:
    return share_of_hits(judged, columns_of(multiple))


def _value(multiple: int, judged: Judged) -> float | None:
    found = _accuracy(multiple, judged)
    return float(found.values.sum()) if found is not None else None


def many(size: int) -> int:
    """Return how many crops a photograph of that side has."""
    return MANY if size >= 2 * SIDE else FEW


class Clustering(Task):
    """The target returns features, (N, any), for crops; what they are called plays no part in clustering them."""

    name = "clustering"
    title = "Clustering"
    version = 2
    seconds = 0.08  # crops, and passes of many small pictures
    columns: ClassVar[Mapping[str, type]] = {name: int for m in MULTIPLES for name in columns_of(m)}
    metrics: ClassVar[tuple[Metric, ...]] = tuple(
        Metric(
            key=f"accuracy_{m}n",
            title=f"accuracy, K = {m if m > 1 else ''}n",
            unit="%",
            higher=False,
            text=f"photographs in a cluster named after their model, {m} clusters a model, mean of {REPEATS} starts",
            value=partial(_value, m),
            contributions=partial(_accuracy, m),
        )
        for m in MULTIPLES
    )

    def shown(self, size: int) -> float:
        """Return what its crops amount to."""
        return many(size) * share_of(size)

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the features of each photograph's crops, (N, crops, features)."""
        count = many(min(x.shape[-2:]))
        asked = crops(x, trials.image.tolist(), "clustering", 0, count)
        found = answer(module, asked, (len(asked), None), "features").float().cpu().numpy()
        return {"features": found.reshape(len(x), count, -1)}

    def finish(self, outcomes: Outcomes, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the camera model that each photograph's cluster is named after, by number of clusters and start."""
        features = np.asarray(outcomes["features"], np.float64)
        length = np.sqrt(np.square(features).sum(axis=2, keepdims=True))
        unit = features / np.maximum(length, 1e-12)
        models = len(np.unique(trials.true))
        return {
            name: named(k_means(unit.reshape(-1, unit.shape[2]), multiple * models, start), trials.true, unit.shape[1])
            for multiple in MULTIPLES
            for start, name in enumerate(columns_of(multiple))
        }


def named(clusters: NDArray[np.int64], true: NDArray[np.int64], crops: int) -> NDArray[np.int64]:
    """Return what each photograph's cluster is named after, (N,).

    Args:
        clusters: of all crops, (N * crops,), a photograph's after one another.
        true: class of each photograph, (N,).

    Of equals the smaller number wins, of clusters as of classes.
    """
    names = np.zeros(int(np.max(clusters)) + 1, np.int64)
    labels = np.repeat(true, crops)
    for cluster in np.unique(clusters):
        names[cluster] = np.argmax(np.bincount(labels[clusters == cluster]))
    home = [int(np.argmax(np.bincount(row))) for row in clusters.reshape(-1, crops)]
    return names[np.array(home, np.int64)]


def k_means(points: Float, clusters: int, seed: int) -> NDArray[np.int64]:
    """Return the cluster of each point, (N, features) to (N,), from one k-means++ start; always the same for a seed."""
    import warnings

    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a cluster that lost all its points
        labels = kmeans2(points, min(clusters, len(points)), iter=ITERATIONS, minit="++", seed=seed)[1]
    found: NDArray[np.int64] = labels.astype(np.int64)
    return found
