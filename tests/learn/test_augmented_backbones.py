"""The second paper's backbones: counted by hand and beside timm's own, and the recipes they train by."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from benchbench.contracts.profile import Backbones, Recipe, load_profile
from benchbench.contracts.target import TARGETS
from benchbench.learn.classifier import make_backbone

PUBLISHED = Backbones()


def count(name: str) -> int:
    network = make_backbone(name, PUBLISHED.shape(name), 3, 6)
    return sum(p.numel() for p in network.parameters())


def resnet(blocks: tuple[int, ...]) -> int:
    """Of basic blocks in four stages of 64 to 512 channels, by hand."""
    total, before = 3 * 64 * 49 + 2 * 64, 64
    for stage, depth in enumerate(blocks):
        c = 64 * 2**stage
        for block in range(depth):
            entering = before if block == 0 else c
            total += entering * c * 9 + c * c * 9 + 4 * c
            if entering != c:
                total += entering * c + 2 * c
        before = c
    return total + 6 * 512 + 6


def test_resnets() -> None:
    assert count("resnet34") == resnet((3, 4, 6, 3)) == 21_284_672 + 6 * 513
    timms = timm.create_model("resnet34", num_classes=6)
    assert count("resnet34") == sum(p.numel() for p in timms.parameters())
    assert count("resnet12") == resnet((2, 1, 1, 1))
    layers = [m for m in make_backbone("resnet12", PUBLISHED.shape("resnet12"), 3, 6).modules()]
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    assert len(convolutions) + 1 == 12, "the last layer is the twelfth"


def test_densenet_40() -> None:
    """BC: a layer is 1 x 1 to 48 channels, 3 x 3 to 12; between blocks the channels are halved."""
    total, c = 3 * 24 * 49 + 2 * 24, 24
    for block in range(3):
        for _ in range(6):
            total += 2 * c + c * 48 + 2 * 48 + 48 * 12 * 9
            c += 12
        if block < 2:
            total += 2 * c + c * (c // 2)
            c //= 2
    total += 2 * c + 6 * c + 6
    assert count("densenet40") == total


@pytest.mark.parametrize("name", ["resnet12", "resnet34", "densenet40"])
def test_whole_images_of_any_size(name: str) -> None:
    network = make_backbone(name, load_profile("smoke").backbones.shape(name), 3, 5).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, 67, 96)).shape == (2, 5)


def test_the_papers_targets_are_one_glob_and_no_part_of_all() -> None:
    found = TARGETS.resolve("augmented2020:*")
    assert len(found) == 15 and {t.card.overlap for t in found} == {"complete"}
    names = {t.name for t in found}
    assert {"resnet12/wdf/complete", "densenet40/cc/complete", "resnet18/rgb/complete"} <= names
    assert len(TARGETS.resolve("augmented2020:*/wdf")) == 5
    both = names & set(TARGETS.names())
    assert both == {f"{b}/{p}/complete" for b in ("resnet18", "densenet100") for p in ("rgb", "cc")}


@pytest.mark.parametrize("profile", ["paper", "paper-short"])
def test_recipes_are_the_papers(profile: str) -> None:
    paper = load_profile(profile)
    for name in ("resnet12/rgb/complete", "resnet34/ww/complete"):
        recipe = paper.recipe_for(name)
        assert (recipe.batch, recipe.epochs, recipe.milestones) == (128, 30, (18, 23, 27))
    recipe = paper.recipe_for("densenet40/cc/complete")
    assert (recipe.batch, recipe.epochs, recipe.milestones) == (64, 90, (54, 69, 81))
    assert (recipe.learning_rate, recipe.momentum, recipe.weight_decay, recipe.gamma) == (0.1, 0.9, 5e-4, 0.1)
    for stream in ("img", "wdf", "pef"):
        found = paper.evaluator_recipe(stream)
        assert (found.batch, found.epochs, found.milestones) == (128, 30, (18, 23, 27))
    # The first paper's targets go on to train by its own recipe, also where the second has them.
    assert paper.recipe_for("resnet18/rgb/complete") == paper.target != Recipe(epochs=30)
