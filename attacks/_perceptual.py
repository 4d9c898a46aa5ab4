"""The network that a perceptual term asks: the VGG-16 of ST-LPIPS, where `stlpips-pytorch` is installed.

The paper's is torchvision's VGG-19, whose weights are in no package. Source of the layers: Ghildyal & Liu 2022.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of VGG-16's convolutions, by the parts between its poolings."""
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Mean and spread of ImageNet's pictures in [-1, 1]."""


class BlurPool(nn.Module):
    """The maximum over 2 x 2, smoothed with [1 2 1] / 4 a side before every other one is taken."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("kernel", (line[:, None] * line[None, :]).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Pool: (N, C, H, W), sides of 4 or more, to about half the sides."""
        largest = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")  # 2: as it was trained
        return F.conv2d(largest, self.kernel.to(x.dtype), stride=2, groups=x.shape[1])


class Trunk(nn.Module):
    """VGG-16's convolutions: pictures (N, 3, H, W) in [0, 1], 64 px or more, to the maps that its five parts end in."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        channels, stages = 3, []
        for place, widths in enumerate(WIDTHS):
            layers: list[nn.Module] = [BlurPool(channels)] if place else []
            for width in widths:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Look."""
        x, maps = (x * 2 - 1 - self.shift) / self.scale, []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


@cache
def perceptual_trunk() -> Trunk | None:
    """Return the frozen trunk, or None, with a word to the user, where the package of its weights is not installed."""
    found = find_spec("stlpips_pytorch")
    if found is None or found.origin is None:
        logging.getLogger("benchbench").warning(
            "the perceptual term of SpoC is left out: its network comes with stlpips-pytorch, which is not installed."
        )
        return None
    weights = Path(found.origin).parent / "weights" / "vST0.0" / "vgg_shift_tolerant.pth"
    state = torch.load(weights, map_location="cpu", weights_only=True)
    trunk = Trunk()
    theirs = [v for k, v in state.items() if k.startswith("net.") and k.endswith((".weight", ".bias"))]
    # Both list weights and biases in the order of the layers.
    trunk.load_state_dict(dict(zip(trunk.state_dict(), theirs, strict=True)))
    return trunk.eval().requires_grad_(False)
