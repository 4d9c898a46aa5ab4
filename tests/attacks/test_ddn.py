"""DDN against a closed form and against foolbox's."""

from __future__ import annotations

import foolbox
import pytest
import torch
from torch import nn

from benchbench_attacks.ddn import ddn


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 8 * 8, 4)

    def forward(self, x):
        return self.layer(x.flatten(1))


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(12, 3, 8, 8, generator=generator) * 0.4 + 0.3


def test_linear_two_class_norm_is_the_distance_to_the_plane(images):
    model = Linear().requires_grad_(False)
    logits = model(images)
    # Two classes only: hide the others, so that the smallest perturbation has a closed form.
    first, second = 0, 1

    def pair(x):
        return model(x)[:, [first, second]]

    source = logits[:, [first, second]].argmax(1)
    target = 1 - source
    direction = model.layer.weight[second] - model.layer.weight[first]
    margin = (logits[:, second] - logits[:, first]).abs()
    distance = margin / direction.norm()
    adversarial = ddn(pair, images, target, steps=300)
    assert (pair(adversarial).argmax(1) == target).all()
    norms = (adversarial - images).flatten(1).norm(dim=1)
    assert (norms >= distance * (1 - 1e-4)).all(), "no perturbation can be smaller"
    assert (norms / distance).max() < 1.05


def small_network() -> nn.Module:
    torch.manual_seed(3)
    return (
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(8 * 2 * 2, 5),
        )
        .eval()
        .requires_grad_(False)
    )  # fmt: skip


def test_norm_agrees_with_foolbox(images):
    model = small_network()
    labels = model(images).argmax(1)
    target = (labels + 1) % 5
    ours = ddn(model, images, target, steps=100, gamma=0.05, start_norm=1.0)
    attack = foolbox.attacks.DDNAttack(init_epsilon=1.0, steps=100, gamma=0.05)
    theirs, _, success = attack(
        foolbox.PyTorchModel(model, bounds=(0, 1)), images, foolbox.criteria.TargetedMisclassification(target),
        epsilons=None,
    )  # fmt: skip
    assert success.all()
    assert (model(ours).argmax(1) == target).all()
    norms = [(y - images).flatten(1).norm(dim=1) for y in (ours, theirs)]
    assert float(norms[0].median()) == pytest.approx(float(norms[1].median()), rel=0.05)
    assert float(norms[0].mean()) == pytest.approx(float(norms[1].mean()), rel=0.05)


def test_failures_stay_in_range_and_inputs_are_untouched(images):
    def stubborn(x):
        return torch.stack([x.flatten(1).sum(1) * 0 + 1, x.flatten(1).sum(1) * 0], dim=1)

    before = images.clone()
    result = ddn(stubborn, images, torch.ones(len(images), dtype=torch.long), steps=5)
    assert torch.equal(images, before)
    assert torch.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1
