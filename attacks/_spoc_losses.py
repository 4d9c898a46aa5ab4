"""The terms of SpoC's loss: anchor distance, adversarial and perceptual; and what critic and embedder play for.

    L_G = L1 + lambda_P L_PER + lambda_E (L_DST + lambda_F L_FM) + lambda_A L_ADV

Source: Cozzolino et al. 2019, equations 1 to 6. Pixel and feature matching terms are those of
`benchbench.learn.losses`. All are float32 scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.learn.losses import Generated

MARGIN = 0.01
"""Of the triplet loss and of the anchor distance, in units of the L1 distance of two embeddings."""


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the L1 distance of each embedding of `a`, (N, D), to each of `b`, (M, D): (N, M)."""
    return torch.cdist(a.float(), b.float(), p=1)


def triplet_loss(embeddings: Tensor, labels: Tensor, margin: float = MARGIN) -> Tensor:
    """Return the mean of |d(a, p) - d(a, n) + margin|_+ over all triplets of a batch.

    Args:
        embeddings: (N, D).
        labels: camera model of each, int64 (N,). p is another picture of a's model, n one of another model.

    Returns:
        A scalar; 0 where the batch has no triplet.
    """
    d = distances(embeddings, embeddings)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triplet = positive[:, :, None] & ~same[:, None, :]
    hinge = F.relu(d[:, :, None] - d[:, None, :] + margin)
    return hinge[triplet].sum() / triplet.sum().clamp_min(1)


@dataclass(frozen=True)
class AnchorDistance:
    """The mean of |d(x') - d_ref + margin|_+, d being the L1 distance of an embedding to the anchor (equation 3).

    Attributes:
        maps: the embedder's maps of pictures in [0, 1], the last of which its embedding is the maximum of.
        anchor: mean embedding of photographs of the model, (D,).
        reference: d_ref, their mean distance to it.
    """

    weight: float
    maps: Callable[[Tensor], Sequence[Tensor]]
    anchor: Tensor
    reference: float
    margin: float = MARGIN

    def __call__(self, made: Generated) -> Tensor:
        """Return the term."""
        embedding = made.through(self.maps)[-1].amax((2, 3))
        distance = distances(embedding, self.anchor[None])[:, 0]
        return F.relu(distance - self.reference + self.margin).mean()


def anchor_of(embeddings: Tensor) -> tuple[Tensor, float]:
    """Return the anchor, (D,), of photographs of a camera model, (N, D), and their mean distance to it."""
    anchor = embeddings.float().mean(0)
    return anchor, float(distances(embeddings, anchor[None]).mean())


def answers(critic: nn.Module, real: Tensor, before: Tensor, after: Tensor) -> Sequence[Tensor]:
    """Return the critic's logits of photographs and of pictures before and after, which it sees as one batch.

    Its norm takes a batch's mean off. Of a batch each it would take off where they differ in their mean.
    """
    logits: Tensor = critic(torch.cat([real, before, after]))
    return torch.split(logits, [len(real), len(before), len(after)])


def critic_loss(real: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return what the critic plays for (equation 5), of logits: photographs against pictures before and after."""
    fooled = F.softplus(after.float()).mean() + F.softplus(before.float()).mean()
    return F.softplus(-real.float()).mean() + 0.5 * fooled


@dataclass(frozen=True)
class Adversarial:
    """The mean of -log D(x') (equation 6); the critic's weights get no gradient."""

    weight: float
    critic: nn.Module

    def __call__(self, made: Generated) -> Tensor:
        """Return the term.

        Raises:
            ValueError: the batch has no real photographs.
        """
        if made.real is None:
            raise ValueError("the critic sees pictures beside real photographs; this batch has none.")
        self.critic.requires_grad_(False)
        *_, said = answers(self.critic, made.real, made.x, made.changed)
        self.critic.requires_grad_(True)
        return F.softplus(-said.float()).mean()


@dataclass(frozen=True)
class Perceptual:
    """The sum over layers of the mean of |maps of x' - maps of x|, of a network trained on ImageNet.

    Attributes:
        maps: of pictures in [0, 1].
    """

    weight: float
    maps: Callable[[Tensor], Sequence[Tensor]]

    def __call__(self, made: Generated) -> Tensor:
        """Return the term."""
        with torch.no_grad():
            wanted = self.maps((made.x + 1) / 2)
        pairs = zip(made.through(self.maps), wanted, strict=True)
        return torch.stack([F.l1_loss(ours.float(), x.float()) for ours, x in pairs]).sum()
