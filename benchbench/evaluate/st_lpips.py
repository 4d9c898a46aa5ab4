"""ST-LPIPS: a learned perceptual distance that a shift by a pixel hardly moves.

Source: Ghildyal & Liu, Shift-tolerant perceptual similarity metric, ECCV 2022; the AlexNet trunk. The weights are those
of the wheel `stlpips-pytorch` (BSD), which is read and never imported; the network is written from the description.
It is not LPIPS (Zhang et al. 2018), whose values differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.contracts.measure import Measure

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SMALLEST = 21
"""Pixels a side; of smaller photographs nothing is left for the last layers."""
_PACKAGE, _FILE = "stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth"
_CONVOLUTIONS = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
_BLURS = ("slice1.1", "slice2.4", "slice3.8")
_TINY = 1e-10


class StLpips(Measure):
    """Shift-tolerant LPIPS with the AlexNet trunk."""

    name, title, unit, higher = "st-lpips", "ST-LPIPS", "-", False
    text = "learned perceptual distance that tolerates shifts (Ghildyal & Liu 2022), 0: unchanged; it is not LPIPS"

    @classmethod
    def why_not(cls) -> str:
        """Return what to install, if the weights are not there."""
        if _weights_file() is None:
            return "its weights are not installed. In a checkout of benchbench: pip install '.[perceptual]'"
        return ""

    def measure(self, x: Tensor, y: Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return the distance of each pair, NaN for photographs smaller than `SMALLEST`.

        Raises:
            BenchError: the weights are not installed.
        """
        import torch

        if why := self.why_not():
            raise BenchError(f"measure '{self.name}' cannot be had: {why}.")
        if min(x.shape[-2:]) < SMALLEST:
            return np.full(len(x), np.nan)
        with torch.inference_mode():
            found: NDArray[np.float64] = distance(x, y, _weights(str(x.device))).double().cpu().numpy()
        return found


def distance(x: Tensor, y: Tensor, weights: Mapping[str, Tensor]) -> Tensor:
    """Return the distances (N,) of pictures (N, 3, H, W) in [0, 1], H and W at least `SMALLEST`.

    Each layer's features are brought to unit length at each position; the squared differences of channels are weighed,
    added up, and averaged over positions; the layers' numbers are added up.

    Args:
        weights: the wheel's state, by its names.
    """
    import torch

    first, second = _features(x, weights), _features(y, weights)
    parts = []
    for layer, (a, b) in enumerate(zip(first, second, strict=True)):
        weighed = (_unit(a) - _unit(b)).square() * weights[f"lin{layer}.model.1.weight"][0]
        parts.append(weighed.sum(1).mean((1, 2)))
    return torch.stack(parts).sum(0)


def _features(x: Tensor, weights: Mapping[str, Tensor]) -> list[Tensor]:
    """Return AlexNet's five layers; it strides nowhere, and halves by blurring instead."""
    from torch.nn import functional as F

    def convolve(at: int, h: Tensor, padding: int) -> Tensor:
        name = f"net.{_CONVOLUTIONS[at]}"
        return F.conv2d(h, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=padding)

    def halve(at: int, h: Tensor) -> Tensor:
        kernel = weights[f"net.{_BLURS[at]}.filt"]
        return F.conv2d(F.pad(h, [2] * 4, mode="reflect"), kernel, stride=2, groups=len(kernel))

    h = (x * 2 - 1 - weights["scaling_layer.shift"]) / weights["scaling_layer.scale"]
    h = F.relu(halve(0, convolve(0, h, 2)))
    found = [h]
    for at, blur in ((1, 1), (2, 2)):
        h = F.relu(convolve(at, halve(blur, F.max_pool2d(h, 3, 1)), 3 - at))
        found.append(h)
    for at in (3, 4):
        h = F.relu(convolve(at, h, 1))
        found.append(h)
    return found


def _unit(features: Tensor) -> Tensor:
    length = features.square().sum(1, keepdim=True).sqrt()
    return features / (length + _TINY)


@cache
def _weights_file() -> Path | None:
    spec = find_spec(_PACKAGE)  # finds the folder; importing would run what this needs none of
    for folder in (spec.submodule_search_locations if spec is not None else None) or ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None


@cache
def _weights(device: str) -> Mapping[str, torch.Tensor]:
    import torch

    found: Mapping[str, Tensor] = torch.load(_weights_file() or "", map_location=device, weights_only=True)
    return found
