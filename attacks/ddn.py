"""DDN, on Cama's evaluator: decoupled direction and norm (Rony et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.base.identity import since
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Positive, Share, Steps

from ._surrogates import DEFAULT, surrogate_fits, surrogate_of


def ddn(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Tensor,
    steps: int = 100,
    gamma: float = 0.05,
    start_norm: float = 1.0,
) -> Tensor:
    """Return targeted adversarial images with an L2 norm as small as found (Rony et al. 2019, algorithm 1).

    Args:
        model: (N, 3, H, W) in [0, 1] to logits.
        x: images (N, 3, H, W) in [0, 1].
        target: wanted classes (N,).
        steps: iterations K of the algorithm.
        gamma: relative change of the norm a step.
        start_norm: norm of the first ball, in the [0, 1] scale.

    Returns:
        (N, 3, H, W) in [0, 1]: the smallest success of each image, or its last iterate where none succeeded.
    """
    norm = x.new_full((len(x),), start_norm)
    delta = torch.zeros_like(x)
    best_norm = x.new_full((len(x),), math.inf)
    best = torch.zeros_like(x)

    def shape(v: Tensor) -> Tensor:
        return v.view(-1, 1, 1, 1)

    for k in range(steps + 1):
        delta.requires_grad_(True)
        logits = model(x + delta)
        loss = F.cross_entropy(logits, target, reduction="sum")
        # Line 9: is the iterate adversarial, and smaller than the best so far?
        size = delta.detach().flatten(1).norm(dim=1)
        success = logits.detach().argmax(1) == target
        smaller = success & (size < best_norm)
        best_norm = torch.where(smaller, size, best_norm)
        best = torch.where(shape(smaller), delta.detach(), best)
        if k == steps:
            break
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            # Lines 4 to 6: a step of length alpha (cosine from 1 to 0.01) along the normalized gradient.
            alpha = 0.01 + (1 - 0.01) * (1 + math.cos(math.pi * k / steps)) / 2
            length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
            delta = delta.detach() - alpha * gradient / shape(length)
            # Lines 8 to 12: shrink the ball after a success, grow it after a failure, and project onto its surface.
            norm = norm * torch.where(success, 1 - gamma, 1 + gamma)
            delta = delta * shape(norm / delta.flatten(1).norm(dim=1).clamp_min(1e-12))
            delta = (x + delta).clamp(0, 1) - x
    found = torch.isfinite(best_norm)
    return (x + torch.where(shape(found), best, delta.detach())).clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Ddn(Attack):
    """Looks for the smallest perturbation that convinces the evaluator.

    Attributes:
        steps, gamma, start_norm: see `ddn`; the norm is in the [0, 1] scale.
        on: the surrogate, `benchbench_attacks._surrogates`; Cama's evaluator unless another is named.
    """

    steps: Steps = 100
    gamma: Share = 0.05
    start_norm: Positive = 1.0
    on: str = field(default=DEFAULT, metadata=since("0.2"))

    card: ClassVar[AttackCard] = AttackCard(
        name="ddn",
        title="DDN",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Rony et al., Decoupling direction and norm for efficient gradient-based L2 adversarial attacks and "
        "defenses, CVPR 2019",
        paper_url="https://arxiv.org/abs/1811.09600",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate."""
        return surrogate_fits(self.on, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Run the algorithm on the evaluator."""
        with torch.enable_grad():
            return ddn(surrogate_of(self.on, context), x, wanted, self.steps, self.gamma, self.start_norm)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
