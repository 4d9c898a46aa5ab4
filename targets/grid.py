"""The 48 targets of the paper, named `<backbone>/<preprocessor>/<overlap>`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from benchbench.contracts.target import Overlap, Target, TargetCard

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

# Repeated from benchbench.learn.classifier, which imports torch: listing targets must not.
BackboneName = Literal["resnet18", "resnet50", "densenet100", "vgg16"]
PreprocessorName = Literal["rgb", "rgb+fd", "fd", "ww", "cc", "hp"]
BACKBONES: tuple[BackboneName, ...] = ("resnet18", "resnet50", "densenet100", "vgg16")
PREPROCESSORS: tuple[PreprocessorName, ...] = ("rgb", "rgb+fd", "fd", "ww", "cc", "hp")
OVERLAPS: tuple[Overlap, ...] = ("complete", "partial")


@dataclass(frozen=True, kw_only=True)
class GridTarget(Target):
    """A preprocessor and a backbone, trained on p with the attacker's classes (complete) or with all (partial)."""

    backbone: BackboneName
    preprocessor: PreprocessorName
    overlap: Overlap

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        return TargetCard(
            name=f"{self.backbone}/{self.preprocessor}/{self.overlap}",
            backbone=self.backbone,
            preprocessor=self.preprocessor,
            overlap=self.overlap,
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the classifier's fit; WW targets build on the Wiener residuals of p."""
        from benchbench.learn.arrays import WienerResiduals
        from benchbench.learn.training import ClassifierFit

        profile = setup.profile
        return {
            "classifier": ClassifierFit(
                role="p",
                backbone=self.backbone,
                preprocessor=self.preprocessor,
                classes=self.classes(setup),
                shape=getattr(profile.backbones, self.backbone),
                dropout=profile.backbones.dropout,
                recipe=profile.recipe_for(self.name),
                patch=profile.patch,
                name=self.name,
                residuals=WienerResiduals(role="p") if self.preprocessor == "ww" else None,
                seed=setup.seed,
            )
        }

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the classifier on `device`."""
        module: torch.nn.Module = networks["classifier"]
        return module.to(device)


def grid() -> Mapping[str, Callable[..., GridTarget]]:
    """Return a factory for each of the 48 targets by name."""
    return {
        f"{b}/{p}/{o}": partial(GridTarget, backbone=b, preprocessor=p, overlap=o)
        for b in BACKBONES
        for p in PREPROCESSORS
        for o in OVERLAPS
    }
