"""The attacker's surrogates, trained on q: E0, Cama's two streams, MISL's and SpoC's evaluators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.profile import GeneratorShape, ResidualRecipe
from benchbench.learn.arrays import NetworkResiduals, WholeImages
from benchbench.learn.classifier import Classifier
from benchbench.learn.image_to_image import ImageToImage, frozen
from benchbench.learn.loop import Loop, make_schedule
from benchbench.learn.memory_format import memory_format
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import Band, ClassifierFit, parts

Evaluator = Literal["dual", "cc", "rgb+fd"]


@dataclass(frozen=True, kw_only=True)
class ResidualNetworkFit(Fit):
    """E0: learns the Wiener residual, so that its gradient is smooth and it costs a few convolutions.

    Source: Andrews et al. 2020, section 3.2; MSE, Adam 1e-4, weight decay 5e-4.
    """

    kind: ClassVar[str] = "benchbench_attacks._evaluator.ResidualNetworkFit"
    version: ClassVar[int] = 3
    stands_alone: ClassVar[bool] = True

    shape: GeneratorShape
    recipe: ResidualRecipe
    patch: int
    residuals: Fit

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return "evaluator/E0"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 1.5 * self.recipe.epochs * self.recipe.patches_per_epoch

    def needs(self) -> Mapping[str, Fit]:
        """The Wiener residuals of q."""
        return {"residuals": self.residuals}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the state of the epoch with the smallest validation error."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        photos = context.data.photos("q")
        train, validation = parts(context.data, "q", known_only=True)
        stacks = [photos.images, context.needs["residuals"]]
        source = PatchSource(stacks, photos.camera, train, self.patch, device)
        held_out = PatchSource(stacks, photos.camera, validation, self.patch, device)
        network = ImageToImage(self.shape, planes=0, bounded=False).to(device)
        layout = memory_format(network)
        network.to(memory_format=layout)
        steps = max(1, recipe.patches_per_epoch // recipe.batch)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )

        def error(patches: list[Tensor]) -> Tensor:
            with autocast(device, recipe.precision):
                predicted = network((patches[0] * 2 - 1).contiguous(memory_format=layout))
            # In grey levels: in the [-1, 1] scale the loss is near 1e-4 and the weight decay, which Adam adds to the
            # gradient, would outweigh it.
            return F.mse_loss(predicted.float() * 127.5, patches[1] * 127.5)

        def step(generator: torch.Generator) -> Tensor:
            loss = error(source.sample(recipe.batch, generator)[0])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            return loss.detach()

        def score() -> tuple[float]:
            generator = torch.Generator().manual_seed(0)
            with torch.inference_mode():
                losses = [error(held_out.sample(64, generator)[0]) for _ in range(4)]
            return (-float(torch.stack(losses).mean()),)

        return Loop(
            modules={"network": network},
            optimizers={"adam": optimizer},
            schedules={
                "adam": make_schedule(optimizer, recipe.schedule, [recipe.learning_rate], steps * recipe.epochs)
            },
            keep="network",
            step=step,
            score=score,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validate_every=1,
            precision=recipe.precision,
            seed=self.seed,
        ).run(context)

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> ImageToImage:
        """Return the frozen network: (N, 3, H, W) in [-1, 1] to its high-frequency part in the same scale."""
        return frozen(self.shape, planes=0, bounded=False, state=state)


class DualStream(nn.Module):
    """Cama's evaluator: E_H sees x_H = E0(x), E_L sees x_L = x - x_H.

    Source: Andrews et al. 2020, section 2.2 and equation 4.
    """

    count: ClassVar[int] = 2
    """Streams."""

    def __init__(self, residual: ImageToImage, high: Classifier, low: Classifier) -> None:
        super().__init__()
        self.residual, self.high, self.low = residual, high, low

    def streams(self, x: Tensor) -> list[Tensor]:
        """Return the logits (N, classes) of both streams for x in [0, 1]."""
        scaled = x * 2 - 1
        high = self.residual(scaled)
        return [self.high.classify(high), self.low.classify(scaled - high)]

    def forward(self, x: Tensor) -> Tensor:
        """Return log E(x) = (log E_H + log E_L) / 2, shape (N, classes)."""
        return torch.stack([F.log_softmax(s.float(), dim=1) for s in self.streams(x)]).mean(0)


class SingleStream(nn.Module):
    """An evaluator with one classifier (MISL, SpoC)."""

    count: ClassVar[int] = 1
    """Streams."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def streams(self, x: Tensor) -> list[Tensor]:
        """Return the logits (N, classes) of the one stream for x in [0, 1]."""
        return [self.classifier(x)]

    def forward(self, x: Tensor) -> Tensor:
        """Return log E(x), shape (N, classes)."""
        return F.log_softmax(self.streams(x)[0].float(), dim=1)


def residual_network(setup: Setup) -> ResidualNetworkFit:
    """Return the fit of E0."""
    profile = setup.profile
    return ResidualNetworkFit(
        shape=profile.residual_network,
        recipe=profile.residual,
        patch=profile.patch,
        residuals=WholeImages(role="q"),
        seed=setup.seed,
    )


def evaluator_fits(kind: Evaluator, setup: Setup) -> dict[str, Fit]:
    """Return the fits of an evaluator: 'dual' (Cama), 'cc' (MISL) or 'rgb+fd' (SpoC)."""
    profile = setup.profile

    def stream(name: str, preprocessor: str, band: Band, residuals: Fit | None) -> ClassifierFit:
        return ClassifierFit(
            role="q",
            backbone="resnet18",
            preprocessor=preprocessor,
            classes=setup.known,
            shape=profile.backbones.shape("resnet18"),
            dropout=profile.backbones.dropout,
            recipe=profile.evaluator_recipe(name),
            patch=profile.patch,
            name=f"evaluator/{name}",
            band=band,
            residuals=residuals,
            seed=setup.seed,
        )

    if kind == "dual":
        network = residual_network(setup)
        residuals = NetworkResiduals(role="q", network=network)
        return {
            "residual": network,
            "high": stream("high", "rgb", "high", residuals),
            "low": stream("low", "rgb", "low", residuals),
        }
    return {"classifier": stream(kind, kind, "all", None)}


def make_evaluator(networks: Mapping[str, Any]) -> DualStream | SingleStream:
    """Return the evaluator made of the loaded results of `evaluator_fits`."""
    if "classifier" in networks:
        return SingleStream(cast(Classifier, networks["classifier"])).eval()
    return DualStream(networks["residual"], networks["high"], networks["low"]).eval()
