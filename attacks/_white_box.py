"""What FGSM and PGD share: an epsilon calibrated on held-out q."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.learn.training import parts
from benchbench.metrics.rates import psnr

from ._goal import say_if_missed
from ._surrogates import surrogate_fits


@dataclass(frozen=True, kw_only=True)
class EpsilonFit(Fit):
    """Bisection for the epsilon at which an attack's mean PSNR on held-out q photographs is `psnr` dB.

    Source: protocol.md (D). PSNR is of what the attack returns, before the harness rounds it to uint8: rounding makes
    steps of epsilon, of 2 dB at 35 dB, and where the goal lies on the edge of one, a hair of epsilon would decide.
    """

    kind: ClassVar[str] = "benchbench_attacks._white_box.EpsilonFit"
    version: ClassVar[int] = 2
    stands_alone: ClassVar[bool] = True

    attack: Attack
    psnr: float
    images: int
    tolerance: float = 0.01
    evaluators: tuple[tuple[str, Fit], ...]

    def spec(self) -> dict[str, Any]:
        """Return the recipe with the attack's parameters in place of the attack."""
        own = {"attack": self.attack.spec(), "psnr": self.psnr, "images": self.images, "tolerance": self.tolerance}
        return {"fit": self.kind, "version": self.version, "fields": own}

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"epsilon of {self.attack.name}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 10_000.0

    def needs(self) -> Mapping[str, Fit]:
        """The surrogate's networks."""
        return dict(self.evaluators)

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Bisect on log epsilon."""
        _, validation = parts(context.data, "q", known_only=True)
        rows = validation[np.linspace(0, len(validation) - 1, min(len(validation), self.images)).astype(int)]
        photos = context.data.photos("q")
        x = torch.from_numpy(np.array(photos.images[rows])).to(context.device).permute(0, 3, 1, 2).float() / 255
        labels = torch.from_numpy(photos.camera[rows]).to(context.device)
        known = context.data.known
        wanted = (labels + 1 + torch.arange(len(labels), device=context.device) % (known - 1)) % known
        craft = CraftContext(
            device=context.device, known=known, networks=dict(context.needs), seeds=tuple(range(len(rows)))
        )

        def measure(epsilon: float) -> float:
            attack = replace(self.attack, epsilon=epsilon)  # type: ignore[call-arg]
            values = []
            for i in range(len(rows)):
                craft.seeds = (i,)
                changed = attack.perturb(x[i : i + 1], None, wanted[i : i + 1], craft)
                error = float(((changed - x[i : i + 1]) * 255).double().square().sum())
                values.append(psnr(max(error, 0.01), x[i].numel()))  # of no change at all PSNR is infinite
            return float(np.mean(values))

        # A sign step of epsilon everywhere has this PSNR before clipping.
        start = 10 ** (-self.psnr / 20)
        low, high = start / 2, start * 8
        rounds = 20
        middle, value = start, measure(start)
        for done in range(rounds):
            context.progress(done, rounds, f"epsilon {middle * 255:.3f}/255 gives {value:.2f} dB")
            if abs(value - self.psnr) <= self.tolerance:
                break
            low, high = (middle, high) if value > self.psnr else (low, middle)
            middle = (low * high) ** 0.5
            value = measure(middle)
        context.facts.update(epsilon=middle, psnr_held_out=value, images=len(rows))
        say_if_missed(self.label, value, self.psnr)
        return {"epsilon": torch.tensor(middle, dtype=torch.float64)}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> float:
        """Return epsilon, in units of the [0, 1] scale."""
        return float(state["epsilon"])


def calibrated_fits(attack: Attack, on: str, epsilon: float | None, psnr: float, setup: Setup) -> dict[str, Fit]:
    """Return the fits of the surrogate `on` and, where no epsilon is given, its calibration."""
    fits = surrogate_fits(on, setup)
    if epsilon is None:
        fits["epsilon"] = EpsilonFit(
            attack=attack, psnr=psnr, images=24, evaluators=tuple(fits.items()), seed=setup.seed
        )
    return fits
