"""Classifiers: a forensic preprocessor and a backbone, fully convolutional.

Trained on 64 x 64 patches, they classify whole photographs of any size: every backbone ends in global average
pooling and one linear layer. Inputs are float NCHW in [0, 1]; scaling to [-1, 1] happens inside (protocol.md).
Preprocessors and backbones come by entry points, ours as a stranger's: `bench list preprocessors`, `backbones`.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.preprocessor import PREPROCESSORS, Preprocessor
from benchbench.contracts.section import Section


def make_backbone(name: str, shape: Section, in_channels: int, classes: int, dropout: float = 0.5) -> nn.Module:
    """Return the backbone called `name` at the widths of `shape`: (N, in_channels, H, W) to (N, classes) logits.

    Source: Andrews et al. 2020, section 4.1; ours at their default shapes are the published networks.

    Raises:
        UnknownNameError: no such backbone.
        BenchError: the shape is another backbone's.
    """
    backbone = BACKBONES.create(name)
    if not isinstance(shape, backbone.shape):
        raise BenchError(f"backbone '{name}' cannot have a {type(shape).__name__}.")
    return backbone.build(shape, in_channels, classes, dropout)


class Classifier(nn.Module):
    """A preprocessor and a backbone: float (N, 3, H, W) in [0, 1] to logits (N, classes)."""

    def __init__(self, backbone: str, preprocessor: str, classes: int, shape: Section, dropout: float = 0.5) -> None:
        """Build both, by name.

        Args:
            shape: the backbone's widths, an instance of its shape class.
            dropout: rate before the last layer, 0 to 1.

        Raises:
            UnknownNameError: no such preprocessor or backbone.
            BenchError: the shape is another backbone's.
        """
        super().__init__()
        self.preprocessor = PREPROCESSORS.create(preprocessor)
        self.backbone = make_backbone(backbone, shape, self.preprocessor.channels, classes, dropout)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) from the preprocessor's output."""
        return cast(Tensor, self.backbone(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for photographs (N, 3, H, W) in [0, 1]."""
        return self.classify(self.preprocessor(x))


class Behind(nn.Module):
    """The backbone of a trained classifier behind another preprocessor than the one that it was trained behind.

    Args:
        preprocessor: gives what the classifier's own preprocessor gives, or an estimate of it.
    """

    def __init__(self, preprocessor: Preprocessor, classifier: Classifier) -> None:
        super().__init__()
        self.preprocessor, self.classifier = preprocessor, classifier

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (N, classes) from the preprocessor's output."""
        return self.classifier.classify(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) for photographs (N, 3, H, W) in [0, 1]."""
        return self.classify(self.preprocessor(x))
