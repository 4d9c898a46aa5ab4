"""How much work a network is: floating-point operations counted on it, and how long they take on this machine.

For estimates alone. Operations are counted on tensors without content, once a network, and stand for time because
nearly all of it goes to convolutions: of narrow networks and wide ones a core does 35 to 85 billion a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable
from functools import cache
from importlib import resources

import torch
from torch import Tensor, nn
from torch.nn import functional as F

UNIT = 62e6
"""Operations of a unit of `Fit.cost`: a patch of 64 px, forward and backward, in the ResNet-18 of profile `quick`."""
STEP = 10.0
"""Units of a training step beside its operations: patches, calls, the optimizer. It is most of what `smoke` does."""
BACKWARD = 2.0
"""Passes forward that a pass backward is worth: one for the gradient of the inputs, one for that of the weights."""
_SIDE = 64
_counted: dict[Hashable, float] = {}


def per_pixel(key: Hashable, build: Callable[[], nn.Module], channels: int, *more: Callable[[], Tensor]) -> float:
    """Return the operations of a network on one pixel, forward, counted at 64 x 64 pixels.

    Args:
        key: equal for networks that do the same; a text may be one of `kept`.
        build: makes it; called on the device `meta`, so that no memory is taken and nothing is computed.
        channels: of its input.
        more: make further inputs of a batch of one.
    """
    if key not in _counted:
        known = kept().get(key) if isinstance(key, str) else None
        _counted[key] = count(build, channels, *more) if known is None else known
    return _counted[key]


def count(build: Callable[[], nn.Module], channels: int, *more: Callable[[], Tensor]) -> float:
    """Count what `per_pixel` returns; the network is built."""
    from torch.utils.flop_counter import FlopCounterMode  # late: it imports a compiler where there is one

    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        build().eval()(torch.empty(1, channels, _SIDE, _SIDE), *(one() for one in more))
    return float(counter.get_total_flops()) / _SIDE**2


@cache
def kept() -> dict[str, float]:
    """Return the counts of backbones as the built-in profiles shape them, by name and shape.

    An estimate of a run then builds no network: importing timm takes longer than all else that a plan does. The file is
    what `python tests/learn/test_operations.py` writes.
    """
    return dict(json.loads((resources.files("benchbench.learn") / "operations.json").read_text(encoding="utf-8")))


def training(operations: float, patch: int, patches: int, batch: int) -> float:
    """Return the cost of training, see `Fit.cost`.

    Args:
        operations: of all networks, forward, a pixel.
        patch: side of a patch, px.
        patches: in all epochs.
        batch: patches a step.
    """
    return patches * (1 + BACKWARD) * operations * patch**2 / UNIT + STEP * patches / batch


@cache
def seconds_per_unit() -> float:
    """Return how long one core of this machine takes for a unit of `Fit.cost`; measured in less than a second."""
    convolution = nn.Conv2d(64, 64, 3, padding=1)
    x = torch.rand(8, 64, 32, 32, requires_grad=True)
    operations = (1 + BACKWARD) * 2 * 9 * 64 * 64 * 8 * 32 * 32
    before, taken = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(5):
            began = time.thread_time()  # other programs may have the core in between
            F.relu(convolution(x)).sum().backward()  # type: ignore[no-untyped-call]
            taken.append(time.thread_time() - began)
    finally:
        torch.set_num_threads(before)
    return UNIT * min(taken) / operations / SHARE


SHARE = 0.6
"""Of that convolution's pace networks keep: they have normalization, activations and small layers besides."""
