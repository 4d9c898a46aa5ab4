"""Many rates at once are what each is alone, bit by bit, with scenes as clusters and without."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.contracts.task import TASKS
from benchbench.metrics import rates
from benchbench.metrics.intervals import difference, each_interval, mean_rate, metric_interval, rate_interval
from benchbench.metrics.many import prepare
from benchbench.metrics.ranks import ranks, ranks_of_many
from benchbench.metrics.samples import RATES, Sample, contributions, stacked
from benchbench.records.cell import CLASSIFICATION, predictions, tabulate
from benchbench.records.packs import read_pack
from benchbench.records.reference import reference_results

PHOTOGRAPHS = 36


def rate(rng: np.random.Generator, chance: float, clustered: bool) -> list[Sample]:
    found = []
    for name in ("in", "out"):
        share = rng.binomial(5, chance, PHOTOGRAPHS) / 5
        scene = np.arange(PHOTOGRAPHS) // 3 if clustered else None
        full = np.full(PHOTOGRAPHS, 1 / PHOTOGRAPHS / 2)
        found.append(Sample(("f", name), np.arange(PHOTOGRAPHS) % 6, share * full, full, 5 * PHOTOGRAPHS, scene))
    return found


@pytest.mark.parametrize("clustered", [False, True])
def test_each_interval_is_that_of_its_rate(clustered: bool) -> None:
    rng = np.random.default_rng(3)
    rates = [rate(rng, chance, clustered) for chance in (0.0, 0.01, 0.3, 0.5, 0.9, 1.0)]
    other = [Sample(("g", "in"), np.arange(9) % 3, np.full(9, 0.05), np.full(9, 1 / 9), 45)]
    found = each_interval([*rates, [], other, [Sample(("h", "in"), np.zeros(1, int), np.ones(1), np.ones(1), 5)]])
    assert found[:6] == [rate_interval(one) for one in rates]
    assert found[6] is None and found[7] == rate_interval(other) and found[8] is None


@pytest.mark.parametrize("clustered", [False, True])
def test_ranks_of_many_fields_are_those_of_each(clustered: bool) -> None:
    rng = np.random.default_rng(4)
    fields = [[rate(rng, c, clustered) for c in chances] for chances in rng.uniform(0.1, 0.7, (20, 5)).round(1)]
    whole = [stacked(field) for field in fields]
    parts = [
        Sample(
            a.key, a.stratum, np.stack([w[k].values for w in whole]), np.stack([w[k].full for w in whole]), 5, a.scene
        )
        for k, a in enumerate(whole[0])
    ]
    found = ranks_of_many(parts).tolist()
    assert found == [ranks(field) for field in fields]
    assert len({tuple(row) for row in found}) > 5, "the fields differ"


def test_two_attacks_rank_apart_where_their_difference_is_separated() -> None:
    """Of one pair Holm's level is 5 %, so a rank and the interval of the difference say the same."""
    rng = np.random.default_rng(5)
    said = set()
    for _ in range(60):
        pair = [rate(rng, c, False) for c in rng.choice([0.4, 0.5], 2)]
        gap = difference(*pair)
        assert gap is not None
        assert (ranks(pair) != [1, 1]) == gap.separated
        said.add(gap.separated)
    assert said == {True, False}


def test_intervals_of_other_tasks_are_those_of_each() -> None:
    cells = [
        cell
        for name in ("identity-uint8", "median-3-uint8")
        for cell in read_pack(reference_results() / f"virtual/quick/packs/{name}.jsonl")
        if cell.target.task != CLASSIFICATION
    ]
    prepare(cells)
    kept = {
        (n, metric): cell.derived["interval", metric]
        for n, cell in enumerate(cells)
        for metric in TASKS.create(cell.target.task).metrics
        if metric.unit == "%"
    }
    assert {cells[n].target.task for n, _ in kept} == {"vote", "clustering", "verification", "detection"}
    assert any(found is not None for found in kept.values())
    for (n, metric), found in kept.items():
        cells[n].derived.clear()
        assert metric_interval([cells[n]], metric) == found


def test_many_cells_are_what_each_is_alone() -> None:
    """Of one pack: both splits, targets that know all classes and targets that do not."""
    path = reference_results() / "virtual" / "quick" / "packs" / "cama-float.jsonl"  # classification alone
    cells = list(read_pack(path))
    alone = [cell.model_copy() for cell in cells]  # with nothing derived
    prepare(cells)
    for cell, one in zip(cells, alone, strict=True):
        assert (rates.tsr(cell), rates.usr(cell)) == (
            rates.success(tabulate(one.judged)),
            rates.untargeted_success(tabulate(one.judged), one.split.classes),
        )
        for rate in RATES:
            mine, other = contributions(cell, rate), contributions(one, rate)
            assert (mine is None) == (other is None)
            if mine is not None and other is not None:
                assert np.array_equal(mine.values, other.values) and np.array_equal(mine.full, other.full)
            assert mean_rate([cell], rate) == mean_rate([one], rate)
        assert np.array_equal(predictions(one.judged), tabulate(one.judged).sum(axis=0))
    assert {rates.usr(cell) is None for cell in cells} == {False, True}, "USR is defined for some"
    assert len({rates.tsr(cell) for cell in cells}) > 5, "the cells differ"
