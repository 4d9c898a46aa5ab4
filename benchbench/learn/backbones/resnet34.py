"""ResNet-34."""

from __future__ import annotations

from benchbench.learn.backbones.resnet import ResNet18


class ResNet34(ResNet18):
    """ResNet-34: basic blocks with skip connections, 34 layers."""

    layers = (3, 4, 6, 3)
    cost = 1.75
