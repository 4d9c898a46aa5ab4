"""What a scenario is: which pictures are attacked, and what is wanted of them. `in`, `out`, and others by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    from benchbench.contracts.fit import Fit, Setup
    from benchbench.contracts.photographs import Dataset, Photos
    from benchbench.contracts.source import Facts

NO_CAMERA = -1
"""The true class of a picture that no camera took."""


class Scenario(ABC):
    """Which pictures are attacked; registered under the entry points `benchbench.scenarios`.

    Each is wanted as the camera models that the attacker knows and that did not take it. The name is a part of
    identities, and so are the fits that make the pictures.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    """For captions, e.g. 'photographs by camera models that the attacker knows'."""
    photographs: ClassVar[bool] = True
    """Whether these are test photographs of the data set, by their positions in it."""
    taken: ClassVar[bool] = True
    """Whether cameras took them."""

    @abstractmethod
    def classes(self, known: int, classes: int) -> Sequence[int]:
        """Return the true classes, ascending; none where the data set has no such pictures.

        Args:
            known: camera models that the attacker knows.
            classes: camera models in all. Numbers from there on are models that the data set does not have.
        """

    def why_not(self, facts: Facts) -> str:
        """Return why there are no such pictures beside these photographs, as a sentence's end; '' where there are."""
        return ""

    def chosen(self, true: NDArray[np.int64], known: int) -> NDArray[np.bool_]:
        """Return which of the pictures are attacked, by their true classes, (N,)."""
        return np.ones(len(true), bool)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return what must be computed before the pictures are there."""
        return {}

    def true(self, setup: Setup, camera: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the true class of each picture, which need not exist yet.

        Args:
            camera: the classes of the test photographs.
        """
        return camera

    def pictures(self, dataset: Dataset, made: Mapping[str, Any]) -> Photos:
        """Return the pictures.

        Args:
            made: loaded results of the fits.
        """
        return dataset.photos("test")

    def fingerprint(self, setup: Setup, dataset: Dataset) -> str:
        """Return what tells these pictures from all others: records with one fingerprint are of the same ones."""
        return dataset.fingerprint("test")


SCENARIOS: Registry[Scenario] = Registry("scenario", "benchbench.scenarios", Scenario, "--split")


def scenario_fits(name: str, setup: Setup) -> dict[str, str]:
    """Return the fit ids of the scenario called `name`, by their names; a part of identities where there are any."""
    return {key: fit.fit_id(setup.data_id) for key, fit in SCENARIOS.create(name).fits(setup).items()}


def split_identity(name: str, fits: Mapping[str, str]) -> str:
    """Return what identities hold of a scenario: its name, and the ids of the fits that make its pictures."""
    return "/".join([name, *(f"{key}={fits[key]}" for key in sorted(fits))])
