"""Pictures of traces: where patches are cut, and what their spectra hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbench.evaluate.tasks.crops import crops
from benchbench.studies.erased import said, smooth_places, spectrum, trace_of
from benchbench.studies.pictures import Crafted


def test_the_trace_is_what_was_taken_away() -> None:
    x = torch.rand(1, 3, 16, 16)
    one = Crafted("a", 0, x, (1,), 0.75 * x)
    assert torch.allclose(trace_of(one), 0.25 * x[0])


def test_patches_are_the_smoothest_of_the_grid() -> None:
    x = torch.rand(3, 32, 32)
    x[:, 8:16, 16:24] = 0.5
    x[:, 24:32, 0:8] = 0.5 + 0.01 * torch.rand(3, 8, 8)
    assert smooth_places(x, 8, 2) == [(8, 16), (24, 0)]


def test_a_wave_is_two_points_of_the_spectrum() -> None:
    wave = torch.sin(2 * torch.pi * 5 * torch.arange(32) / 32).expand(3, 32, 32)
    found = spectrum(wave + 7)
    assert set(np.argsort(found.ravel())[-2:].tolist()) == {16 * 32 + 16 - 5, 16 * 32 + 16 + 5}
    assert found[16, 16] == pytest.approx(-6, abs=0.1), "the mean is no part of it"


def test_bars_are_the_mean_of_the_votes_crops() -> None:
    x = torch.rand(1, 3, 64, 64)

    def module(pictures: torch.Tensor) -> torch.Tensor:
        return 10 * pictures.mean((2, 3))

    expected = torch.softmax(10 * crops(x, [3], "vote", 0, 4).mean((2, 3)), dim=1).mean(0)
    assert said(module, x, 3) == pytest.approx(expected.numpy(), abs=1e-6)
