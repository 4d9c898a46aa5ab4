"""Classifiers: a forensic preprocessor and a timm backbone, fully convolutional.

Trained on 64 x 64 patches, they classify whole photographs of any size: every backbone ends in global average
pooling and one linear layer. Inputs are float NCHW in [0, 1]; scaling to [-1, 1] happens inside (protocol.md).
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.contracts.profile import BackboneShape, DenseNetShape, ResNetShape, VggShape
from benchbench.forensics import ConstrainedConv, FiniteDifferences, HighPass, WaveletWiener

BackboneName = Literal["resnet18", "resnet50", "densenet100", "vgg16"]
PreprocessorName = Literal["rgb", "rgb+fd", "fd", "ww", "cc", "hp"]

BACKBONES: tuple[BackboneName, ...] = ("resnet18", "resnet50", "densenet100", "vgg16")
PREPROCESSORS: tuple[PreprocessorName, ...] = ("rgb", "rgb+fd", "fd", "ww", "cc", "hp")


class Preprocessor(nn.Module):
    """Maps photographs in [0, 1] to a backbone's input.

    Attributes:
        key: names what is computed; preprocessors with one key give the same output, so that it can be computed once
            for all targets that share it. Empty where the preprocessor is learned.
        channels: channels of the output.
        whole_image: computed on the whole photograph before patches are cut, never on a patch.
    """

    key: str = ""
    channels: int = 3
    whole_image: bool = False


class Rgb(Preprocessor):
    """The photograph itself, scaled to [-1, 1]."""

    key = "rgb"

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return x * 2 - 1


class Fd(Preprocessor):
    """Third-order finite differences."""

    key = "fd"
    channels = 6

    def __init__(self) -> None:
        super().__init__()
        self.filter = FiniteDifferences()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 6, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))


class RgbFd(Preprocessor):
    """The photograph and its finite differences, concatenated."""

    key = "rgb+fd"
    channels = 9

    def __init__(self) -> None:
        super().__init__()
        self.filter = FiniteDifferences()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 9, H, W)."""
        scaled = x * 2 - 1
        return torch.cat([scaled, self.filter(scaled)], dim=1)


class Hp(Preprocessor):
    """One fixed high-pass filter."""

    key = "hp"
    channels = 1

    def __init__(self) -> None:
        super().__init__()
        self.filter = HighPass()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))


class Cc(Preprocessor):
    """Constrained convolution: learned prediction-error filters."""

    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.filter = ConstrainedConv()

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return cast(Tensor, self.filter(x * 2 - 1))


class Ww(Preprocessor):
    """Wavelet-domain Wiener residual of the whole photograph, in the [-1, 1] scale."""

    key = "ww"
    whole_image = True

    def __init__(self) -> None:
        super().__init__()
        self.filter = WaveletWiener(scale=255.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W)."""
        return cast(Tensor, self.filter(x)) * 2


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


def _resnet(
    block: Literal["BasicBlock", "Bottleneck"], layers: tuple[int, ...], shape: ResNetShape, **common: Any
) -> nn.Module:
    from timm.models import resnet

    # timm sets the stem's width in its 'deep' variant only: ask for that, then put the published 7x7 stem in its place.
    common |= {"channels": shape.channels, "stem_type": "deep", "stem_width": shape.stem // 2}
    network: Any = resnet.ResNet(cast(Any, getattr(resnet, block)), layers, **common)
    stem = nn.Conv2d(common["in_chans"], shape.stem, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    network.conv1 = stem
    return cast(nn.Module, network)


class _Vgg(nn.Module):
    """VGG's convolutions, global average pooling and one linear layer."""

    def __init__(self, shape: VggShape, in_channels: int, classes: int, dropout: float) -> None:
        from timm.layers.classifier import ClassifierHead
        from timm.models.vgg import VGG

        super().__init__()
        c = shape.channels
        config = [c[0]] * 2 + ["M"] + [c[1]] * 2 + ["M"] + [c[2]] * 3 + ["M"] + [c[3]] * 3 + ["M"] + [c[4]] * 3 + ["M"]
        # timm's own head has 4096-wide layers; a tiny ratio keeps the one that is thrown away small.
        whole = VGG(config, in_chans=in_channels, norm_layer=nn.BatchNorm2d, mlp_ratio=1 / 4096)
        self.features = whole.features
        self.head = ClassifierHead(c[4], classes, pool_type="avg", drop_rate=dropout)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.features(x)))


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
