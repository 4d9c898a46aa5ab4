"""A generator's loss as a list of terms: one small class a term, and a paper's objective is a list of them.

    L_gen = sum over terms of weight * term        (Andrews et al. 2020, equation 5)

A photograph x, the wanted class y' and what the generator makes of them, x' = G(x, y'). Pictures are float32
(N, 3, H, W) in [-1, 1]. A term is a float32 scalar without its weight, a mean over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Said = TypeVar("Said")

WEIGHT_RATE = 0.003
"""Change of the pixel weight, in nepers a step, for each dB that the mean PSNR is off its goal."""


@dataclass(eq=False)
class Generated:
    """A batch that a generator made, and what networks say of it.

    Attributes:
        x: the photographs.
        changed: x', with its gradient.
        wanted: y', int64 (N,).
        real: photographs (M, 3, H, W) that x' shall resemble and is no pair of; for terms that ask for them.
    """

    x: Tensor
    changed: Tensor
    wanted: Tensor
    real: Tensor | None = None
    _said: dict[Callable[[Tensor], Any], Any] = field(default_factory=dict, repr=False)

    def through(self, network: Callable[[Tensor], Said]) -> Said:
        """Return network(x' in [0, 1]). It runs once a batch, however many terms ask what it says."""
        if network not in self._said:
            self._said[network] = network((self.changed + 1) / 2)
        said: Said = self._said[network]
        return said


class Term(Protocol):
    """What a loss is made of."""

    @property
    def weight(self) -> float | Tensor:
        """The factor (lambda) of this term: a number, or a scalar tensor where training adapts it."""

    def __call__(self, made: Generated) -> Tensor:
        """Return the term of this batch, without its weight: a float32 scalar."""


def total(terms: Sequence[Term], made: Generated) -> Tensor:
    """Return the sum of weight * term, a float32 scalar; there is at least one term.

    The order of the terms is the order in which their gradients are added, so that it decides over last bits.
    """
    return reduce(torch.add, (term.weight * term(made) for term in terms))


class Pixel(nn.Module):
    """The mean of |x - x'| over all values (equation 3), with a weight that may aim at a PSNR.

    A module, so that an adapted weight is part of the checkpoint.

    Args:
        weight: of this term, at the start.
        goal: dB between whole photographs and what becomes of them; None keeps the weight.
        least: that an adapted weight does not fall below.

    Attributes:
        pixel: the weight now. psnr: running mean over batches of patches, dB. offset: what whole photographs have
            above patches, dB. Scalars.
    """

    pixel: Tensor
    psnr: Tensor
    offset: Tensor

    def __init__(self, weight: float, goal: float | None = None, least: float = 0.05) -> None:
        super().__init__()
        self.goal, self.least = goal, least
        self.register_buffer("pixel", torch.tensor(weight))
        self.register_buffer("psnr", torch.tensor(goal or 0.0))
        self.register_buffer("offset", torch.tensor(0.0))

    @property
    def weight(self) -> Tensor:
        """The weight now."""
        return self.pixel

    def forward(self, made: Generated) -> Tensor:
        """Return the term."""
        return F.l1_loss(made.changed, made.x)

    def correct(self, psnr: float | Tensor) -> None:
        """Aim so that whole photographs, found at `psnr` dB, reach the goal: patches differ from them by an offset."""
        self.offset.copy_(psnr - self.psnr)

    def adapt(self, x: Tensor, changed: Tensor, wanted: Tensor | None = None) -> None:
        """Move the weight towards the PSNR goal (dual ascent on a constraint, instead of a grid of runs).

        ln weight grows by WEIGHT_RATE * (goal - offset - psnr), the bracket held to 5 dB.

        Args:
            wanted: y', for a weight that goes by it.
        """
        if self.goal is None:
            return
        mse = ((x - changed) / 2).square().mean((1, 2, 3)).clamp_min(1e-8)
        self._follow(-10 * mse.log10(), wanted)
        self.pixel.mul_(torch.exp(WEIGHT_RATE * (self.goal - self.offset - self.psnr).clamp(-5, 5)))
        self.pixel.clamp_(self.least, 1000.0)

    def _follow(self, psnr: Tensor, wanted: Tensor | None) -> None:
        """Let the running mean follow the PSNR of a batch, dB, (N,)."""
        self.psnr.lerp_(psnr.mean(), 0.05)


class PixelByClass(Pixel):
    """`Pixel` with a weight for each wanted class that follows the PSNR of that class, so that all reach the goal.

        weight * term = mean over pictures of w[y'] * mean of |x - x'|

    Classes differ in how far their cameras are from the others: with one weight for all, some are given more than the
    goal and some less. Of a batch, a running mean follows the pictures of its class alone, and stays where it has none.

    Args:
        classes: how many can be wanted.

    Attributes:
        pixel, psnr, offset: as those of `Pixel`, (classes,).
    """

    def __init__(self, weight: float, goal: float, classes: int) -> None:
        super().__init__(weight, goal)
        for name, value in list(self.named_buffers()):
            self.register_buffer(name, value.repeat(classes))

    @property
    def weight(self) -> Tensor:
        """The mean of the weights now."""
        return self.pixel.mean()

    def forward(self, made: Generated) -> Tensor:
        """Return the term: each picture counts by the weight of its class over the mean weight."""
        each = (made.changed - made.x).abs().mean((1, 2, 3))
        return (self.pixel[made.wanted] / self.weight * each).mean()

    def _follow(self, psnr: Tensor, wanted: Tensor | None) -> None:
        if wanted is None:
            raise ValueError("a pixel weight by class follows the PSNR of wanted classes; `wanted` is missing.")
        mine = F.one_hot(wanted, len(self.psnr)).to(psnr)
        count = mine.sum(0)
        mean = psnr @ mine / count.clamp_min(1)
        self.psnr.copy_(torch.where(count > 0, torch.lerp(self.psnr, mean, 0.05), self.psnr))


class Critic(Protocol):
    """D(x, y): how much a picture is a photograph of its label. In two parts: pictures of two labels are seen once."""

    def look(self, x: Tensor) -> Any:
        """Return what D sees in pictures, whatever their labels."""

    def judge(self, seen: Any, label: Tensor) -> Tensor:
        """Return the scores of pictures with labels, (N, ...), from what `look` returned."""

    def requires_grad_(self, requires_grad: bool) -> Any:
        """Switch the gradients of the weights."""


@dataclass(frozen=True)
class LeastSquares:
    """The game with a critic D(picture, label) that learns to say 1 for a photograph of that label, else 0.

    As a term it is what the generator plays for, the mean of (D(x', y') - 1)^2 (equation 1).
    """

    weight: float
    critic: Critic

    def __call__(self, made: Generated) -> Tensor:
        """Return equation 1. Its gradient passes through the critic and leaves the critic's weights none."""
        # A view of its own: a critic that uses x' more than once adds up those gradients before they join others, so
        # that last bits do not hang on whether it or another network ran first.
        changed = made.changed.view_as(made.changed)
        self.critic.requires_grad_(False)
        verdict = self._scores(self.critic.look(changed), made.wanted)
        self.critic.requires_grad_(True)
        return F.mse_loss(verdict, torch.ones_like(verdict))

    def critic_loss(self, x: Tensor, label: Tensor, wrong: Tensor, changed: Tensor, wanted: Tensor) -> Tensor:
        """Return what the critic plays for, half of equation 2: a float32 scalar.

            1/2 * [mean (D(x, y) - 1)^2 + 1/2 * (mean D(x, wrong)^2 + mean D(x', y')^2)]

        Args:
            x: photographs. label: their classes y, int64 (N,). wrong: other classes than those.
            changed: x', without its gradient. wanted: y'.
        """
        # Judged one after the other, because batch norm sees generated images alone in the generator's step too.
        photographs = self.critic.look(x)
        real, mislabeled = self._scores(photographs, label), self._scores(photographs, wrong)
        fake = self._scores(self.critic.look(changed), wanted)
        fooled = mislabeled.square().mean() + fake.square().mean()
        loss: Tensor = 0.5 * (F.mse_loss(real, torch.ones_like(real)) + 0.5 * fooled)
        return loss

    def _scores(self, seen: Any, label: Tensor) -> Tensor:
        return self.critic.judge(seen, label).float()


@dataclass(frozen=True)
class Classification:
    """The mean of -log E(x')_y' over the batch, for one stream of an evaluator.

    Equation 4 is half the sum of it over two streams.

    Attributes:
        streams: gives the logits (N, classes) of every stream for x' in [0, 1].
        stream: which of them.
    """

    weight: float
    streams: Callable[[Tensor], Sequence[Tensor]]
    stream: int = 0

    def __call__(self, made: Generated) -> Tensor:
        """Return the term."""
        return F.cross_entropy(made.through(self.streams)[self.stream].float(), made.wanted)


@dataclass(frozen=True)
class FeatureMatching:
    """The mean of |mean map of x' - mean map of real photographs|, summed over the layers of a network.

    Source: Cozzolino et al. 2019, section 4.2 (L_FM), after Wang et al. 2018. Pictures of two batches are no pairs, so
    that the maps of each are averaged over it before they are compared.

    Attributes:
        maps: gives the feature maps (N, ...) of every layer for pictures in [0, 1].
    """

    weight: float
    maps: Callable[[Tensor], Sequence[Tensor]]

    def __call__(self, made: Generated) -> Tensor:
        """Return the term.

        Raises:
            ValueError: the batch has no real photographs.
        """
        if made.real is None:
            raise ValueError("feature matching compares with real photographs; this batch has none.")
        with torch.no_grad():
            wanted = self.maps((made.real + 1) / 2)
        pairs = zip(made.through(self.maps), wanted, strict=True)
        return torch.stack([F.l1_loss(ours.float().mean(0), real.float().mean(0)) for ours, real in pairs]).sum()
