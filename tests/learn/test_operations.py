"""Work of networks: counted operations against sums by hand, and what estimates make of them."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import benchbench.learn.operations
from benchbench.contracts.backbone import BACKBONES, Backbone
from benchbench.contracts.profile import load_profile, profile_names
from benchbench.learn.operations import BACKWARD, STEP, UNIT, count, kept, per_pixel, seconds_per_unit, training
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


def shaped() -> dict[str, tuple[Backbone, Any]]:
    """Return every backbone of benchbench as every built-in profile shapes it."""
    every = {name: BACKBONES.create(name) for name in BACKBONES.names()}
    ours = {name: b for name, b in every.items() if type(b).__module__.startswith("benchbench.")}
    found = {}
    for (name, backbone), profile in itertools.product(ours.items(), map(load_profile, profile_names())):
        shape = profile.backbones.shape(name)
        found[f"{name} {shape!r}"] = backbone, shape
    return found


def counted() -> dict[str, float]:
    """Count the operations of all these."""
    return {key: count(lambda b=b, s=s: b.build(s, 3, 6, 0.0), 3) for key, (b, s) in shaped().items()}


def test_counts_are_kept_of_all_that_built_in_profiles_have() -> None:
    assert set(kept()) == set(shaped())


@pytest.mark.slow
def test_counts_that_are_kept_are_those_of_the_networks() -> None:
    """After a change of a backbone or a profile: python tests/learn/test_operations.py."""
    assert kept() == pytest.approx(counted(), rel=0.02), "another torch may count a little otherwise"


def test_a_plan_counts_no_network_of_the_built_in_profiles() -> None:
    code = (
        "import sys; from benchbench.contracts.fit import Setup; from benchbench.contracts.profile import load_profile;"
        "from benchbench.contracts.target import TARGETS; setup = Setup(load_profile('quick'), 'd', 6, 12);"
        "fits = TARGETS.create('vgg16/cc/complete').fits(setup).values();"
        "print(sum(fit.operations for fit in fits) > 0, 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


if __name__ == "__main__":
    place = Path(benchbench.learn.operations.__file__).with_name("operations.json")
    place.write_text(json.dumps(counted(), indent=0, sort_keys=True) + "\n")
