"""Courses: as many steps as recipes say, at their rates, against a plain loop."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchbench.contracts.fit import FitContext
from benchbench.contracts.profile import CganRecipe, ErasingRecipe, Recipe, ResidualRecipe
from benchbench.learn.course import Course, descend


@pytest.fixture
def context(tmp_path: Path) -> FitContext:
    return FitContext(
        data=SimpleNamespace(), device=torch.device("cpu"), needs={}, folder=tmp_path, checkpoint=tmp_path / "none"
    )


def test_a_classifiers_course_is_that_of_a_plain_loop(context: FitContext) -> None:
    """Rates fall after the epochs that the recipe names, a tenth of the rate stays a tenth."""
    recipe = Recipe(batch=4, patches_per_epoch=12, epochs=5, milestones=(2, 4), gamma=0.5, validate_every=2)
    weight, slow = nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False)
    nn.init.ones_(weight.weight)
    nn.init.ones_(slow.weight)
    network = nn.ModuleList([weight, slow])
    groups = [{"params": weight.parameters()}, {"params": slow.parameters(), "lr": 0.01}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    drawn, scored, after = [], [], []

    def loss(rng: torch.Generator) -> torch.Tensor:
        drawn.append(torch.rand(3, generator=rng))
        return (weight(drawn[-1]) + slow(drawn[-1])).sum()

    def score() -> tuple[float]:
        scored.append(len(drawn))
        return (0.0,)

    state = Course.of(recipe).train(context, network, optimizer, loss, score, 7, after=lambda: after.append(len(drawn)))
    assert len(drawn) == 15 and after == list(range(1, 16)) and scored == [6, 12, 15]
    rates = [0.1] * 6 + [0.05] * 6 + [0.025] * 3
    expected = 1 - sum((rate * x for rate, x in zip(rates, drawn, strict=True)), torch.zeros(3))
    slower = 1 - sum((rate * x / 10 for rate, x in zip(rates, drawn, strict=True)), torch.zeros(3))
    # Weights are rounded to half precision at the end.
    assert torch.allclose(state["0.weight"][0], expected, atol=1e-3) and not torch.allclose(expected, slower, atol=0.1)
    assert torch.allclose(state["1.weight"][0], slower, atol=1e-3)
    first = torch.rand(3, generator=torch.Generator().manual_seed(8))
    assert torch.equal(drawn[0], first), "the generator is the loop's, of the seed after the fit's"


def test_other_recipes_steps_and_validation() -> None:
    residual = Course.of(ResidualRecipe(batch=10, patches_per_epoch=105, epochs=3))
    assert (residual.steps, residual.epochs, residual.validate_every, residual.milestones) == (10, 3, 1, ())
    groups = Course.of(ErasingRecipe(batch=10, patches_per_epoch=100, epochs=3, validate_every=2), batch=8)
    assert (groups.steps, groups.validate_every) == (12, 2)
    assert Course.of(Recipe(batch=10, patches_per_epoch=3)).steps == 1
    assert (Course.of(CganRecipe(tied=0.05)).tied, Course.of(CganRecipe()).tied, groups.tied) == (0.05, 0.0, 0.0)
    cut = Course.cut(50, 8, "one-cycle", "float32", validate_every=8)
    assert (cut.epochs, cut.steps, cut.schedule, cut.validate_every) == (8, 6, "one-cycle", 8)


def test_a_step_down_forgets_slopes_of_before() -> None:
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.full((2,), 100.0)
    found = descend(torch.optim.SGD([weight], lr=0.5), (weight * torch.tensor([1.0, 2.0])).sum())
    assert not found.requires_grad and float(found) == 3.0
    assert torch.equal(weight.detach(), torch.tensor([0.5, 0.0]))
