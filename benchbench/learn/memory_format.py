"""Which memory format a network may train in: channels-last, or the plain one where that is not safe."""

from __future__ import annotations

import torch
from torch import nn

_BLOCK = 8
"""Channels that oneDNN takes together on processors with AVX2."""


def memory_format(*networks: nn.Module) -> torch.memory_format:
    """Return the format for networks that train together: channels-last, which is faster, wherever it is safe.

    oneDNN, for processors with AVX2 and no AVX512, writes past the end of its buffer in the backward pass of a
    channels-last 1x1 convolution with a stride whose input channels are no multiple of 8 (seen with torch 2.11 to
    2.14: "double free or corruption"). A profile may ask for such widths; it is then trained contiguously.

    Args:
        networks: before they are trained. Frozen ones are safe in any format: the fault is in the weights' gradient.
    """
    unsafe = any(_unsafe(module) for network in networks for module in network.modules())
    return torch.contiguous_format if unsafe else torch.channels_last


def _unsafe(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and set(module.kernel_size) == {1}
        and max(module.stride) > 1
        and (module.in_channels // module.groups) % _BLOCK != 0
    )
