"""The examiners of SpoC's paper, as `spoc2019:NAME`: four classifiers of ten camera models, two detectors.

Names behind a prefix are no part of 'all' and of globs without it; `--targets 'spoc2019:*'` means these six.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from benchbench.base.errors import UnknownNameError, did_you_mean
from benchbench.contracts.spec import validated
from benchbench.contracts.target import Target, TargetCard

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

CLASSIFIERS = {
    "tuama2016": ("tuama2016", "hp"),
    "bondi2017": ("bondi2017", "rgb"),
    "xception": ("xception", "rgb"),
    "inceptionv3": ("inceptionv3", "rgb"),
}
DETECTORS = {"xception/detector": ("xception", "rgb"), "spec/detector": ("resnet34", "spectrum")}
"""Backbone and preprocessor of each."""
PAPERS = 10
"""Camera models that the paper's classifiers know."""


@dataclass(frozen=True, kw_only=True)
class Examiner(Target):
    """A classifier of the first ten camera models, or of all where there are fewer, trained on p.

    Attributes:
        examiner: its name.
        models: how many camera models it knows; the attacker's come first among them.
    """

    examiner: str
    models: Annotated[int, Field(ge=2, le=1000)] = PAPERS

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        backbone, preprocessor = CLASSIFIERS[self.examiner]
        name = self.examiner if self.models == PAPERS else f"{self.examiner}-{self.models}"
        return TargetCard(name=name, backbone=backbone, preprocessor=preprocessor, overlap="partial")

    def classes(self, setup: Setup) -> int:
        """Return how many camera models it tells apart."""
        return min(max(self.models, setup.known), setup.classes)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the classifier's fit."""
        from benchbench.learn.training import ClassifierFit

        profile = setup.profile
        recipe = profile.recipe_for(self.examiner)
        return {
            "classifier": ClassifierFit(
                role="p",
                backbone=self.card.backbone,
                preprocessor=self.card.preprocessor,
                classes=self.classes(setup),
                shape=profile.backbones.shape(self.card.backbone),
                dropout=profile.backbones.dropout,
                recipe=recipe,
                patch=recipe.patch or profile.patch,
                name=self.examiner,
                seed=setup.seed,
            )
        }

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the classifier on `device`."""
        return cast("torch.nn.Module", networks["classifier"]).to(device)


@dataclass(frozen=True, kw_only=True)
class Detector(Target):
    """Tells synthetic pictures from photographs: trained on those of p.

    Attributes:
        detector: its name.
    """

    detector: str

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        backbone, preprocessor = DETECTORS[self.detector]
        return TargetCard(
            name=self.detector, backbone=backbone, preprocessor=preprocessor, overlap="partial", task="detection"
        )

    def classes(self, setup: Setup) -> int:
        """Return 2: photographs and synthetic pictures."""
        return 2

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the detector's fit."""
        from benchbench.synthesis.fits import synthetic_pictures

        from ._detectors import DetectorFit

        profile = setup.profile
        recipe = profile.recipe_for(self.name)
        backbone = self.card.backbone
        return {
            "detector": DetectorFit(
                backbone=backbone,
                preprocessor=self.card.preprocessor,
                shape=profile.backbones.shape(backbone),
                dropout=profile.backbones.dropout,
                recipe=recipe,
                patch=recipe.patch or profile.patch,
                name=self.name,
                pictures=synthetic_pictures(setup, "p"),
                begins=Examiner(examiner=backbone).fits(setup)["classifier"] if backbone in CLASSIFIERS else None,
                seed=setup.seed,
            )
        }

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the detector on `device`."""
        return cast("torch.nn.Module", networks["detector"]).to(device)


class Bridge:
    """Makes the paper's examiners by name for the registry."""

    def names(self) -> list[str]:
        """Return the names of the classifiers, then of the detectors."""
        return [*CLASSIFIERS, *DETECTORS]

    def create(self, name: str, params: Mapping[str, Any]) -> Target:
        """Return the target.

        Raises:
            UnknownNameError: no such target, or no such parameter.
        """
        if name not in self.names():
            raise UnknownNameError(
                f"unknown target 'spoc2019:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        kind, field = (Examiner, "examiner") if name in CLASSIFIERS else (Detector, "detector")
        if field in params:
            raise UnknownNameError(f"target 'spoc2019:{name}' has no parameter '{field}'.")
        values = validated(f"target 'spoc2019:{name}'", kind, params)
        made: Target = kind(**{**values, field: name})
        return made


bridge = Bridge()
