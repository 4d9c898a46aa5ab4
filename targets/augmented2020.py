"""The 15 targets of the augmented cGAN's paper, as `augmented2020:<backbone>/<kind>`: `--targets 'augmented2020:*'`.

Names behind a prefix are no part of 'all' and of globs without it, which go on to mean the other paper's 48. The
targets themselves have the names that any pair of backbone and preprocessor has, and are one where both papers have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchbench.base.errors import UnknownNameError, did_you_mean

from .grid import GridTarget

BACKBONES = ("resnet12", "resnet18", "resnet34", "densenet40", "densenet100")
KINDS = {"wdf": "wdf", "pef": "cc", "img": "rgb"}
"""What classifiers see, in the paper's words, and the preprocessor here: Wiener residuals as a network learned them,
prediction errors of a constrained convolution, the photograph itself."""


class Bridge:
    """Makes the paper's targets by name for the registry."""

    def names(self) -> list[str]:
        """Return '<backbone>/<kind>' of all 15."""
        return [f"{backbone}/{kind}" for kind in KINDS for backbone in BACKBONES]

    def create(self, name: str, params: Mapping[str, Any]) -> GridTarget:
        """Return the target; it knows the attacker's classes and no others.

        Raises:
            UnknownNameError: no such target, or a parameter: they have none.
        """
        if name not in self.names():
            raise UnknownNameError(
                f"unknown target 'augmented2020:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        if params:
            raise UnknownNameError(f"target 'augmented2020:{name}' has no parameter '{next(iter(params))}'.")
        backbone, kind = name.split("/")
        return GridTarget(backbone=backbone, preprocessor=KINDS[kind], overlap="complete")


bridge = Bridge()
