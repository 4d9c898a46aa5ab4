"""Adv-Cam-Id: a generator behind a synthetic color filter array, stopped at a PSNR (Chen, Zhao & Stamm 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.numbers import Decibel, NotNegative

from ._painted import PainterFit, painted, painter_fits
from ._surrogates import DEFAULT, surrogate_of


class FilterArray(nn.Module):
    """A synthetic color filter array, RGGB: each place keeps the color that its filter lets through, others are 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3, H, W)."""
        rows = torch.arange(x.shape[2], device=x.device)[:, None] % 2
        columns = torch.arange(x.shape[3], device=x.device)[None, :] % 2
        color = rows + columns  # 0 red, 1 green, 2 blue
        return x * torch.stack([color == c for c in range(3)]).to(x.dtype)


class Repainting(nn.Module):
    """The array, then seven convolutions with ReLU between them: (N, 3, H, W) in [0, 1] to the like.

    Args:
        channels: of the first three; the next three have twice as many.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        widths = ((3, c, 3), (c, c, 3), (c, c, 1), (c, 2 * c, 3), (2 * c, 2 * c, 3), (2 * c, 2 * c, 1), (2 * c, 3, 3))
        layers: list[nn.Module] = [FilterArray()]
        for before, after, kernel in widths:
            layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2, padding_mode="reflect"), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])
        # torch's own start lets each of the seven layers pass less than half of what comes in: 26 dB after as many
        # steps as take this one past 33 (docs/spoc2019.md).
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, x: Tensor) -> Tensor:
        """Repaint."""
        made = cast(Tensor, self.body(x))
        # In training what is out of range still has a gradient, or an untrained network would never leave 0.
        return made if self.training else made.clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class AdvCamIdFit(PainterFit):
    """Its loss is L1 and the cross-entropy of the wanted class; it stops when held-out pictures reach the PSNR."""

    version: ClassVar[int] = PainterFit.version + 1
    kind: ClassVar[str] = "benchbench_attacks.adv-cam-id/generator"
    title: ClassVar[str] = "adv-cam-id"
    parts: ClassVar[int] = 40

    pixel_weight: float
    classifier_weight: float
    psnr: float

    def build(self) -> nn.Module:
        """See `PainterFit.build`."""
        return Repainting(self.recipe.channels)

    def loss(self, x: Tensor, changed: Tensor, log_probability: Tensor) -> Tensor:
        """See `PainterFit.loss`; distances are in [-1, 1]."""
        return self.pixel_weight * 2 * F.l1_loss(changed, x) - self.classifier_weight * log_probability.mean()

    @property
    def wanted_psnr(self) -> float:
        """See `PainterFit.wanted_psnr`."""
        return self.psnr


@dataclass(frozen=True, kw_only=True)
class AdvCamId(Attack):
    """A generator a wanted model, trained to fool a surrogate and to stay near the picture.

    Attributes:
        on: the surrogate, see `benchbench_attacks._surrogates`.
        pixel_weight, classifier_weight: of the L1 distance in [-1, 1] and of the cross-entropy. Their paper's ratio is
            not among our sources; this is the one that Cama's paper gives for them (`misl-cgan`).
        psnr: dB at which training stops.
    """

    on: str = DEFAULT
    pixel_weight: NotNegative = 10.0
    classifier_weight: NotNegative = 0.01
    psnr: Decibel = 31.0

    card: ClassVar[AttackCard] = AttackCard(
        name="adv-cam-id",
        title="Adv-Cam-Id",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        paper="Chen, Zhao & Stamm, Generative adversarial attacks against deep-learning-based camera model "
        "identification, IEEE TIFS 2019, with the settings of Cozzolino et al. 2019",
    )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the surrogate and a generator for each camera model that the attacker knows."""
        own = {name: getattr(self, name) for name in ("pixel_weight", "classifier_weight", "psnr")}
        return painter_fits("adv-cam-id", self.on, setup, AdvCamIdFit, **own)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Have each picture repainted by the generator of its wanted model."""
        return painted(x, wanted, context)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the surrogate says."""
        return cast(Tensor, surrogate_of(self.on, context)(x))
