"""What bridges to libraries of attacks share: one photograph at a time, one seed each, and whose class it is given."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.contracts.attack import CraftContext


def one_by_one(attack: Callable[[Tensor, Tensor], Tensor], x: Tensor, labels: Tensor, context: CraftContext) -> Tensor:
    """Run a library's attack image by image, each with its own random state, so that batches cannot matter.

    Args:
        attack: from (1, 3, H, W) and (1,) to (1, 3, H, W).
        x: (N, 3, H, W) in [0, 1]. labels: int64 (N,), wanted or true classes.

    Returns:
        float32 (N, 3, H, W) in [0, 1].
    """
    results = []
    with torch.enable_grad():
        for i, seed in enumerate(context.seeds):
            with _seeded(seed, x):
                results.append(attack(x[i : i + 1].clone(), labels[i : i + 1]).detach())
    return torch.cat(results).float().clamp(0, 1)


def true_or_taken_for(x: Tensor, true: Tensor | None, evaluator: nn.Module, context: CraftContext) -> Tensor:
    """Return the classes (N,) to lead away from: the true ones, or what `evaluator` says where it cannot know them."""
    assert true is not None, "an attack that cannot be aimed reads true classes"
    with torch.no_grad():
        return torch.where(true < context.known, true, evaluator(x).argmax(dim=1))


@contextmanager
def _seeded(seed: int, x: Tensor) -> Iterator[None]:
    """Seed every random state that an attack may draw from, and put the old ones back."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
