"""Work of networks: counted operations against sums by hand, and what estimates make of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchbench.contracts.profile import load_profile
from benchbench.learn.operations import BACKWARD, STEP, UNIT, per_pixel, seconds_per_unit, training
from benchbench.learn.training import ClassifierFit


def test_operations_by_hand() -> None:
    """Two operations, a product and a sum, for each weight and place; a quarter of the places behind a stride of 2."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 5, stride=2, padding=2))
    assert per_pixel("by hand", lambda: net.to("meta"), 3) == 2 * (8 * 3 * 9 + 4 * 8 * 25 / 4)


def test_training_by_hand() -> None:
    patches = 6400
    found = training(1000.0, 64, patches, 64)
    assert found == pytest.approx(patches * (1 + BACKWARD) * 1000 * 64**2 / UNIT + 100 * STEP)


def fit(profile: str) -> ClassifierFit:
    read = load_profile(profile)
    return ClassifierFit(
        role="p",
        backbone="resnet18",
        preprocessor="rgb",
        classes=6,
        shape=read.backbones.shape("resnet18"),
        dropout=0.1,
        recipe=read.target,
        patch=read.patch,
        name="resnet18",
    )


def test_the_unit_is_a_patch_of_the_narrow_network() -> None:
    quick = fit("quick")
    assert 64**2 * quick.operations * (1 + BACKWARD) / UNIT == pytest.approx(1, abs=0.1)
    assert replace(quick, patch=128).cost > 3 * quick.cost
    # Of the published width a network does 14 times the work: it has four times the channels in most layers.
    assert 10 < fit("paper").operations / quick.operations < 18


def test_this_machine_has_a_pace() -> None:
    """Between a hundred thousand and a hundred patches a second, whatever the machine."""
    assert 1e-5 < seconds_per_unit() < 1e-2
    assert torch.get_num_threads() >= 1
