"""The built-in scenarios: photographs by known and by unknown camera models, and pictures that no camera took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.scenario import NO_CAMERA, Scenario

if TYPE_CHECKING:
    from benchbench.contracts.fit import Fit, Setup
    from benchbench.contracts.photographs import Dataset, Photos


class Known(Scenario):
    """Photographs by camera models that the attacker knows."""

    name = "in"
    text = "in-distribution photographs"

    def classes(self, known: int, classes: int) -> Sequence[int]:
        """Return the attacker's."""
        return range(known)

    def chosen(self, true: NDArray[np.int64], known: int) -> NDArray[np.bool_]:
        """Return where the model is one of them."""
        return true < known


class Unknown(Scenario):
    """Photographs by other camera models than the attacker knows."""

    name = "out"
    text = "out-of-distribution photographs"

    def classes(self, known: int, classes: int) -> Sequence[int]:
        """Return the others."""
        return range(known, classes)

    def chosen(self, true: NDArray[np.int64], known: int) -> NDArray[np.bool_]:
        """Return where the model is one of the others."""
        return true >= known


class Synthetic(Scenario):
    """Pictures that no camera took, by generators of whose pictures attacker and detectors have others."""

    name = "synthetic"
    text = "synthetic pictures, by generators that detectors and attacker know"
    photographs = False
    off: ClassVar[bool] = False

    def classes(self, known: int, classes: int) -> Sequence[int]:
        """Return that no camera took them."""
        return (NO_CAMERA,)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the fit of the pictures."""
        from benchbench.synthesis.fits import synthetic_pictures

        return {"pictures": synthetic_pictures(setup, "test", self.off)}

    def true(self, setup: Setup, camera: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return as many times that no camera took it as there will be pictures."""
        from benchbench.synthesis.fits import count_of

        return np.full(count_of(self.fits(setup)["pictures"]), NO_CAMERA, np.int64)

    def pictures(self, dataset: Dataset, made: Mapping[str, Any]) -> Photos:
        """Return the pictures; their device is the generator."""
        from benchbench.contracts.photographs import Photos

        found = made["pictures"]
        nobody = np.full(len(found), NO_CAMERA, np.int64)
        names = tuple(f"{found.names[g]}_{i}.png" for i, g in enumerate(found.generator))
        return Photos(found.images, nobody, found.generator, nobody, names)

    def fingerprint(self, setup: Setup, dataset: Dataset) -> str:
        """Return the id of the fit that makes them."""
        return self.fits(setup)["pictures"].fit_id(setup.data_id)


class OffTraining(Synthetic):
    """Pictures that no camera took, by generators that nobody is trained on."""

    name = "off-training"
    text = "synthetic pictures, by generators that nobody is trained on"
    off = True
