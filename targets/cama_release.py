"""Classifiers that the released implementation of the Cama paper trained: `cama-release:resnet18/rgb[weights=...]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.spec import validated
from benchbench.contracts.target import Overlap, TargetCard
from benchbench.learn.external import ExternalTarget

if TYPE_CHECKING:
    from torch import Tensor, nn

ARCHITECTURES = ("resnet18", "resnet50")
# Its names of what a classifier sees, and ours.
INPUTS = {
    "rgb": "rgb",
    "con_conv": "cc",
    "fixed_hpf": "hp",
    "finite_difference": "fd",
    "rgb+con_conv": "rgb+cc",
    "rgb+fixed_hpf": "rgb+hp",
    "rgb+finite_difference": "rgb+fd",
}
_CHANNELS = {"cc": 3, "hp": 1, "fd": 6}


@dataclass(frozen=True, kw_only=True)
class ReleasedClassifier(ExternalTarget):
    """A classifier of the release: it sees gray levels 0 to 255, and its classes are in alphabetical order.

    Attributes:
        architecture: of `ARCHITECTURES`.
        clf_input: by the release's name, of `INPUTS`.
        overlap: partial if it was trained with --expanded_cms True.
    """

    architecture: str
    clf_input: str
    overlap: Overlap = "complete"

    @property
    def card(self) -> TargetCard:
        """The card, from the fields."""
        name = f"cama-release:{self.architecture}/{self.clf_input}/{self.overlap}"
        return TargetCard(
            name=name, backbone=self.architecture, preprocessor=INPUTS[self.clf_input], overlap=self.overlap
        )

    def network(self, classes: int) -> nn.Module:
        """Return the network of the release at this input."""
        return _network(self.architecture, INPUTS[self.clf_input], classes)

    def state(self, stored: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Return the classifier of a checkpoint, its parts by our names for them.

        Raises:
            BenchError: the checkpoint holds no classifier.
        """
        if not isinstance(stored.get("classifier"), Mapping):
            raise BenchError(f"'{self.weights}' is no checkpoint of the release: it has no part 'classifier'.")
        return {_renamed(name): value for name, value in stored["classifier"].items()}


def _renamed(name: str) -> str:
    """The release keeps its layers in one sequence; timm names them."""
    parts = name.split(".")
    if parts[0] == "classifier":
        return ".".join(["network", "fc", *parts[1:]])
    if parts[0] == "features":
        layers = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
        return ".".join(["network", layers.get(parts[1], parts[1]), *parts[2:]])
    return name


def _network(architecture: str, sees: str, classes: int) -> nn.Module:
    import torch
    from torch import nn

    from benchbench.contracts.backbone import BACKBONES
    from benchbench.forensics import FiniteDifferences

    photograph, _, kind = sees.rpartition("+") if sees != "rgb" else ("rgb", "", "")
    channels = 3 * bool(photograph) + _CHANNELS.get(kind, 0)

    class Suppressor(nn.Module):
        """Filters of 5 x 5 px that take the content away; fixed ones are part of a checkpoint too."""

        def __init__(self) -> None:
            super().__init__()
            self.suppressor = nn.Parameter(torch.zeros(_CHANNELS[kind], 3, 5, 5))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.suppressor, padding=2)

    class Released(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            backbone = BACKBONES.create(architecture)
            self.network = backbone.build(backbone.shape(), channels, classes, 0.0)
            if kind:
                self.suppressor = FiniteDifferences() if kind == "fd" else Suppressor()

        def forward(self, x: Tensor) -> Tensor:
            levels = x * 255
            parts = [levels] if photograph else []
            if kind:
                parts.append(self.suppressor(levels))
            found: Tensor = self.network(torch.cat(parts, 1))
            return found

    return Released()


class Release:
    """The bridge: an architecture and an input by the release's names."""

    def names(self) -> list[str]:
        """Return the names that `create` knows."""
        return [f"{a}/{i}" for a in ARCHITECTURES for i in INPUTS]

    def create(self, name: str, params: Mapping[str, Any]) -> ReleasedClassifier:
        """Return a classifier; parameters are weights, classes (a list of names) and overlap.

        Raises:
            UnknownNameError: no such architecture or input.
            BenchError: a parameter is missing or of the wrong type.
        """
        if name not in self.names():
            raise UnknownNameError(
                f"unknown target 'cama-release:{name}'.{did_you_mean(name, self.names())}"
                f"  available: {', '.join(self.names())}"
            )
        what = f"target 'cama-release:{name}'"
        for needed in ("weights", "class_order"):
            if needed not in params:
                raise BenchError(
                    f"{what} needs {needed}: cama-release:{name}[weights=best.pth,class_order=['Model_A','Model_B']]."
                )
        architecture, clf_input = name.split("/")
        values = validated(what, ReleasedClassifier, dict(params))
        values["weights"] = Path(values["weights"]).absolute()  # jobs have other working folders
        return ReleasedClassifier(**(values | {"architecture": architecture, "clf_input": clf_input}))
