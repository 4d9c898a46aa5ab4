"""Figures of learning curves where trials are missing, or models have unequal numbers of photographs."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.studies.learning import Reading
from benchbench.studies.learning_tables import figures_of


def test_judges_accuracy_weighs_true_models_alike_and_asks_each_photograph_once() -> None:
    true = np.repeat([0, 1, 2], [24, 12, 4])  # both others are wanted of each of twelve, six and two photographs
    image = np.repeat(np.arange(20), 2)
    wanted = (true + np.tile([1, 2], 20)) % 3
    nothing = np.full(40, np.inf)
    one = Reading(
        image=image, scene=image, true=true, wanted=wanted, said={"a": 0 * true}, own={}, psnr=nothing, cosine=None
    )
    found = figures_of(one, 3, named=True).success["a"]
    assert found is not None and found.value == pytest.approx(1 / 3)


@pytest.mark.parametrize("unchanged", [0, 1, 6])
def test_a_photograph_with_fewer_trials_than_others_is_no_outlier(unchanged: int) -> None:
    """Trials scatter by 0.1 dB: what is said of 60 photographs is within some hundredths, whatever they are about."""
    rng = np.random.default_rng(1)
    true, image = np.repeat(np.arange(6), 50), np.repeat(np.arange(60), 5)
    wanted = (true + np.tile([1, 2, 3, 4, 5], 60)) % 6
    psnr = rng.normal(35, 0.1, 300) + wanted
    psnr[rng.choice(300, unchanged, replace=False)] = np.inf
    one = Reading(image=image, scene=image, true=true, wanted=wanted, said={}, own={}, psnr=psnr, cosine=None)
    found = figures_of(one, 6).psnr
    assert found is not None and 0.005 < (found.high - found.low) / 2 < 0.02
    assert found.value == pytest.approx(np.mean([psnr[(wanted == c) & np.isfinite(psnr)].mean() for c in range(6)]))
