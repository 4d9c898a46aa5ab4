"""Classifiers: a forensic preprocessor and a timm backbone, fully convolutional.

Trained on 64 x 64 patches, they classify whole photographs of any size: every backbone ends in global average
pooling and one linear layer. Inputs are float NCHW in [0, 1]; scaling to [-1, 1] happens inside (protocol.md).
"""

from __future__ import annotations

from typing import Any, Literal, cast

from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.contracts.profile import BackboneShape, DenseNetShape, ResNetShape, VggShape
from benchbench.learn.backbones.resnet import _resnet
from benchbench.learn.backbones.vgg import _Vgg
from benchbench.learn.preprocessors.base import Preprocessor
from benchbench.learn.preprocessors.cc import Cc
from benchbench.learn.preprocessors.fd import Fd, RgbFd
from benchbench.learn.preprocessors.hp import Hp
from benchbench.learn.preprocessors.plain import Rgb
from benchbench.learn.preprocessors.ww import Ww

BackboneName = Literal["resnet18", "resnet50", "densenet100", "vgg16"]
PreprocessorName = Literal["rgb", "rgb+fd", "fd", "ww", "cc", "hp"]

BACKBONES: tuple[BackboneName, ...] = ("resnet18", "resnet50", "densenet100", "vgg16")
PREPROCESSORS: tuple[PreprocessorName, ...] = ("rgb", "rgb+fd", "fd", "ww", "cc", "hp")


_PREPROCESSORS: dict[PreprocessorName, type[Preprocessor]] = {
    "rgb": Rgb,
    "rgb+fd": RgbFd,
    "fd": Fd,
    "ww": Ww,
    "cc": Cc,
    "hp": Hp,
}


def make_preprocessor(name: PreprocessorName) -> Preprocessor:
    """Return the preprocessor called `name` (one of `PREPROCESSORS`)."""
    return _PREPROCESSORS[name]()


# timm takes three seconds to import, and whoever plans a run needs none of it.


def make_backbone(
    name: BackboneName, shape: BackboneShape, in_channels: int, classes: int, dropout: float = 0.5
) -> nn.Module:
    """Return the backbone called `name` at the widths of `shape`: (N, in_channels, H, W) to (N, classes) logits.

    Source: Andrews et al. 2020, section 4.1; at the default shapes these are the published networks.
    """
    common: dict[str, Any] = {"in_chans": in_channels, "num_classes": classes, "drop_rate": dropout}
    match name, shape:
        case "resnet18", ResNetShape():
            return _resnet("BasicBlock", (2, 2, 2, 2), shape, **common)
        case "resnet50", ResNetShape():
            return _resnet("Bottleneck", (3, 4, 6, 3), shape, **common)
        case "densenet100", DenseNetShape():
            from timm.models.densenet import DenseNet

            return DenseNet(shape.growth, shape.blocks, **common)  # its stem has twice the growth rate's channels
        case "vgg16", VggShape():
            return _Vgg(shape, in_channels, classes, dropout)
    raise BenchError(f"backbone '{name}' cannot have a {type(shape).__name__}.")


class Classifier(nn.Module):
    """A preprocessor and a backbone: float (N, 3, H, W) in [0, 1] to logits (N, classes)."""

    def __init__(
        self,
        backbone: BackboneName,
        preprocessor: PreprocessorName,
        classes: int,
        shape: BackboneShape,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.preprocessor = make_preprocessor(preprocessor)
        self.backbone = make_backbone(backbone, shape, self.preprocessor.channels, classes, dropout)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) from the preprocessor's output."""
        return cast(Tensor, self.backbone(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for photographs (N, 3, H, W) in [0, 1]."""
        return self.classify(self.preprocessor(x))
