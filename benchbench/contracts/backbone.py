"""What a backbone is: the network behind a preprocessor, at widths that a profile may set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from benchbench.contracts.registry import Registry
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from torch import nn

S = TypeVar("S", bound=Section)


class Backbone(ABC, Generic[S]):
    """An architecture of any width; the entry point's name is its name. It has no parameters but its shape.

    Import torch inside `build`: whoever lists backbones or reads a profile needs none of it.
    """

    shape: type[S]
    """Its widths: a `Section` whose every field has a default. A profile sets fields under `[backbones] NAME = {...}`
    and the rest, or all where it says nothing of this backbone, stays at the defaults."""
    cost: ClassVar[float] = 1.0
    """Time to train on a patch, relative to ResNet-18's; for estimates alone."""
    version: ClassVar[int] = 1
    """Raise it with a change that moves results: networks that were trained before are then not used."""

    @abstractmethod
    def build(self, shape: S, in_channels: int, classes: int, dropout: float) -> nn.Module:
        """Return the untrained network: float32 (N, in_channels, H, W), about [-1, 1], to logits (N, classes).

        H and W are any from the profile's patch (32 or 64 px) up to a whole photograph, so it ends in global pooling.

        Args:
            shape: an instance of the class `shape`.
            in_channels: what the preprocessor gives, 1 or more.
            classes: camera models to tell apart.
            dropout: rate before the last layer, 0 to 1.
        """


BACKBONES: Registry[Backbone[Any]] = Registry("backbone", "benchbench.backbones", Backbone)
