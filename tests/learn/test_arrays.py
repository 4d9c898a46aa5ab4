"""Stacks of images that fits leave: what they hold, and a disk that is full."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.base.errors import StoreError
from benchbench.learn.arrays import write_stack

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 6, 4, 3), dtype=np.uint8)


def context(folder: Path, told: list[Any]) -> Any:
    photos = type("Photos", (), {"images": IMAGES, "__len__": lambda self: len(IMAGES)})()
    data = SimpleNamespace(photos=lambda role: photos)
    return SimpleNamespace(data=data, folder=folder, device=torch.device("cpu"), progress=lambda *a: told.append(a))


def test_a_stack_holds_what_becomes_of_each_photograph_in_order(tmp_path: Path) -> None:
    told: list[Any] = []
    write_stack(context(tmp_path, told), "q", lambda x: 1 - x, np.uint8, batch=4)
    assert np.array_equal(np.load(tmp_path / "stack.npy"), 255 - IMAGES)
    assert [done for done, _, _ in told] == [4, 8, 11]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system takes no room beforehand")
def test_a_full_disk_is_a_sentence_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int, start: int, size: int) -> None:
        assert size > IMAGES.size
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    told: list[Any] = []
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device"):
        write_stack(context(tmp_path, told), "q", lambda x: x, np.uint8)
    assert not told
