"""A network that learns the wavelet Wiener residual: smooth in its input, and a few convolutions dear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.base.identity import since
from benchbench.contracts.fit import Fit, FitContext
from benchbench.contracts.profile import GeneratorShape, ResidualRecipe
from benchbench.learn.arrays import Role
from benchbench.learn.course import Course
from benchbench.learn.image_to_image import ImageToImage, frozen, operations
from benchbench.learn.memory_format import memory_format
from benchbench.learn.operations import training
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import parts


@dataclass(frozen=True, kw_only=True)
class ResidualNetworkFit(Fit):
    """Trains it on patches of the known camera models of q (the attacker's) or p (the examiner's).

    Source: Andrews et al. 2020; MSE, Adam 1e-4, weight decay 5e-4.
    """

    kind: ClassVar[str] = "benchbench_attacks._evaluator.ResidualNetworkFit"
    version: ClassVar[int] = 3
    stands_alone: ClassVar[bool] = True

    shape: GeneratorShape
    recipe: ResidualRecipe
    patch: int
    residuals: Fit
    """The stack of Wiener residuals of `role`."""
    role: Role = field(default="q", metadata=since("0.3"))

    @property
    def label(self) -> str:
        """The name in progress bars; the attacker's is a part of evaluators."""
        return "evaluator/E0" if self.role == "q" else f"residual/{self.role}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        recipe = self.recipe
        return training(self.operations, self.patch, recipe.epochs * recipe.patches_per_epoch, recipe.batch)

    @property
    def operations(self) -> float:
        """See `Fit.operations`."""
        return operations(self.shape, 0)

    def needs(self) -> Mapping[str, Fit]:
        """The Wiener residuals."""
        return {"residuals": self.residuals}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the state of the epoch with the smallest validation error."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        photos = context.data.photos(self.role)
        train, validation = parts(context.data, self.role, known_only=True)
        stacks = [photos.images, context.needs["residuals"]]
        source = PatchSource(stacks, photos.camera, train, self.patch, device)
        held_out = PatchSource(stacks, photos.camera, validation, self.patch, device)
        network = ImageToImage(self.shape, planes=0, bounded=False).to(device)
        layout = memory_format(network)
        network.to(memory_format=layout)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

        def error(patches: list[Tensor]) -> Tensor:
            with autocast(device, recipe.precision):
                predicted = network((patches[0] * 2 - 1).contiguous(memory_format=layout))
            # In grey levels: in the [-1, 1] scale the loss is near 1e-4 and the weight decay, which Adam adds to the
            # gradient, would outweigh it.
            return F.mse_loss(predicted.float() * 127.5, patches[1] * 127.5)

        def loss(generator: torch.Generator) -> Tensor:
            return error(source.sample(recipe.batch, generator)[0])

        def score() -> tuple[float]:
            generator = torch.Generator().manual_seed(0)
            with torch.inference_mode():
                losses = [error(held_out.sample(64, generator)[0]) for _ in range(4)]
            return (-float(torch.stack(losses).mean()),)

        return Course.of(recipe).train(context, network, optimizer, loss, score, self.seed)

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> ImageToImage:
        """Return the frozen network: (N, 3, H, W) in [-1, 1] to its high-frequency part in the same scale."""
        return frozen(self.shape, planes=0, bounded=False, state=state)
