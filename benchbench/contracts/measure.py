"""What a measure is: one number that says what crafting did to a photograph."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    import torch


class Measure(ABC):
    """A number a photograph; registered under the entry points `benchbench.measures`."""

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    higher: ClassVar[bool]
    """Whether more means that the photograph is nearer to the original, or better."""
    text: ClassVar[str]
    reference: ClassVar[bool] = True
    """Whether it compares with the original; False: it looks at the crafted photograph alone."""

    @classmethod
    def why_not(cls) -> str:
        """Return why it cannot be had here and what to do, such as a package to install; '' if it can."""
        return ""

    @abstractmethod
    def measure(self, x: torch.Tensor, y: torch.Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return one value a photograph, float64 (N,): infinite where it is unchanged, NaN where it is not defined.

        Both are left out of means; unchanged photographs are counted.

        Args:
            x: the originals, float32 (N, 3, H, W) in [0, 1].
            y: what the attacker hands over.
            rounded: both are of 8 bits, so that gray levels are whole numbers.
        """


MEASURES: Registry[Measure] = Registry("measure", "benchbench.measures", Measure, "--measures")
