"""A classifier's training step against one by the plainest means, and the decay and rates of its weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchbench.contracts.fit import FitContext
from benchbench.contracts.profile import Recipe, load_profile
from benchbench.forensics import ConstrainedConv
from benchbench.learn import course
from benchbench.learn.loop import Loop
from benchbench.learn.patches import dih4
from benchbench.learn.training import ClassifierFit, parameter_groups

PHOTOS = np.random.default_rng(0).integers(0, 256, (9, 64, 96, 3), dtype=np.uint8)
LABELS = np.arange(9) % 3
HELD_OUT = np.arange(9) >= 6
SIDE = 32


class SameLoop(Loop):
    """Gives the step and the network instead of training, with the network as it was before the first step."""

    def run(self, context: FitContext) -> Any:
        return self.step, self.modules["network"].train()


def step_of(backbone: str, preprocessor: str, recipe: Recipe) -> tuple[Callable[[torch.Generator], Tensor], Any]:
    fit = ClassifierFit(
        role="p", backbone=backbone, preprocessor=preprocessor, classes=3, dropout=0.0, recipe=recipe, patch=SIDE,
        shape=load_profile("smoke").backbones.shape(backbone), name="here",
    )  # fmt: skip
    data = SimpleNamespace(
        known=3,
        photos=lambda role: SimpleNamespace(images=PHOTOS, camera=LABELS),
        labels=lambda role: {"camera": LABELS, "validation": HELD_OUT},
    )
    context = FitContext(data=data, device=torch.device("cpu"), needs={}, folder=Path(), checkpoint=Path())
    return fit.run(context)


def plain_sample(batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Patches by indexing a tensor: of each class two photographs, of each photograph a grid of two by three."""
    label = torch.randint(3, (batch,), generator=rng)
    member = (torch.rand(batch, generator=rng, dtype=torch.float64) * 2).long()
    row, column = (torch.randint(n, (batch,), generator=rng) for n in (2, 3))
    element = torch.randint(8, (batch,), generator=rng)
    grid = torch.from_numpy(PHOTOS).double().unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE)
    return dih4(grid[label + 3 * member, row, column], element) / 255, label


@pytest.mark.parametrize(
    ("backbone", "preprocessor"), [("resnet18", "rgb"), ("resnet18", "cc"), ("densenet100", "rgb+fd"), ("vgg16", "hp")]
)
def test_steps_are_those_of_the_plainest_training(
    monkeypatch: pytest.MonkeyPatch, backbone: str, preprocessor: str
) -> None:
    """In float64 losses and weights agree to 1e-10, so that what is faster is no other training."""
    monkeypatch.setattr(course, "Loop", SameLoop)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # steps raise bfloat16; here there is none
    torch.set_default_dtype(torch.float64)
    try:
        recipe = Recipe(batch=12, learning_rate=0.01)
        step, network = step_of(backbone, preprocessor, recipe)
        plain, rngs = deepcopy(network), [torch.Generator().manual_seed(7) for _ in range(2)]
        speed = [torch.zeros_like(p) for p in plain.parameters()]
        for _ in range(4):
            found = step(rngs[0])
            x, label = plain_sample(recipe.batch, rngs[1])
            expected = nn.functional.cross_entropy(plain(x), label)
            slopes = torch.autograd.grad(expected, list(plain.parameters()))
            with torch.no_grad():
                for (name, p), v, slope in zip(plain.named_parameters(), speed, slopes, strict=True):
                    slope = slope + recipe.weight_decay * p if p.ndim > 1 else slope
                    v.mul_(recipe.momentum).add_(slope)  # Sutskever et al. 2013, Nesterov's momentum as torch has it
                    rate = recipe.learning_rate / (10 if name == "preprocessor.filter.weight" else 1)
                    p.sub_(rate * (slope + recipe.momentum * v))
            for module in plain.modules():
                if isinstance(module, ConstrainedConv):
                    module.project_()
            assert found.dtype == torch.float64 and abs(float(found - expected.detach())) < 1e-10
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, plain.state_dict()[name], atol=1e-10, rtol=0, msg=name)
    finally:
        torch.set_default_dtype(torch.float32)


def test_every_weight_is_in_one_group() -> None:
    network = nn.Sequential(ConstrainedConv(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    groups = parameter_groups(network, Recipe(learning_rate=0.1, weight_decay=0.5))
    found = {id(p): (g["weight_decay"], g.get("lr", 0.1)) for g in groups for p in g["params"]}
    expected = [(0.5, 0.01), (0.5, 0.1), (0.0, 0.1), (0.0, 0.1), (0.0, 0.1)]
    assert [found[id(p)] for p in network.parameters()] == expected
