"""Learned denoising: SiamTE's network, trained on what camera models give with and without their sensors' noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.profile import DilatedShape, ErasingRecipe
from benchbench.learn.course import Course
from benchbench.learn.dilated import DilatedDense, frozen_dilated
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast

from .siamte import PAPER

POPULATION = 4
"""Names the drawn camera models that show what noise is."""


@dataclass(frozen=True, kw_only=True)
class NoisePairs(Fit):
    """Photographs of drawn camera models beside the same without noise: two stacks (N, H, W, 3) uint8."""

    kind: ClassVar[str] = "benchbench_attacks.learned_denoiser.NoisePairs"
    stands_alone: ClassVar[bool] = True

    cameras: int
    each: int
    size: int

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return "noisy and noise-free photographs"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 100.0 * self.cameras * self.each

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Take the photographs."""
        from benchbench.data.beside import noise_pairs
        from benchbench.data.virtual.drawn import drawn_cameras

        models = drawn_cameras(self.cameras, POPULATION)
        pairs = noise_pairs(
            models, self.each, self.size, self.seed, lambda done, total: context.progress(done, total, "photographs")
        )
        for name, stack in zip(("noisy", "clean"), pairs, strict=True):
            np.save(context.folder / f"{name}.npy", stack)
        return {}

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return both stacks."""
        return arrays["noisy"], arrays["clean"]


@dataclass(frozen=True, kw_only=True)
class DenoiserFit(Fit):
    """Trains the network to give the noise-free of a pair: mean absolute difference, Adam."""

    kind: ClassVar[str] = "benchbench_attacks.learned_denoiser.DenoiserFit"
    stands_alone: ClassVar[bool] = True

    shape: DilatedShape
    recipe: ErasingRecipe
    pairs: NoisePairs

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return "denoiser"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 8.0 * self.recipe.epochs * self.recipe.patches_per_epoch

    def needs(self) -> Mapping[str, Fit]:
        """The pairs."""
        return {"pairs": self.pairs}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the network of the epoch with the smallest error on cameras that it did not see."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        stacks = list(context.needs["pairs"])
        camera = np.repeat(np.arange(self.pairs.cameras), self.pairs.each)
        unseen = camera >= self.pairs.cameras - max(1, self.pairs.cameras // 10)
        side = min(recipe.patch, self.pairs.size)
        source = PatchSource(stacks, camera, np.flatnonzero(~unseen), side, device)
        held_out = PatchSource(stacks, camera, np.flatnonzero(unseen), side, device)
        network = DilatedDense(self.shape).to(device)
        network.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)

        def error(patches: PatchSource, generator: torch.Generator) -> Tensor:
            noisy, clean = patches.sample(recipe.batch, generator)[0]
            with autocast(device, recipe.precision):
                found = network(noisy.contiguous(memory_format=torch.channels_last))
            return F.l1_loss(found.float(), clean) * 255

        def score() -> tuple[float]:
            generator = torch.Generator().manual_seed(0)
            with torch.inference_mode():
                return (-float(torch.stack([error(held_out, generator) for _ in range(8)]).mean()),)

        return Course.of(recipe).train(context, network, optimizer, lambda rng: error(source, rng), score, self.seed)

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> DilatedDense:
        """Return the frozen network."""
        return frozen_dilated(self.shape, state)


@dataclass(frozen=True, kw_only=True)
class LearnedDenoiser(Attack):
    """A denoiser that has never seen the benchmark's camera models.

    Attributes:
        strength: factor on what is taken away, at least 0.
    """

    strength: float = 1.0

    card: ClassVar[AttackCard] = AttackCard(
        name="dn-e",
        title="learned denoising",
        version=1,
        knowledge="none",
        needs_fit=True,
        targeted=False,
        goal="erase",
        paper="Chen et al., Real-world image denoising with deep boosting, 2019; compared in " + PAPER,
        note="stands in for DN-E's photographs, pairs of real cameras: pairs of drawn virtual ones",
    )

    def __post_init__(self) -> None:
        if not 0 <= self.strength < float("inf"):
            raise ValueError(f"strength is {self.strength}; a finite number of at least 0 is expected")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the network."""
        profile = setup.profile
        pairs = NoisePairs(
            cameras=profile.noise_pairs.cameras,
            each=profile.noise_pairs.each,
            size=profile.noise_pairs.size,
            seed=setup.seed,
        )
        return {"denoiser": DenoiserFit(shape=profile.eraser, recipe=profile.denoising, pairs=pairs, seed=setup.seed)}

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Take the noise away, times the strength."""
        with torch.inference_mode():
            clean: Tensor = context.networks["denoiser"](x)
            return (x + self.strength * (clean - x)).clamp(0, 1)
