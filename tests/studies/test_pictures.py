"""The second paper's figures: what a difference is clamped to, and that pairs and differences are drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbench.studies.pictures import Crafted, clamped_difference, differences, pairs


def test_a_difference_is_the_l2_norm_over_channels_clamped_to_a_deviation_round_its_mean() -> None:
    rng = np.random.default_rng(0)
    x, y = (torch.from_numpy(rng.random((3, 12, 10))) for _ in range(2))
    norm = np.linalg.norm((y - x).numpy(), axis=0)
    low, high = norm.mean() - norm.std(), norm.mean() + norm.std()
    expected = (np.minimum(np.maximum(norm, low), high) - low) / (high - low)
    found = clamped_difference(x, y)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.min() == 0 and found.max() == pytest.approx(1)
    assert not clamped_difference(x, x).any()


def test_figures_show_every_photograph_and_every_wanted_class() -> None:
    models = ("a", "b", "c")
    made = [
        Crafted(str(k), k, torch.rand(1, 3, 16, 16), tuple(c for c in range(3) if c != k), torch.rand(2, 3, 16, 16))
        for k in range(3)
    ]
    drawn = pairs(made, models, "t", seed=1)
    assert [a.get_title() for a in drawn.axes[:3]] == list(models)
    assert all(
        a.get_title().removeprefix("to ") in set(models) - {m} for a, m in zip(drawn.axes[3:], models, strict=True)
    )
    again = [a.get_title() for a in pairs(made, models, "t", seed=1).axes]
    assert again == [a.get_title() for a in drawn.axes]
    figure = differences(made[0], models, "t")
    assert [a.get_title() for a in figure.axes[:3]] == ["a", "to b", "to c"]
    shown = figure.axes[4].images[0].get_array()
    np.testing.assert_allclose(np.asarray(shown), clamped_difference(made[0].x[0], made[0].y[0]))
