"""A full-resolution network of densely connected, dilated convolutions: what erases traces, and what denoises.

Source: Chen et al. 2020 (SiamTE), section 3.2, which takes the structure of the real-world denoiser of Chen et al. 2019
(deep boosting); the widths are those of its public release.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from benchbench.contracts.profile import DilatedShape

DILATIONS = ((1, 2), (2, 1))
"""Of the two convolutions of each branch: one branch looks near first, the other far."""


def _convolution(inputs: int, outputs: int, dilation: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]


class _Pair(nn.Module):
    """Two convolutions one after the other at two dilations; gives what both of them see."""

    def __init__(self, inputs: int, widths: tuple[int, int], dilations: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Sequential(*_convolution(inputs, widths[0], dilations[0]))
        self.second = nn.Sequential(*_convolution(widths[0], widths[1], dilations[1]))

    def forward(self, x: Tensor) -> Tensor:
        near = self.first(x)
        return torch.cat([near, self.second(near)], dim=1)


class _Branches(nn.Module):
    """Both orders of dilations side by side, joined: 2 (a + b) channels."""

    def __init__(self, inputs: int, widths: tuple[int, int]) -> None:
        super().__init__()
        self.pairs = nn.ModuleList(_Pair(inputs, widths, dilations) for dilations in DILATIONS)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([pair(x) for pair in self.pairs], dim=1)


class DilatedDense(nn.Module):
    """From pictures to pictures of the same size, without down-sampling or normalization.

    A stem of dilated convolutions; blocks that each see all that came before and append to it; a 1 x 1 convolution
    without bias to three channels. At its default shape it has 240 608 weights.

    Args:
        shape: widths. With `skip` its output is added to its input, and at the start it is the identity; else it has to
            learn to copy, as the published one.

    Shape:
        (N, 3, H, W) in [0, 1] -> (N, 3, H, W), not held to a range.
    """

    def __init__(self, shape: DilatedShape) -> None:
        super().__init__()
        self.skip = shape.skip
        self.stem = _Branches(3, (shape.stem, shape.stem))
        channels = 4 * shape.stem
        blocks = []
        for _ in range(shape.blocks):
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(channels, shape.squeeze, 1),
                    nn.ReLU(inplace=True),
                    _Branches(shape.squeeze, shape.branch),
                    nn.Conv2d(2 * sum(shape.branch), shape.growth, 1),
                    nn.ReLU(inplace=True),
                )
            )
            channels += shape.growth
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(channels, 3, 1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if shape.skip:
            nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the pictures without what the network was trained to take away."""
        features = self.stem(x)
        for block in self.blocks:
            features = torch.cat([features, block(features)], dim=1)
        y = cast(Tensor, self.last(features))
        return x + y if self.skip else y


def frozen_dilated(shape: DilatedShape, state: dict[str, Tensor]) -> DilatedDense:
    """Return a trained network for use: eval mode, no gradients to its weights."""
    network = DilatedDense(shape)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)
