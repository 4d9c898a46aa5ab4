"""The variance of a sum over photographs: those that show one scene go together, those of one class are compared.

Photographs of one scene stand or fall together, whoever took them, so scenes are the clusters; a photograph without a
known scene is a cluster of its own. Classes are strata. Where a scene was taken by cameras of several classes, or
stands in several splits, these are taken together: what is summed up by scene is how far each photograph is from the
mean of its class (the linearized variance of a stratified total; Cochran 1977, chapter 5A and 9A).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


def scenes_of(parts: Sequence[tuple[Labels | None, int]]) -> tuple[Labels, ...] | None:
    """Return the cluster of each photograph of some splits of one data set, or None where no two show one scene.

    Args:
        parts: a split each: the scene of each photograph, -1 where unknown, or None where none is; and how many
            photographs it has.

    Returns:
        A number for each photograph, equal across splits where the scene is.
    """
    return _scenes_of(tuple((None if scene is None else scene.tobytes(), count) for scene, count in parts))


@lru_cache(maxsize=256)
def _scenes_of(parts: tuple[tuple[bytes | None, int], ...]) -> tuple[Labels, ...] | None:
    joined = np.concatenate(
        [np.full(count, -1, np.int64) if scene is None else np.frombuffer(scene, np.int64) for scene, count in parts]
    )
    known = joined >= 0
    if len(np.unique(joined[known])) == int(known.sum()):
        return None
    own = np.arange(len(joined)) + joined.max() + 1
    edges = np.cumsum([count for _, count in parts])[:-1]
    return tuple(np.split(np.unique(np.where(known, joined, own), return_inverse=True)[1].astype(np.int64), edges))


def sums(values: Values, cluster: Labels) -> Values:
    """Return the sum of each cluster, for clusters numbered from 0: (..., photographs) to (..., clusters)."""
    if values.ndim == 1:
        one: Values = np.bincount(cluster, weights=values)
        return one
    count, rows = int(np.max(cluster)) + 1, values.reshape(-1, values.shape[-1])
    places = np.arange(len(rows))[:, None] * count + cluster
    found: Values = np.bincount(places.ravel(), weights=rows.ravel(), minlength=len(rows) * count)
    return found.reshape(*values.shape[:-1], count)


def variance(values: Values, stratum: Labels) -> tuple[Values, int]:
    """Return the variance of the sum of independent photographs, and its degrees of freedom.

    A class with one photograph has no spread of its own; then all are taken for one class.

    Args:
        values: (..., photographs), each row a sum; the variances have the shape of what stands before the last axis.
        stratum: (photographs,), the class of each.
    """
    number, sizes = _numbered(stratum.astype(np.int64).tobytes())
    if values.shape[-1] < 2:
        return np.zeros(values.shape[:-1]), 0
    means = sums(values, number) / sizes
    squares = sums((values - means[..., number]) ** 2, number)
    total: Values = np.sum(squares * (sizes / (sizes - 1)), axis=-1)
    return total, _freedom(1 / sizes, sizes - 1)


def _freedom(spread: Values, freedom: Labels) -> int:
    """Return the degrees of freedom of a sum of variances (Satterthwaite 1946), rounded down.

    A class that weighs as much as others and has few photographs adds much, and that is known from few.

    Args:
        spread: what each part is expected to add: the sum of 1 / photographs over its classes, where photographs of all
            classes spread alike and classes weigh the same.
        freedom: of each part, at least 1. Of parts that are alike theirs add up.
    """
    return math.floor(float(np.sum(spread) ** 2 / np.sum(spread**2 / freedom)) + 1e-9)


@lru_cache(maxsize=64)
def _numbered(strata: bytes) -> tuple[Labels, Labels]:
    """Return the number of each photograph's stratum, from 0, and their sizes; one of all where one would be alone."""
    found = np.unique(np.frombuffer(strata, np.int64), return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(found)
    if len(sizes) and min(sizes) < 2:
        return np.zeros_like(found), np.array([len(found)])
    return found, sizes


def clustered_variance(values: Values, stratum: Labels, cluster: Labels) -> tuple[Values, int]:
    """Return the variance of the sum of clusters of photographs, and its degrees of freedom.

    Classes that no scene joins add up. Of those that some do, G clusters and N photographs of H classes, the sum of
    squares is raised by G / (G - 1), or by N / (N - H) where that is more: what the means of the classes took out.
    A scene of many photographs leaves fewer degrees of freedom: as many clusters count as of equal size would be as
    uncertain (Carter, Schnepel and Steigerwald 2017). Without clusters it is `variance`.

    Args:
        values: (..., photographs), see `variance`.
        stratum: class of each photograph; those of another split are others.
        cluster: number of its scene.
    """
    design = _design(stratum.astype(np.int64).tobytes(), cluster.astype(np.int64).tobytes())
    means = sums(values, design.stratum) / np.bincount(design.stratum)
    squares = sums(values - means[..., design.stratum], design.cluster) ** 2
    return np.asarray(np.sum(squares * design.factor, axis=-1)), design.freedom


@dataclass(frozen=True)
class _Design:
    """What the variance needs of strata and clusters, whatever the values."""

    stratum: Labels
    """Number of each photograph's class."""
    cluster: Labels
    """Number of its scene."""
    factor: Values
    """What each scene's square is raised by."""
    freedom: int


@lru_cache(maxsize=64)
def _design(strata: bytes, scenes: bytes) -> _Design:
    stratum, cluster = (np.unique(np.frombuffer(one, np.int64), return_inverse=True)[1] for one in (strata, scenes))
    if min(np.bincount(stratum)) < 2:
        stratum = np.zeros_like(stratum)
    component = _components(stratum, cluster)
    if any(len(np.unique(cluster[component == k])) < 2 for k in np.unique(component)):
        stratum = component = np.zeros_like(stratum)
    factor, parts = np.zeros(int(np.max(cluster)) + 1), []
    for k in np.unique(component):
        mine = component == k
        found, sizes = np.unique(cluster[mine], return_counts=True)
        each = np.unique(stratum[mine], return_counts=True)[1]
        clusters, photographs = len(found), len(stratum[mine])
        if clusters > 1:
            factor[found] = max(clusters / (clusters - 1), photographs / (photographs - len(each)))
            alike = photographs**2 / int(np.sum(sizes**2))
            own = max(1, min(math.floor(alike + 1e-9) - 1, _freedom(1 / each, each - 1)))
            parts.append((float(np.sum(1 / each)), own))
    freedom = _freedom(*(np.array(column) for column in zip(*parts, strict=True))) if parts else 0
    return _Design(stratum, cluster, factor, freedom)


def _components(stratum: Labels, cluster: Labels) -> Labels:
    """Return a number for each photograph, equal where scenes join the classes."""
    label = np.arange(len(np.unique(stratum)))
    for one in np.unique(cluster):
        joined = np.unique(label[stratum[cluster == one]])
        label[np.isin(label, joined)] = joined[0]
    return label[stratum]
