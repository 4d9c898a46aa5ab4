"""Where photographs come from: described before they exist, built once, opened in every process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.fit import Setup

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.profile import Profile


BuildProgress = Callable[[str, int, int], None]
"""Called with (label, photographs done, photographs in all)."""


@dataclass(frozen=True)
class Facts:
    """What a plan needs to know of photographs, which need not exist yet."""

    data_id: str
    name: str
    camera_models: tuple[str, ...]
    known: int
    size: int
    camera: NDArray[np.int64]
    """True class of each test photograph."""
    jpeg_models: frozenset[int] = frozenset()
    """Known classes whose JPEG files can be written as their camera does."""
    fingerprint: str = ""
    """sha256 over the pixels and labels of the test photographs, where they exist already."""
    retakes: bool = False
    """Whether the test photographs can be taken again with another camera model."""
    jpeg_faults: Mapping[int, str] = field(default_factory=dict)
    """Of known classes with JPEG files that cannot be written alike: their sampling factors, '2x2,1x2,1x2'."""

    def setup(self, profile: Profile, seed: int) -> Setup:
        """Return what attacks and targets are told before they name their fits."""
        return Setup(
            profile=profile,
            data_id=self.data_id,
            known=self.known,
            classes=len(self.camera_models),
            seed=seed,
            camera_models=tuple(self.camera_models),
        )


class Source(Protocol):
    """A picklable recipe for photographs. Tests have their own."""

    @property
    def data_id(self) -> str:
        """The identity of the photographs."""

    def facts(self, cache: Path) -> Facts:
        """Describe the photographs without making them."""

    def build(self, cache: Path, workers: int, progress: BuildProgress, test_alone: bool = False) -> Dataset:
        """Make what is missing and open it.

        Args:
            test_alone: nothing is trained, so that test photographs are enough; a source may make all the same.
        """

    def open(self, cache: Path) -> Dataset:
        """Open what `build` made."""

    def retake(self, index: int, wanted: int) -> NDArray[np.uint8]:
        """Take test photograph `index` again with the camera of class `wanted`, its own optics kept.

        Returns:
            (H, W, 3) uint8.

        Raises:
            BenchError: `Facts.retakes` is false.
        """
