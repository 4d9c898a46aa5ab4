"""The hybrid loss of SiamTE: three terms over groups of patches of different cameras.

    L = l1 * embedded similarity + l2 * truncated fidelity + l3 * cross identity

A batch holds N groups of G patches, float32 (N, G, 3, H, W) in [0, 1]; no two patches of a group are of one camera
model. Terms are float32 scalars without their weights, means over all groups.

Source: Chen et al., Camera trace erasing, CVPR 2020, section 3.2, algorithms 1 and 2, equation 4.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def shifted(x: Tensor, steps: int) -> Tensor:
    """Return the members of each group moved on by `steps`, in a circle; (N, G, ...) to the same shape."""
    return x.roll(-steps, dims=1)


def embedded_similarity(features: Tensor, margin: float) -> Tensor:
    """Return how far apart the erased patches of a group lie where a network looks for cameras (algorithm 1).

    The mean of max(0, distance - margin) over the G - 1 cyclic shifts, of L2-normalized features.

    Args:
        features: of erased patches, (N, G, F).
        margin: Euclidean distance that is left alone, 0 to 2.
    """
    unit = F.normalize(features.float(), dim=2)
    shifts = range(1, features.shape[1])
    # The root of a squared distance of 0 has no gradient; nothing below the margin has one either.
    distances = [(unit - shifted(unit, k)).square().sum(dim=2).clamp_min(1e-12).sqrt() for k in shifts]
    return torch.stack([(d - margin).clamp_min(0).mean() for d in distances]).mean()


def truncated_fidelity(x: Tensor, erased: Tensor, threshold: float) -> Tensor:
    """Return the mean of |x - F(x)| over all values, those that are at most the threshold taken for 0 (equation 4).

    Args:
        threshold: in units of the [0, 1] scale.
    """
    change = (x - erased).abs()
    return (change * (change > threshold)).mean()


def cross_identity(classify: Callable[[Tensor], Tensor], x: Tensor, erased: Tensor, labels: Tensor) -> Tensor:
    """Return how badly a classifier finds the camera of a trace that is put on other photographs (algorithm 2).

    The mean cross entropy of C(F(im) + shifted trace) and the trace's camera, over the G - 1 cyclic shifts.

    Args:
        classify: gives logits (M, classes) for pictures (M, 3, H, W).
        x, erased: im and F(im), (N, G, 3, H, W).
        labels: camera models of x, int64 (N, G).
    """
    trace = x - erased
    losses = []
    for k in range(1, x.shape[1]):
        logits = classify((erased + shifted(trace, k)).flatten(0, 1))
        losses.append(F.cross_entropy(logits.float(), shifted(labels, k).flatten()))
    return torch.stack(losses).mean()
