"""Trials: which models are wanted of which photograph."""

from __future__ import annotations

from collections import Counter

import numpy as np

from benchbench.contracts.trials import ANY, expanded, trials, wanted_models

CAMERA = np.repeat(np.arange(5), 12)  # three known models, two unknown ones, twelve photographs each


def test_all_wrong_models_are_wanted_of_each_photograph() -> None:
    found = trials(CAMERA, 3, "in")
    assert len(found) == 3 * 12 * 2 and not (found.true == found.wanted).any()
    assert len(trials(CAMERA, 3, "out")) == 2 * 12 * 3


def test_fewer_are_taken_in_turn() -> None:
    for split, models, wrong in (("in", 3, 2), ("out", 2, 3)):
        found = trials(CAMERA, 3, split, each=1)
        assert len(found) == models * 12 and not (found.true == found.wanted).any()
        assert len(set(found.image.tolist())) == len(found)
        pairs = Counter(zip(found.true.tolist(), found.wanted.tolist(), strict=True))
        assert set(pairs.values()) == {12 // wrong}
    both = trials(CAMERA, 3, "out", each=2)
    assert len(both) == 2 * 12 * 2 and set(Counter(both.image.tolist()).values()) == {2}
    assert set(Counter(both.wanted.tolist()).values()) == {16}
    assert len(trials(CAMERA, 3, "in", each=9)) == len(trials(CAMERA, 3, "in"))


def test_an_untargeted_attack_is_judged_by_the_same_trials() -> None:
    for each in (None, 1, 2):
        targeted, once = trials(CAMERA, 3, "out", True, each), trials(CAMERA, 3, "out", False, each)
        assert (once.wanted == ANY).all()
        rows, made = expanded(once, wanted_models(CAMERA, 3, each))
        assert np.array_equal(made.image, targeted.image) and np.array_equal(made.wanted, targeted.wanted)
        assert np.array_equal(once.image[rows], made.image)
