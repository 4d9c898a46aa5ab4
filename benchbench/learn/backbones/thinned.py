"""Xception and Inception-v3 of any width: timm's networks with every layer's channels multiplied."""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from benchbench.contracts.backbone import Backbone
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn

SMALLEST = 80
"""Px. Smaller pictures are continued to it: Inception-v3 halves its input five times without padding."""


class Width(Section):
    """How many times the channels of the published network, e.g. 0.25; each layer's must come out whole."""

    width: float = 1.0


def thinned(network: nn.Module, width: float, in_channels: int, classes: int) -> nn.Module:
    """Multiply the channels of every layer of an untrained network by `width`, in place, but of pictures and classes.

    Raises:
        ValueError: a layer has no whole number of channels then.
    """
    import torch
    from torch import nn

    share = Fraction(width).limit_denominator(64)

    def times(channels: int) -> int:
        if (channels * share).denominator != 1:
            raise ValueError(f"width {width}: a layer of {channels} channels cannot be multiplied by it.")
        return int(channels * share)

    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            made: nn.Module
            if isinstance(layer, nn.Conv2d):
                before = in_channels if layer is first else times(layer.in_channels)
                made = nn.Conv2d(
                    before,
                    times(layer.out_channels),
                    cast("tuple[int, int]", layer.kernel_size),
                    cast("tuple[int, int]", layer.stride),
                    cast("tuple[int, int]", layer.padding),
                    cast("tuple[int, int]", layer.dilation),
                    groups=times(layer.groups) if layer.groups > 1 else 1,
                    bias=layer.bias is not None,
                )
                nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.BatchNorm2d):
                # timm has batch norms with the activation inside.
                made = layer
                made.num_features = times(layer.num_features)
                for part in ("weight", "bias"):
                    setattr(made, part, nn.Parameter(torch.full((made.num_features,), float(part == "weight"))))
                made.running_mean, made.running_var = torch.zeros(made.num_features), torch.ones(made.num_features)
            elif isinstance(layer, nn.Linear):
                made = nn.Linear(times(layer.in_features), classes)
            else:
                continue
            setattr(module, name, made)
    return network


class _Thinned(Backbone[Width]):
    shape = Width

    @abstractmethod
    def network(self, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """Return timm's network at its published width."""

    def build(self, shape: Width, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """See `Backbone.build`."""
        from benchbench.learn.backbones.continued import Continued

        network = self.network(in_channels, classes, dropout)
        return Continued(network if shape.width == 1 else thinned(network, shape.width, in_channels, classes), SMALLEST)


class Xception(_Thinned):
    """Xception (Chollet 2017), of timm: separable convolutions; published width 1, its like at 1/8, 1/4, 1/2."""

    cost = 2.5

    def network(self, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """Return timm's Xception."""
        from timm.models import create_model

        return create_model("legacy_xception", in_chans=in_channels, num_classes=classes, drop_rate=dropout)


class InceptionV3(_Thinned):
    """Inception-v3 (Szegedy et al. 2016), of timm, without the second head; published width 1, its like at 1/8, 1/4."""

    cost = 2.0

    def network(self, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """Return timm's Inception-v3."""
        from timm.models.inception_v3 import InceptionV3 as Network

        return Network(num_classes=classes, in_chans=in_channels, drop_rate=dropout, aux_logits=False)
