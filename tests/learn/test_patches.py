"""Patches: the dihedral group, class balance, alignment of stacks."""

from __future__ import annotations

import numpy as np
import torch

from benchbench.learn.patches import PatchSource, cut_patches, dih4

CPU = torch.device("cpu")


def test_dih4_is_the_whole_group():
    x = torch.arange(9.0).view(1, 1, 3, 3).expand(8, -1, -1, -1)
    images = {tuple(i.flatten().tolist()) for i in dih4(x, torch.arange(8))}
    grid = np.arange(9.0).reshape(3, 3)
    expected = {tuple(np.rot90(g, k).flatten().tolist()) for g in (grid, grid.T) for k in range(4)}
    assert images == expected
    assert len(expected) == 8


def stacks(n: int = 10, side: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    residual = (images.astype(np.float16) - 100) / 64
    labels = np.array([0] * (n - 2) + [3] * 2)
    return images, residual, labels


def test_stacks_stay_aligned_and_patches_come_from_the_grid():
    images, residual, labels = stacks()
    source = PatchSource([images, residual], labels, np.arange(len(labels)), 8, CPU)
    (x, r), y = source.sample(64, torch.Generator().manual_seed(0))
    torch.testing.assert_close(x * 255, r * 64 + 100, atol=0.1, rtol=0)
    cells = {
        np.ascontiguousarray(images[n, i : i + 8, j : j + 8]).tobytes(): labels[n]
        for n in range(len(labels)) for i in (0, 8) for j in (0, 8)
    }  # fmt: skip
    for patch, label in zip(x, y, strict=True):
        pixels = (patch * 255).round().byte().permute(1, 2, 0).numpy()
        turned = [np.rot90(p, k) for p in (pixels, pixels.transpose(1, 0, 2)) for k in range(4)]
        found = [cells[np.ascontiguousarray(t).tobytes()] for t in turned if np.ascontiguousarray(t).tobytes() in cells]
        assert found == [int(label)]


def test_a_cpu_cuts_what_a_gpu_cuts(tmp_path):
    """To the bit, and from a memory-mapped file, which cannot be written: a warning would fail the test."""
    rng = np.random.default_rng(1)
    for kind in (np.uint8, np.float16):
        np.save(tmp_path / "stack.npy", rng.integers(0, 256, (5, 16, 24, 3)).astype(kind))
        stack = np.load(tmp_path / "stack.npy", mmap_mode="r")
        places = np.stack([rng.integers(0, n, 200) for n in (5, 2, 3, 8)])
        grid = torch.from_numpy(np.array(stack)).unfold(1, 8, 8).unfold(2, 8, 8)
        photo, row, column, element = torch.from_numpy(places)
        found = cut_patches(stack, 8, places)
        assert torch.equal(found, dih4(grid[photo, row, column], element))
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_classes_are_balanced_whatever_their_sizes():
    images, _, labels = stacks()
    source = PatchSource([images], labels, np.arange(len(labels)), 8, CPU)
    _, y = source.sample(4000, torch.Generator().manual_seed(1))
    assert set(y.tolist()) == {0, 3}
    assert abs(float((y == 3).float().mean()) - 0.5) < 0.04


def test_only_the_index_is_used():
    images, _, labels = stacks()
    images[:5] = 0
    source = PatchSource([images], labels, np.arange(5, len(labels)), 8, CPU)
    (x,), _ = source.sample(500, torch.Generator().manual_seed(1))
    assert float(x.flatten(1).amax(1).min()) > 0
