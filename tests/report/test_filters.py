"""All choices of the page's filters at once are what each gives alone, computed mean by mean and pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchbench.metrics.ranks import ranks
from benchbench.metrics.samples import contributions
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.report import means
from benchbench.report.filters import ANY, choices, place_of
from benchbench.report.groups import Group, groups
from benchbench.report.leaderboard import leaderboard_rows
from benchbench.report.paper import grid

ROOT = Path(__file__).resolve().parents[2]
WANTED = (
    "all|all|all|all",
    "partial|all|all|all",
    "all|out|resnet18|all",
    "complete|in|all|rgb",
    "complete|out|all|all",
)


def alone(group: Group, choice: str) -> list[list[object]]:
    """Return the rows of one choice without any matrix: means of cells, each rank from pairs."""
    wanted = choice.split("|")
    mine = [c for c in group.cells if all(w in (ANY, v) for w, v in zip(wanted, place_of(c), strict=True))]
    mine = [c for c in mine if c.target.name in grid()] or mine
    places = {(c.target.name, c.split.name) for c in mine}
    rows: list[list[object]] = []
    rated = []
    for attack in group.attacks:
        cells = [c for c in mine if c.attack.key == (attack.name, attack.params)]
        whole = len(cells) == len(places)
        row: list[object] = [len(cells)]
        for rate in ("tsr", "usr"):
            found = means.mean_rate(cells, rate) if whole and cells else None  # type: ignore[arg-type]
            row += [found.value, found.low, found.high] if found else [None] * 3
        rated.append(means.samples(cells, "tsr") if whole and attack.ranked else None)
        rows.append(row)
    return [[*row, rank] for row, rank in zip(rows, ranks(rated), strict=True)]


def same(found: list[list[object]], expected: list[list[object]]) -> bool:
    assert [row[0] for row in found] == [row[0] for row in expected]
    assert [row[-1] for row in found] == [row[-1] for row in expected]
    for row, by_hand in zip(found, expected, strict=True):
        assert row[1:-1] == [v if v is None else pytest.approx(v, abs=5.1e-5) for v in by_hand[1:-1]]
    return True


@pytest.mark.parametrize("choice", WANTED)
def test_each_choice_is_what_it_gives_alone(paper_cells: list[Cell], choice: str) -> None:
    (group,) = groups(paper_cells)
    made = choices(group)
    assert same(made.rows[made.index[choice]], alone(group, choice))


def test_an_attack_that_lacks_a_cell_has_no_mean_there_and_takes_no_rank_from_others(
    make_cell: Callable[..., Cell],
) -> None:
    names = ("resnet18/rgb/complete", "resnet18/hp/complete", "vgg16/rgb/partial")
    cells = [
        make_cell(attack, name, split, tsr, 0.9)
        for attack, tsr in (("a", 0.9), ("b", 0.6), ("c", 0.3), ("d", 0.3))
        for name in names
        for split in ("in", "out")
        if (attack, name, split) != ("a", names[1], "out")
    ]
    (group,) = groups(cells)
    made = choices(group)
    for choice in made.index:
        assert same(made.rows[made.index[choice]], alone(group, choice)), choice
    whole = made.rows[made.index["all|all|all|all"]]
    assert [row[-1] for row in whole] == [None, 1, 2, 2] and whole[0][:2] == [5, None]
    assert [row[-1] for row in made.rows[made.index["all|in|all|all"]]] == [1, 2, 3, 3]
    assert len({made.index[c] for c in ("all|all|vgg16|all", "partial|all|all|all", "partial|all|vgg16|rgb")}) == 1


def test_targets_beside_the_papers_settings_take_no_mean_away(make_cell: Callable[..., Cell]) -> None:
    """Two attacks met one more target: all others still stand beside them."""
    settings = ("resnet18/rgb/complete", "resnet18/hp/complete")
    beside = "resnet12/rgb/complete"
    cells = [
        make_cell(attack, name, split, tsr, 0.9)
        for attack, tsr in (("a", 0.9), ("b", 0.6), ("c", 0.3))
        for name in (*settings, beside)
        for split in ("in", "out")
        if name != beside or attack == "a"
    ]
    (group,) = groups(cells)
    made = choices(group)
    for choice in made.index:
        assert same(made.rows[made.index[choice]], alone(group, choice)), choice
    for choice in ("all|all|all|all", "complete|all|all|all", "all|all|all|rgb"):
        assert None not in [row[1] for row in made.rows[made.index[choice]]], choice
    alone_there = made.rows[made.index["all|all|resnet12|all"]]
    assert [row[0] for row in alone_there] == [2, 0, 0] and alone_there[0][1] == pytest.approx(0.9)


def test_the_page_opens_with_the_leaderboards_own_numbers() -> None:
    """Of the reference results, to the digit that both show."""
    found = [c for c in CellStore(ROOT / "results").cells() if c.dataset.name == "virtual"]
    group = next(g for g in groups(found) if (g.condition, g.track, g.facts.get("limit")) == ("uint8", "native", None))
    made = choices(group)
    page = dict(zip([(a.name, a.params) for a in group.attacks], made.rows[made.index["all|all|all|all"]], strict=True))
    stand = [row for row in leaderboard_rows(group) if row["tsr"] is not None]
    assert len(stand) >= 18
    for row in stand:
        mine = page[str(row["attack"]), str(row["params"])]
        keys = ("tsr", "tsr_low", "tsr_high", "usr", "usr_low", "usr_high")
        assert [f"{100 * mine[k + 1]:.1f}" for k in range(6)] == [f"{100 * float(str(row[key])):.1f}" for key in keys]
        assert mine[-1] == row["rank"], row["attack"]


def test_weights_of_many_means_are_those_of_each(paper_cells: list[Cell]) -> None:
    cells = [c for c in paper_cells if c.attack.name == "cama"]
    names = sorted({means.place(c) for c in cells})
    counted = np.random.default_rng(0).random((5, len(cells))) < 0.4
    found = means.weights(np.array([names.index(means.place(c)) for c in cells]), counted)
    for mask, weights in zip(counted, found, strict=True):
        chosen = [c for c, one in zip(cells, mask, strict=True) if one]
        for weight, part in means.weighed(chosen, "tsr"):
            (k,) = [i for i, c in enumerate(cells) if contributions(c, "tsr") is part]
            assert weights[k] == pytest.approx(weight, rel=1e-12)
        assert not weights[~mask].any() and weights.sum() == pytest.approx(1)
