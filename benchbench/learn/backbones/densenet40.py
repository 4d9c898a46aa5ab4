"""DenseNet-BC with 40 layers."""

from __future__ import annotations

from benchbench.learn.backbones.densenet import DenseNet100, DenseNetShape


class DenseNet40Shape(DenseNetShape):
    """DenseNet-BC of 40 layers: six a block."""

    blocks: tuple[int, int, int] = (6, 6, 6)


class DenseNet40(DenseNet100):
    """DenseNet-BC (L=40, k=12): as DenseNet-100, with six layers a block."""

    shape = DenseNet40Shape
    cost = 1.0
