"""The attacker's surrogates, trained on q: Cama's two streams, MISL's and SpoC's evaluators, local auxiliary ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.learn.arrays import NetworkResiduals, WholeImages
from benchbench.learn.classifier import Behind, Classifier
from benchbench.learn.image_to_image import ImageToImage
from benchbench.learn.residual import ResidualNetworkFit
from benchbench.learn.training import Band, ClassifierFit

Auxiliary = Literal["img", "wdf", "pef"]
"""A local auxiliary classifier, by what it sees: the photograph, Wiener residuals as a network learned them, or
prediction errors of a constrained convolution."""
SEES: Mapping[Auxiliary, str] = {"img": "rgb", "wdf": "wdf", "pef": "cc"}
"""The preprocessor of each."""
Evaluator = Literal["dual", "cc", "rgb+fd"] | tuple[Auxiliary, ...]


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
        return self.together(self.streams(x))

    @staticmethod
    def together(streams: list[Tensor]) -> Tensor:
        """Return log E of the logits of both streams."""
        return torch.stack([F.log_softmax(s.float(), dim=1) for s in streams]).mean(0)


class Auxiliaries(nn.Module):
    """Local auxiliary classifiers, each with a loss of its own: f_img, f_wdf, f_pef or some of them.

    Source: Andrews, Zhang & Griffin 2020, section 3.3.
    """

    def __init__(self, classifiers: Mapping[str, Classifier | Behind]) -> None:
        super().__init__()
        self.classifiers = nn.ModuleDict(classifiers)
        self.count = len(classifiers)

    def streams(self, x: Tensor) -> list[Tensor]:
        """Return the logits (N, classes) of each classifier for x in [0, 1]."""
        return [classifier(x) for classifier in self.classifiers.values()]

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean of log f(x) over the classifiers, shape (N, classes)."""
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
    """Return the fits of an evaluator: 'dual' (Cama), 'cc' (MISL), 'rgb+fd' (SpoC) or local auxiliary classifiers."""
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
    if isinstance(kind, tuple):
        fits: dict[str, Fit] = {}
        for name in kind:
            sees = PREPROCESSORS.get(SEES[name])
            # Behind a learned residual stands what was trained on true ones.
            trained = sees.stands_for or SEES[name]
            whole = PREPROCESSORS.get(trained).whole_image
            fits[name] = stream(name, trained, "all", WholeImages(role="q", preprocessor=trained) if whole else None)
            if sees.stands_for:
                fits[f"{name} residual"] = sees.fit("q", setup)
        return fits
    return {"classifier": stream(kind, kind, "all", None)}


def make_evaluator(networks: Mapping[str, Any]) -> DualStream | SingleStream | Auxiliaries:
    """Return the evaluator made of the loaded results of `evaluator_fits`."""
    if "classifier" in networks:
        return SingleStream(cast(Classifier, networks["classifier"])).eval()
    if "high" in networks:
        return DualStream(networks["residual"], networks["high"], networks["low"]).eval()
    found: dict[str, Classifier | Behind] = {}
    for name in (n for n in SEES if n in networks):
        classifier = cast(Classifier, networks[name])
        residual = networks.get(f"{name} residual")
        sees = PREPROCESSORS.create(SEES[name])
        found[name] = classifier if residual is None else Behind(sees.learned(residual), classifier)
    return Auxiliaries(found).eval()
