"""The three networks of SpoC: generator, critic and embedder of camera traces. Pictures are (N, 3, H, W) in [-1, 1].

Source: Cozzolino et al. 2019, section 4.1 and supplement A. What only its figures show is ours: kernels of 3 x 3, which
give the generator 448 131 weights, and embedder channels of 64, 128, 256 and 512.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from benchbench.contracts.numbers import Count, Positive
from benchbench.contracts.section import Section
from benchbench.forensics import FiniteDifferences
from benchbench.learn.convolutions import PaddedConv2d
from benchbench.learn.precision import no_autocast

BLUR = 0.4
"""Sigma, px, of the Gaussian before the generator: it takes off what checkerboards up-sampling has left."""
NEARLY_ONE = 0.999
"""Pictures are turned down to it before atanh, which has no value at 1."""


class SpocShape(Section):
    """Widths of generator and critic; the defaults are the published ones."""

    generator: tuple[Count, Count] = (64, 128)
    """Channels of the generator's first three convolutions, and of the next three."""
    critic: Count = 64
    gain: Positive = 1.0
    """Of the critic's fixed layer."""
    inverse: bool = False
    """Add the generator's output to atanh of the picture, so that an untrained one copies. The paper adds it to the
    picture itself, and tanh(x) is far from x: it must learn the inverse first."""


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Blur each channel, (N, C, H, W), with a Gaussian of `sigma` px cut at four sigma; borders are mirrored."""
    radius = max(1, int(4 * sigma + 0.5))
    places = torch.arange(-radius, radius + 1, device=x.device, dtype=torch.float64)
    line = torch.exp(-0.5 * (places / sigma).square())
    line = (line / line.sum()).to(x.dtype).view(1, 1, 1, -1).repeat(x.shape[1], 1, 1, 1)
    padded = F.pad(x, [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, line, groups=x.shape[1]), line.transpose(2, 3), groups=x.shape[1])


class SpocGenerator(nn.Module):
    """Seven convolutions of 3 x 3 whose output is added to the blurred picture; ends in tanh.

    Spectral norm on the five in the middle. Fully convolutional.
    """

    def __init__(self, shape: SpocShape) -> None:
        super().__init__()
        low, high = shape.generator
        widths = (3, low, low, low, high, high, high, 3)
        self.inverse = shape.inverse
        layers: list[nn.Module] = []
        for place in range(7):
            convolution = PaddedConv2d(widths[place], widths[place + 1], 3, padding=1, padding_mode="reflect")
            layers += [spectral_norm(convolution) if 0 < place < 6 else convolution, nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        if self.inverse:
            last = cast(nn.Conv2d, self.body[-1])
            nn.init.zeros_(last.weight)
            nn.init.zeros_(cast(Tensor, last.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return pictures as the generator's camera model would have them, (N, 3, H, W) in [-1, 1]."""
        with no_autocast(x.device):  # most of what comes out: bfloat16 is a gray level off
            blurred = gaussian_blur(x, BLUR)
        change = cast(Tensor, self.body(blurred)).float()
        return torch.tanh(change + (torch.atanh(blurred * NEARLY_ONE) if self.inverse else blurred))


class MeanOnlyBatchNorm2d(nn.Module):
    """Takes off each channel's mean over batch and places, and adds a learned bias; the spread stays.

    Source: Salimans & Kingma 2016, section 4.
    """

    running_mean: Tensor

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (N, C, H, W)."""
        count, channels, height, width = x.shape
        # Rows of all pictures, channels last: adding a number a channel takes a quarter of the time so.
        rows = x.permute(0, 2, 3, 1).reshape(count * height, width * channels)
        if self.training:
            mean = rows.mean(0, dtype=torch.promote_types(x.dtype, torch.float32)).view(width, channels).mean(0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        else:
            mean = self.running_mean
        rows = rows + (self.bias - mean).to(x.dtype).repeat(width)
        return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


class FixedLayer(nn.Module):
    """The picture and its third differences along rows and columns: (N, 3, H, W) -> (N, 9, H, W).

    Args:
        gain: factor on the differences. Beside the picture they are small, and spectral norm keeps layers from raising
            them: with 1, as published, a short training hardly sees them.
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain
        self.differences = FiniteDifferences()

    def forward(self, x: Tensor) -> Tensor:
        """Look."""
        return torch.cat([x, self.differences(x) * self.gain], dim=1)


class SpocCritic(nn.Module):
    """How much each place looks like a photograph of the camera model: (N, 3, H, W) -> logits (N, 1, H - 12, W - 12).

    The fixed layer, then six convolutions of 3 x 3 without padding: 13 x 13 of its maps are seen.
    """

    def __init__(self, shape: SpocShape) -> None:
        super().__init__()
        c = shape.critic
        layers: list[nn.Module] = [FixedLayer(shape.gain), nn.Conv2d(9, c, 3), nn.ReLU(inplace=True)]
        for _ in range(4):
            block = spectral_norm(nn.Conv2d(c, c, 3, bias=False))  # the norm that follows has the bias
            layers += [block, MeanOnlyBatchNorm2d(c), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(c, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Judge."""
        return cast(Tensor, self.body(x))


class _Block(nn.Module):
    """A 1 x 1 branch beside one of two 3 x 3 convolutions with a ReLU between them; their sum."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.short = spectral_norm(nn.Conv2d(before, after, 1))
        self.long = nn.Sequential(
            spectral_norm(nn.Conv2d(before, after, 3, padding=1)),
            nn.ReLU(inplace=True),
            spectral_norm(nn.Conv2d(after, after, 3, padding=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.short(x) + self.long(x))


class Embedder(nn.Module):
    """What a picture shows of its camera model: (N, 3, H, W), at least 16 px, -> (N, 512), not normalized.

    The fixed layer, four residual blocks with an average over 2 x 2 after each, the maximum over all places.
    """

    def __init__(self, channels: Sequence[int] = (64, 128, 256, 512), gain: float = 1.0) -> None:
        """Build it.

        Args:
            channels: of the blocks; the last is the length of an embedding.
            gain: of the fixed layer.
        """
        super().__init__()
        widths = (9, *channels)
        self.fixed = FixedLayer(gain)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairwise(widths))

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the maps after each block and its average, finest first."""
        found = []
        x = self.fixed(x)
        for block in self.blocks:
            x = F.avg_pool2d(block(x), 2)
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Embed."""
        return self.maps(x)[-1].amax((2, 3))


def plain_weights(network: nn.Module) -> nn.Module:
    """Replace normalized weights by what they come to, in place: a network that is trained no more runs faster so."""
    for module in list(network.modules()):
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight", leave_parametrized=True)
    return network


def frozen_network(network: nn.Module, state: dict[str, Any]) -> nn.Module:
    """Return `network` with a trained state, in eval mode, its weights plain and without gradients."""
    network.load_state_dict(state)
    return plain_weights(network.eval()).requires_grad_(False)
