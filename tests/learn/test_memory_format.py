"""Channels-last is chosen where it is safe, and a profile whose widths are not trains all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from benchbench.contracts.profile import load_profile
from benchbench.learn.backbones.resnet import ResNetShape
from benchbench.learn.classifier import make_backbone
from benchbench.learn.memory_format import memory_format


@pytest.mark.parametrize(
    ("layer", "safe"),
    [
        (nn.Conv2d(4, 8, 1, stride=2), False),
        (nn.Conv2d(12, 8, 1, stride=(1, 2)), False),
        (nn.Conv2d(16, 8, 1, stride=2, groups=4), False),
        (nn.Conv2d(8, 4, 1, stride=2), True),
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 3, stride=2), True),
        (nn.Linear(4, 8), True),
    ],
)
def test_a_strided_1x1_convolution_of_odd_width_is_contiguous(layer: nn.Module, safe: bool) -> None:
    expected = torch.channels_last if safe else torch.contiguous_format
    assert memory_format(nn.Sequential(layer)) == expected
    assert memory_format(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), layer)) == expected


@pytest.mark.parametrize("name", ["smoke", "quick", "paper"])
def test_the_built_in_profiles_train_channels_last(name: str) -> None:
    backbones = load_profile(name).backbones
    for backbone in ("resnet18", "resnet50", "densenet100", "vgg16"):
        network = make_backbone(backbone, backbones.shape(backbone), 3, 6)
        assert memory_format(network) == torch.channels_last, backbone


def test_narrow_resnets_are_the_ones_that_are_not() -> None:
    assert memory_format(make_backbone("resnet18", ResNetShape(channels=(4, 4, 8, 8), stem=4), 3, 6)) == (
        torch.contiguous_format
    )


@pytest.mark.slow
def test_a_profile_with_widths_of_four_trains_with_the_kernels_of_avx2(tiny: str, tmp_path: Path) -> None:
    """In a process of its own, since a fault ends it: with the format not chosen, "double free or corruption"."""
    text = Path(tiny).read_text(encoding="utf-8")
    wide = "resnet18 = { channels = [8, 8, 16, 16], stem = 8 }"
    assert wide in text
    narrow = tmp_path / "narrow.toml"
    narrow.write_text(text.replace(wide, "resnet18 = { channels = [4, 4, 4, 4], stem = 4 }"), encoding="utf-8")
    code = f"""
        from pathlib import Path
        import torch
        from benchbench import TARGETS, load_profile
        from benchbench.authoring.conformance import try_target
        torch.set_num_threads(1)  # as in a worker; with two the fault shows seldom
        profile, cache = load_profile({str(narrow)!r}), Path({str(tmp_path)!r})
        for look in ("rgb", "hp", "cc"):
            try_target(TARGETS.create(f"resnet18/{{look}}/complete"), profile, cache)
        print("trained")
        """
    kernels = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=kernels, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.strip() == "trained", done.stderr
