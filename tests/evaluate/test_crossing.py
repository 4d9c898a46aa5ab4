"""How many photographs a crossing has in memory at a time."""

from __future__ import annotations

import pytest
import torch

from benchbench.evaluate.memory import at_a_time

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("batch", "size", "expected"),
    [(16, 64, 16), (16, 128, 16), (16, 160, 10), (16, 256, 4), (64, 256, 16), (16, 512, 4), (2, 512, 2), (1, 512, 1)],
)
def test_large_photographs_come_in_smaller_batches(batch: int, size: int, expected: int) -> None:
    assert at_a_time(batch, size, CPU) == expected
    assert at_a_time(batch, size, GPU) == batch, "memory of a GPU is what the user's batch is for"
