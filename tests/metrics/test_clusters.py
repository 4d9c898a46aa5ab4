"""Scenes as clusters: closed forms, coverage by simulation, and records that do not name scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.metrics.clusters import clustered_variance, variance
from benchbench.metrics.intervals import contrast, difference, rate_interval
from benchbench.metrics.populations import population_mean
from benchbench.metrics.ranks import ranks
from benchbench.metrics.samples import Sample, combine, contributions
from benchbench.records.cells import CellStore
from benchbench.records.packs import packed, read_pack

PHOTOGRAPHS = 60
CLASSES = np.arange(PHOTOGRAPHS) % 6
LAYOUTS = {
    "each scene by one camera model": CLASSES + 6 * (np.arange(PHOTOGRAPHS) // 18),
    "each scene by every camera model": np.arange(PHOTOGRAPHS) // 6,
    "each scene by some camera models": np.random.default_rng(0).permutation(np.repeat(np.arange(20), 3)),
    "a quarter of one scene": np.where(np.arange(PHOTOGRAPHS) < 15, 0, np.arange(PHOTOGRAPHS)),
}


def sample(share: Any, scene: Any, name: str = "in") -> Sample:
    values = np.asarray(share, float)
    n = len(values)
    return Sample(("f", name), np.arange(n) % 6, values / n, np.full(n, 1 / n), 5 * n, scene)


def shares(rng: np.random.Generator, p: float, scene: Any) -> np.ndarray:
    """Draw shares of successes: photographs of a scene are alike (0.3), and so are the trials of a photograph."""

    def alike(mean: Any, size: int) -> Any:
        total = 0.7 / 0.3
        mean = np.clip(mean, 1e-6, 1 - 1e-6)
        return rng.beta(mean * total, (1 - mean) * total, size)

    of_scene = alike(np.full(scene.max() + 1, p), scene.max() + 1)
    return rng.binomial(5, alike(of_scene[scene], len(scene))) / 5


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_intervals_of_photographs_that_share_scenes(layout: str, p: float) -> None:
    """Nominal 95 %; intervals that take these photographs for independent cover 71 to 87 %."""
    rng = np.random.default_rng([len(layout), int(10 * p)])
    scene = LAYOUTS[layout]
    rounds, covered, paired, naive = 1000, 0, 0, 0
    for _ in range(rounds):
        first, second = shares(rng, p, scene), shares(rng, p + 0.1, scene)
        found = rate_interval([sample(first, scene)])
        gap = difference([sample(first, scene)], [sample(second, scene)])
        apart = rate_interval([sample(first, None)])
        assert found is not None and gap is not None and apart is not None
        covered += found.low <= p <= found.high
        paired += gap.low <= -0.1 <= gap.high
        naive += apart.low <= p <= apart.high
    assert covered / rounds >= 0.92 and paired / rounds >= 0.92
    assert naive / rounds < 0.9


def test_means_and_populations_of_targets_with_scenes() -> None:
    rng = np.random.default_rng(3)
    scene = LAYOUTS["each scene by every camera model"]
    rounds, fixed, population = 300, 0, 0
    for _ in range(rounds):
        hard, targets = rng.normal(0, 1, 10)[scene], rng.normal(0, 1, 12)
        parts = [sample(rng.binomial(5, 1 / (1 + np.exp(-hard - t))) / 5, scene) for t in targets]
        wide = population_mean(parts)
        chances = 1 / (1 + np.exp(-rng.normal(0, 1, 10)[scene]))
        mean = rate_interval(combine((1 / 12, sample(rng.binomial(5, chances) / 5, scene)) for _ in range(12)))
        assert wide is not None and mean is not None
        population += wide.low <= 0.5 <= wide.high
        fixed += mean.low <= 0.5 <= mean.high
    assert population / rounds >= 0.92 and fixed / rounds >= 0.92


def test_equal_attacks_seldom_get_a_false_rank_where_scenes_favor_one() -> None:
    """What an attack gains on one scene and loses on another is no rank; photographs alone would say it is."""
    rng = np.random.default_rng(4)
    scene = LAYOUTS["each scene by every camera model"]
    rounds, false, naive = 200, 0, 0
    for _ in range(rounds):
        drawn = [shares(rng, 0.4, scene) for _ in range(5)]
        false += any(rank != 1 for rank in ranks([[sample(s, scene)] for s in drawn]))
        naive += any(rank != 1 for rank in ranks([[sample(s, None)] for s in drawn]))
    assert false / rounds <= 0.07 < naive / rounds


def test_variance_by_hand() -> None:
    rng = np.random.default_rng(5)
    values, stratum = rng.random(24), np.repeat(np.arange(3), 8)
    # Alone in its scene, each photograph is a cluster.
    assert clustered_variance(values, stratum, np.arange(24)) == pytest.approx(variance(values, stratum))
    # Pairs within a class: the sums of pairs are what varies.
    pairs = values.reshape(3, 4, 2).sum(2)
    by_hand = sum(4 * row.var(ddof=1) for row in pairs)
    assert clustered_variance(values, stratum, np.arange(24) // 2) == pytest.approx((by_hand, 9))
    # Every class has each scene once: the sums over classes are what varies.
    scenes = values.reshape(3, 8).sum(0)
    assert clustered_variance(values, stratum, np.arange(24) % 8) == pytest.approx((8 * scenes.var(ddof=1), 7))
    # One scene has no spread.
    assert clustered_variance(values, stratum, np.zeros(24, np.int64)) == (0.0, 0)
    assert rate_interval([sample([0.2, 0.4, 0.4], np.zeros(3, np.int64))]) is None


def test_splits_that_show_the_same_scenes_are_not_independent() -> None:
    rng = np.random.default_rng(6)
    scene = np.arange(30)
    share = rng.uniform(0.1, 0.9, 30)
    other = share + 0.02 * rng.standard_normal(30)
    same = contrast([(1.0, sample(share, scene)), (-1.0, sample(other, scene, "out"))])
    apart = contrast([(1.0, sample(share, scene)), (-1.0, sample(other, scene + 30, "out"))])
    assert same is not None and apart is not None
    assert same.high - same.low < 0.2 * (apart.high - apart.low), "what scenes share cancels, across splits too"


def test_unknown_scenes_and_newer_records() -> None:
    share = np.random.default_rng(7).random(12)
    unknown = np.full(12, -1)
    assert rate_interval([sample(share, unknown)]) == rate_interval([sample(share, None)])
    # Of one photograph a newer record names the scene: that counts for the older one.
    both = combine([(0.5, sample(share, None)), (0.5, sample(share, np.arange(12) // 2))])
    assert both[0].scene is not None and rate_interval(both) == rate_interval([sample(share, np.arange(12) // 2)])


def test_records_name_scenes(bench: Callable[..., Any], tmp_path: Path) -> None:
    """And records from before they did are read, packed as they were, and have photographs as clusters."""
    bench()
    cells = list(CellStore(tmp_path / "a" / "r").cells())
    assert cells and all(len(c.split.scene) == len(c.split.true) for c in cells)
    old = [c.model_copy(update={"split": c.split.model_copy(update={"scene": ()})}) for c in cells]
    (path, text), *_ = packed(old).items()
    assert '"scene"' not in text
    place = tmp_path / path.name
    place.write_text(text)
    read = list(read_pack(place))
    assert packed(read)[path] == text and all(c.split.scenes is None for c in read)
    found = contributions(read[0], "tsr")
    assert found is not None and found.scene is None
