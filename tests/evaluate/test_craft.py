"""What an attack is told of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchbench.contracts.attack import AttackCard
from benchbench.contracts.photographs import Photos
from benchbench.contracts.trials import Trials
from benchbench.evaluate.craft import ordered


@pytest.mark.parametrize("renamable", [False, True])
def test_names_that_a_user_may_change_do_not_enter_the_random_numbers(renamable: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    zero = np.zeros(4, np.int64)
    photos = Photos(images, zero, zero, zero, ("a", "b", "c", "d"), renamable)
    card = AttackCard(name="x", title="X", version=1, knowledge="none")
    batch = Trials(np.array([0, 1, 1, 3]), zero, np.array([1, 1, 2, 1]))

    def seeds(of: Photos) -> tuple[int, ...]:
        return ordered(card, "x", of, batch, 3, 0, "").seeds

    assert len(set(seeds(photos))) == 4, "each photograph and each wanted class has its own"
    renamed = replace(photos, name=("e", "f", "g", "h"))
    assert (seeds(renamed) == seeds(photos)) is renamable
    other = replace(photos, images=images[::-1])
    assert (seeds(other) == seeds(photos)) is not renamable
