"""What a condition is: what happens to a photograph between the attacker, who hands it over, and the target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.source import Facts


class Condition(ABC):
    """A way from the attacker to the target; registered under the entry points `benchbench.conditions`.

    Its name is a part of `Protocol`, so of every identity: a change that moves results takes another name.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    """For captions, e.g. 'targets see rounded 8-bit photographs'."""
    order: ClassVar[int] = 100
    """Where it stands in tables and in `--condition all`; those of one order by name."""
    rounded: ClassVar[bool] = True
    """Whether the attacker hands over photographs of 8 bits, what a file can hold."""
    reads_wanted: ClassVar[bool] = False
    """Whether what targets see depends on the wanted camera model; each is then crafted apart."""

    def why_not(self, facts: Facts) -> str:
        """Return why photographs cannot be shown so, or nothing."""
        return ""

    def prepare(self, dataset: Dataset) -> Any:
        """Return what `show` needs to know of the photographs; called once a job."""
        return None

    @abstractmethod
    def show(self, x: torch.Tensor, wanted: NDArray[np.int64], prepared: Any) -> torch.Tensor:
        """Return what targets see.

        Args:
            x: float32 (N, 3, H, W) in [0, 1], as the attacker hands them over; do not change it in place.
            wanted: (N,) wanted classes, -1 where none is.
            prepared: what `prepare` returned.

        Returns:
            A finite float32 tensor of the shape of `x`, in [0, 1].
        """

    def files(self, x: torch.Tensor, wanted: NDArray[np.int64], prepared: Any) -> list[tuple[str, bytes]]:
        """Return each photograph as a file that holds what targets see: (suffix, content). By default PNG of `show`.

        Args:
            x, wanted, prepared: see `show`. Of a condition that is not `rounded` no file can be written.
        """
        import torch
        from PIL import Image

        shown = self.show(x, wanted, prepared)
        levels = shown.mul(255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        found = []
        for picture in levels:
            file = BytesIO()
            Image.fromarray(picture).save(file, "PNG")
            found.append((".png", file.getvalue()))
        return found


CONDITIONS: Registry[Condition] = Registry("condition", "benchbench.conditions", Condition, "--condition")
