"""The targets of SiamTE's paper: votes, clusters, fingerprints, traces.

`siamte2020:vote/<backbone>`, `siamte2020:clustering/<backbone>`, `siamte2020:verification/<device|model|sensor>`,
`siamte2020:trace/<backbone>`: names behind a prefix are no part of 'all' and of globs without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchbench.base.errors import UnknownNameError, did_you_mean
from benchbench.contracts.attack import ATTACKS, Attack
from benchbench.contracts.target import Target, TargetCard

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

BACKBONES = ("resnet50", "densenet201")
Asked = Literal["vote", "clustering"]
Of = Literal["device", "model", "sensor"]


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


@dataclass(frozen=True, kw_only=True)
class Fingerprints(Target):
    """Scores photographs against fingerprints of test devices, of camera models, or against the sensors' true PRNU."""

    of: Of

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        return TargetCard(
            name=f"verification/{self.of}", backbone="", preprocessor="", overlap="partial", task="verification"
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the fingerprints."""
        from ._fingerprints import FingerprintsFit

        each = setup.profile.enrolled if self.of == "device" else 0
        return {"fingerprints": FingerprintsFit(of=self.of, each=each, seed=setup.seed)}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return what scores photographs."""
        module: torch.nn.Module = networks["fingerprints"]
        return module.to(device)


@dataclass(frozen=True, kw_only=True)
class OnTraces(Target):
    """A classifier trained on p's traces alone. Source: Chen et al. 2020 (SiamTE), section 4.5.

    Attributes:
        attack: takes the traces away; one that reads no labels and wants no model.
    """

    backbone: str
    attack: str = "siamte"

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        name = f"trace/{self.backbone}" + ("" if self.attack == "siamte" else f"/{self.attack}")
        return TargetCard(name=name, backbone=self.backbone, preprocessor="trace", overlap="complete", task="vote")

    def eraser(self) -> Attack:
        """Return the attack.

        Raises:
            ValueError: it reads labels, or what it takes away hangs on a wanted model.
        """
        found = ATTACKS.create(self.attack)
        if found.card.targeted or found.card.reads_source:
            raise ValueError(f"attack '{self.attack}' needs labels; traces are of attacks that need none")
        return found

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the classifier with its copy of the attack."""
        from ._traces import TraceExaminerFit, TraceStack

        profile, attack = setup.profile, self.eraser()
        stack = TraceStack(attack=attack, fits=tuple(attack.fits(setup).items()), seed=setup.seed)
        return {
            "examiner": TraceExaminerFit(
                role="p",
                backbone=self.backbone,
                preprocessor="rgb",
                classes=setup.known,
                shape=profile.backbones.shape(self.backbone),
                dropout=0.0,
                recipe=profile.examiner,
                patch=profile.examiner_patch,
                name=f"examiner/trace/{self.backbone}",
                band="high",
                residuals=stack,
                stack=stack,
                seed=setup.seed,
            )
        }

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return the classifier behind the attack."""
        module: torch.nn.Module = networks["examiner"]
        return module.to(device)


class Bridge:
    """Makes the paper's targets by name for the registry."""

    def names(self) -> list[str]:
        """Return '<task>/<what>' of all nine."""
        pairs = [(task, backbone) for task in ("vote", "clustering", "trace") for backbone in BACKBONES]
        return ["/".join(pair) for pair in pairs] + [f"verification/{of}" for of in get_args(Of)]

    def create(self, name: str, params: Mapping[str, Any]) -> Target:
        """Return the target.

        Raises:
            UnknownNameError: no such target, or a parameter that it does not have: `trace/*` has `attack`.
        """
        if name not in self.names():
            raise UnknownNameError(
                f"unknown target 'siamte2020:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        task, what = name.split("/")
        wrong = [key for key in params if (task, key) != ("trace", "attack")]
        if wrong:
            raise UnknownNameError(f"target 'siamte2020:{name}' has no parameter '{wrong[0]}'.")
        if task == "verification":
            return Fingerprints(of=what)  # type: ignore[arg-type]
        if task == "trace":
            return OnTraces(backbone=what, **params)
        return Examiner(asked=task, backbone=what)  # type: ignore[arg-type]


bridge = Bridge()
