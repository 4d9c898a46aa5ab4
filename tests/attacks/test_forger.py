"""The perfect forger: against a camera that is known, and at budgets where it must be turned down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbench.authoring.conformance import check_attack
from benchbench.base.errors import AttackError, BenchError
from benchbench.contracts.attack import CraftContext
from benchbench.contracts.profile import load_profile
from benchbench.contracts.protocol import Protocol
from benchbench.data.chimera import FORGERY, TRACES
from benchbench.data.source import RecipeSource
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench_attacks.forger import Forger

TINY = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
X = torch.full((2, 3, 16, 16), 0.5)


def context(loud: list[float]) -> CraftContext:
    """A camera that adds loud[i] to photograph i."""
    shift = torch.tensor(loud).view(-1, 1, 1, 1)
    return CraftContext(device=X.device, known=3, retake=lambda classes: X + shift)


def test_it_is_turned_down_to_the_budget_and_never_amplified() -> None:
    budget = 10 ** (-35 / 20)
    loud, quiet = 0.1, 0.001
    made = Forger().perturb(X, None, torch.tensor([1, 2]), context([loud, quiet]))
    assert torch.allclose(made[0], X[0] + budget, atol=1e-6)
    assert torch.allclose(made[1], X[1] + quiet, atol=1e-6)
    whole = Forger(psnr=None).perturb(X, None, torch.tensor([1, 2]), context([loud, quiet]))
    assert torch.allclose(whole[0], X[0] + loud) and torch.allclose(whole[1], X[1] + quiet)


def test_a_photograph_that_is_the_same_stays_as_it_is() -> None:
    assert torch.equal(Forger().perturb(X, None, torch.tensor([1, 2]), context([0, 0])), X)


def test_it_passes_the_conformance_suite() -> None:
    check_attack(Forger())


def test_without_a_scene_it_says_so() -> None:
    with pytest.raises(AttackError, match="only those of virtual cameras"):
        Forger().perturb(X, None, torch.tensor([1, 2]), CraftContext(device=X.device, known=3))


def test_a_source_takes_its_photographs_again(tmp_path) -> None:
    """All traces but the optics are the wanted camera's: with its own camera, the photograph comes out unchanged."""
    source = RecipeSource.of(TINY)
    photos = source.build(tmp_path, 1, lambda *_: None, test_alone=True).photos("test")
    assert set(TRACES) - set(FORGERY) == {"optics"}
    assert np.array_equal(source.retake(3, int(photos.camera[3])), photos.images[3])
    assert not np.array_equal(source.retake(3, 1), photos.images[3])
    assert source.facts(tmp_path).retakes
    neutral = RecipeSource.of(TINY.model_copy(update={"neutral": True}))
    assert not neutral.facts(tmp_path).retakes
    with pytest.raises(BenchError, match="all alike"):
        neutral.retake(0, 1)


def test_photographs_that_cannot_be_retaken_skip_it(tmp_path) -> None:
    from benchbench.harness.plan import make_plan
    from benchbench.records.cache import Cache
    from benchbench.records.cells import CellStore
    from benchbench_targets.grid import grid

    target = grid()["resnet18/rgb/complete"]()
    for recipe, state in ((TINY, "missing"), (TINY.model_copy(update={"neutral": True}), "skipped")):
        facts = RecipeSource.of(recipe).facts(tmp_path)
        plan = make_plan(
            [Forger()],
            [target],
            ["in"],
            setup=facts.setup(load_profile("smoke"), 0),
            protocols=[Protocol()],
            facts=facts,
            store=CellStore(tmp_path / "r"),
            cache=Cache(tmp_path),
        )
        assert [cell.state for cell in plan.cells] == [state]
