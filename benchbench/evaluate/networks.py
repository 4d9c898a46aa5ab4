"""Networks of attacks and targets, loaded from the cache."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.records.cache import Cache

if TYPE_CHECKING:
    import torch


@lru_cache(maxsize=1)
def process_cache(root: Path) -> Cache:
    """Return this process's cache, which keeps what it has loaded."""
    return Cache(root)


def networks(
    fits: Mapping[str, Fit], setup: Setup, root: Path, device: torch.device, *, own: bool = False
) -> dict[str, Any]:
    """Load fits from the cache, networks and tensors on `device`.

    Args:
        own: nobody else in this process is given the same objects, now or later: whoever gets them may change them.
    """
    import torch

    cache = Cache(root) if own else process_cache(root)
    loaded = {name: cache.load(fit, setup.data_id) for name, fit in fits.items()}
    return {
        name: value.to(device) if isinstance(value, (torch.nn.Module, torch.Tensor)) else value
        for name, value in loaded.items()
    }


def craft_context(attack: Attack, setup: Setup, root: Path, device: torch.device) -> CraftContext:
    """Return what an attack crafts with: its networks, its own, from the cache `root`, on `device`."""
    loaded = networks(attack.fits(setup), setup, root, device, own=True)
    return CraftContext(device=device, known=setup.known, networks=loaded)


def to_tensor(images: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
    """Return photographs, (N, H, W, 3) uint8, as float32 (N, 3, H, W) in [0, 1]."""
    import torch

    nchw = np.ascontiguousarray(np.asarray(images).transpose(0, 3, 1, 2))
    return torch.from_numpy(nchw).to(device).float().div_(255)
