"""The attacker's surrogates, trained on q: E0, Cama's two streams, MISL's and SpoC's evaluators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.fit import Fit, Setup
from benchbench.learn.arrays import NetworkResiduals, WholeImages
from benchbench.learn.classifier import Classifier
from benchbench.learn.image_to_image import ImageToImage
from benchbench.learn.residual import ResidualNetworkFit
from benchbench.learn.training import Band, ClassifierFit

Evaluator = Literal["dual", "cc", "rgb+fd"]


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
