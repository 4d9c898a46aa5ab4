"""What a target is: a classifier under attack."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from benchbench.base.identity import plain_fields
from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.fit import Fit, Setup

Overlap = Literal["complete", "partial"]


@dataclass(frozen=True, kw_only=True)
class TargetCard:
    """What the tables need to know of a target."""

    name: str
    """`<backbone>/<preprocessor>/<overlap>` for the built-in grid; any unique name for a stranger's."""
    backbone: str
    preprocessor: str
    overlap: Overlap
    """complete: it knows the attacker's classes and no others; partial: all classes."""
    version: int = 1
    task: str = "classification"
    """What it is asked, by the name of a `Task`."""


@dataclass(frozen=True, kw_only=True)
class Target(ABC):
    """A target classifier. Subclasses are frozen dataclasses; their fields are its parameters and identity."""

    file_digest: ClassVar[str] = ""
    """See `Attack.file_digest`."""

    @property
    @abstractmethod
    def card(self) -> TargetCard:
        """The target's card."""

    @abstractmethod
    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return what must be trained on p, by the name `load` will receive it under."""

    @abstractmethod
    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        """Return a module in eval mode: float32 (N, 3, H, W) in [0, 1] to logits (N, classes); normalization inside.

        A module with the attributes `preprocessor` (a module with a string `key`) and `classify` (a module from the
        preprocessor's output to logits) lets the harness compute a preprocessor once for all targets that share it.
        """

    def classes(self, setup: Setup) -> int:
        """Return how many classes the target tells apart."""
        return setup.known if self.card.overlap == "complete" else setup.classes

    def spec(self) -> dict[str, Any]:
        """Return {name, version, params}: the target's part of every identity."""
        return {
            "name": self.name,
            "version": self.card.version,
            "params": plain_fields(self) | ({"file": self.file_digest} if self.file_digest else {}),
        }

    @property
    def name(self) -> str:
        """The name in tables and on the command line."""
        return self.card.name


TARGETS: Registry[Target] = Registry("target", "benchbench.targets", Target, "--targets")
