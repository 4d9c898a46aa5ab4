"""Targets of the tasks vote and clustering: ResNet-50 and DenseNet-201, trained on p with the attacker's classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from benchbench.contracts.target import Target, TargetCard

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

BACKBONES = ("resnet50", "densenet201")
Asked = Literal["vote", "clustering"]


def examiner_fit(backbone: str, setup: Setup) -> Fit:
    """Return the fit of a classifier with hidden layers; votes and clusters share it."""
    from benchbench.learn.examiner import ExaminerFit

    profile = setup.profile
    return ExaminerFit(
        role="p",
        backbone=backbone,
        preprocessor=profile.examiner_preprocessor,
        classes=setup.known,
        shape=profile.backbones.shape(backbone),
        dropout=0.0,
        recipe=profile.examiner,
        patch=profile.examiner_patch,
        name=f"examiner/{backbone}",
        seed=setup.seed,
    )


@dataclass(frozen=True, kw_only=True)
class Examiner(Target):
    """A network that names crops of photographs (vote), or whose features of crops are clustered (clustering).

    It knows the attacker's camera models; for clustering, photographs may be of any.
    """

    asked: Asked
    backbone: str

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        return TargetCard(
            name=f"{self.asked}/{self.backbone}",
            backbone=self.backbone,
            preprocessor="",
            overlap="complete",
            task=self.asked,
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the network's fit."""
        return {"examiner": examiner_fit(self.backbone, setup)}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the classifier, or its convolutions alone."""
        from benchbench.learn.features import PooledFeatures

        module: torch.nn.Module = networks["examiner"]
        return (module if self.asked == "vote" else PooledFeatures(module)).to(device)


def examiners() -> Mapping[str, Callable[..., Examiner]]:
    """Return the four by name."""
    return {
        f"{asked}/{backbone}": partial(Examiner, asked=asked, backbone=backbone)
        for asked in ("vote", "clustering")
        for backbone in BACKBONES
    }
