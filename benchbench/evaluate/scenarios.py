"""The built-in scenarios: photographs by known, unknown and drawn camera models, and pictures that no camera took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from benchbench.base.identity import digest
from benchbench.contracts.scenario import NO_CAMERA, Scenario
from benchbench.contracts.section import Section

if TYPE_CHECKING:
    from benchbench.contracts.fit import Fit, Setup
    from benchbench.contracts.photographs import Dataset, Photos
    from benchbench.contracts.source import Facts


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


class UnseenRecipe(Section):
    """The photographs of `Unseen`. each: of a camera model."""

    each: Annotated[int, Field(ge=1)] = 20


class Unseen(Scenario):
    """Photographs by thirty camera models that nobody was trained on: the unknown ones, and drawn ones beside them.

    As many as clustering is asked about by Chen et al. 2020 (SiamTE), section 4.2.
    """

    name = "unseen"
    text = "photographs by camera models that nobody was trained on, unknown and drawn ones"
    photographs = False
    MODELS: ClassVar[int] = 30

    def classes(self, known: int, classes: int) -> Sequence[int]:
        """Return the unknown ones, and numbers from `classes` on for those that are drawn."""
        return range(known, max(classes, known + self.MODELS))

    def why_not(self, facts: Facts) -> str:
        """Say that real photographs have no drawn models beside them."""
        return "" if facts.retakes else "camera models can be drawn beside virtual ones alone"

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the fit of the photographs by drawn models."""
        from benchbench.synthesis.fits import drawn_photographs

        drawn = max(0, self.MODELS - (setup.classes - setup.known))
        return {"drawn": drawn_photographs("unseen test", drawn, self._each(setup), 0)}

    def true(self, setup: Setup, camera: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the models: of as many test photographs of each unknown one, then of the drawn ones'."""
        each = self._each(setup)
        drawn = np.arange(setup.classes, self.classes(setup.known, setup.classes)[-1] + 1)
        return np.concatenate([camera[_first(camera, setup.known, each)], np.repeat(drawn, each)])

    def pictures(self, dataset: Dataset, made: Mapping[str, Any]) -> Photos:
        """Return the photographs; scenes that drawn models took are not numbered."""
        from benchbench.contracts.photographs import Photos

        images, model = made["drawn"]
        models, test = len(dataset.camera_models), dataset.photos("test")
        kept = _first(test.camera, dataset.known, int((model == 0).sum()))
        names = [test.name[i] for i in kept] + [f"drawn_{m}_{i}.png" for i, m in enumerate(model.tolist())]
        return Photos(
            np.concatenate([test.images[kept], images]),
            np.concatenate([test.camera[kept], models + model]),
            np.concatenate([test.device[kept], 0 * model]),
            np.concatenate([test.scene[kept], 0 * model - 1]),
            tuple(names),
            test.renamable,
        )

    def fingerprint(self, setup: Setup, dataset: Dataset) -> str:
        """Return a digest of the test photographs and of the fit that takes the others."""
        return digest("unseen", [dataset.fingerprint("test"), self.fits(setup)["drawn"].fit_id(setup.data_id)])

    def _each(self, setup: Setup) -> int:
        return setup.profile.network("unseen", UnseenRecipe).each


def _first(camera: NDArray[np.int64], known: int, each: int) -> NDArray[np.int64]:
    """Return the positions of the first `each` photographs of each camera model from `known` on."""
    return np.concatenate(
        [np.flatnonzero(camera == c)[:each] for c in np.unique(camera[camera >= known])] or [camera[:0]]
    )


class Synthetic(Scenario):
    """Pictures that no camera took, by generators of whose pictures attacker and detectors have others."""

    name = "synthetic"
    text = "synthetic pictures, by generators that detectors and attacker know"
    photographs = False
    taken = False
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
