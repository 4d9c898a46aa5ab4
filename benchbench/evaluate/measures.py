"""The built-in measures of what crafting did. torch is imported when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.measure import Measure

if TYPE_CHECKING:
    from torch import Tensor

BUILT_IN = ("psnr", "ssim", "l1")
"""Measured of every craft; others where they are asked for."""
_CPU_GROUP_ELEMENTS = 2**20
"""Values measured at a time: five photographs of 256 px, one of 512 px."""


class Psnr(Measure):
    """Peak signal-to-noise ratio, peak 255."""

    name, title, unit, higher = "psnr", "PSNR", "dB", True
    text = "against the original, peak 255"

    def measure(self, x: Tensor, y: Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return dB a photograph, infinite where nothing changed."""
        from benchbench.evaluate.distortion import errors
        from benchbench.metrics.rates import psnr

        error = errors(x, y, rounded)
        squared = error.square().sum(dim=1).cpu()
        return np.array([psnr(float(e), error.shape[1]) for e in squared], dtype=np.float64)


class Ssim(Measure):
    """Structural similarity (Wang et al. 2004)."""

    name, title, unit, higher = "ssim", "SSIM", "-", True
    text = "structural similarity, 1: unchanged"

    def measure(self, x: Tensor, y: Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return the similarity of each pair, NaN for photographs smaller than its window."""
        from benchbench.evaluate.distortion import WINDOW, ssim

        if min(x.shape[-2:]) < WINDOW:
            return np.full(len(x), np.nan)
        found: NDArray[np.float64] = ssim(x, y).double().cpu().numpy()
        return found


class L1(Measure):
    """Mean absolute difference."""

    name, title, unit, higher = "l1", "L1", "gray levels", False
    text = "mean absolute difference to the original"

    def measure(self, x: Tensor, y: Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return gray levels a photograph."""
        from benchbench.evaluate.distortion import errors

        found: NDArray[np.float64] = errors(x, y, rounded).abs().mean(dim=1).cpu().numpy()
        return found


def measured(x: Tensor, y: Tensor, rounded: bool, measures: Sequence[Measure]) -> dict[str, NDArray[np.float64]]:
    """Measure what turned `x` into `y`: by name, float64 (N,).

    Args:
        x, y: (N, 3, H, W) in [0, 1].
        rounded: both are 8-bit photographs, so that gray levels are whole numbers.

    Raises:
        ValueError: a measure returned something other than one number a photograph.
    """
    import torch

    # On a CPU, a photograph at a time is faster, and a batch of 16 at 512 px would take 1.2 GB for its float64 values
    # and SSIM's five maps. No sum goes over two photographs, so that groups give the same values.
    group = max(1, _CPU_GROUP_ELEMENTS // x.shape[1:].numel()) if x.device.type == "cpu" else max(1, len(x))
    found: dict[str, list[NDArray[np.float64]]] = {m.name: [np.empty(0)] for m in measures}
    for a, b in zip(torch.split(x, group), torch.split(y, group), strict=True):
        for measure in measures:
            values = np.asarray(measure.measure(a, b, rounded), dtype=np.float64)
            if values.shape != (len(a),):
                raise ValueError(f"measure '{measure.name}' returned shape {values.shape}; ({len(a)},) is expected")
            found[measure.name].append(values)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def joined(parts: Sequence[Mapping[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    """Return the measures of all parts, one after another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
