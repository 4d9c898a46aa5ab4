"""Who gets which photographs: roles by device, scenes by role, training and validation by image."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.seeds import stream

if TYPE_CHECKING:
    pass


Role = Literal["q", "p", "test"]
Part = Literal["all", "train", "validation"]
SplitRule = Literal["device", "scene"]
FolderRule = Literal["device", "scene", "role", "photograph"]
"""Of real photographs, which may lack the devices that the first two need."""
ROLES: tuple[Role, ...] = ("q", "p", "test")

KNOWN_DEVICES, UNKNOWN_DEVICES = 5, 3


def role_of_device(device: int, known: bool) -> Role | None:
    """Role of the device at a place in its model's order [P, R]: known q q p p test, unknown p p test; None for
    further ones.
    """
    order: Sequence[Role] = ("q", "q", "p", "p", "test") if known else ("p", "p", "test")
    return order[device] if device < len(order) else None


def devices_of_role(role: Role, known: bool) -> tuple[int, ...]:
    """Places of the devices of a model that serve a role."""
    count = KNOWN_DEVICES if known else UNKNOWN_DEVICES
    return tuple(d for d in range(count) if role_of_device(d, known) == role)


def is_validation(camera: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Mark a tenth of each class's photographs, at least one of two, for validation; fixed by the seed and the
    class.
    """
    mark = np.zeros(len(camera), bool)
    for c in np.unique(camera):
        index = np.flatnonzero(camera == c)
        if len(index) >= 2:
            count = max(1, round(len(index) / 10))
            mark[stream(seed, "validation", int(c)).permutation(index)[:count]] = True
    return mark


def check_disjoint(
    labels: Mapping[Role, Mapping[str, NDArray[np.int64]]], rule: FolderRule, shared: Collection[int] = ()
) -> None:
    """Raise DataError if two roles share a device or, under the rule `scene`, a known scene.

    labels: for each role its arrays camera, device and scene. shared: classes whose devices may serve several roles.
    """
    pairs = {r: zip(labels[r]["camera"].tolist(), labels[r]["device"].tolist(), strict=True) for r in ROLES}
    devices = {r: {pair for pair in pairs[r] if pair[0] not in shared} for r in ROLES}
    scenes = {r: set(labels[r]["scene"].tolist()) - {-1} for r in ROLES}
    for one, other in combinations(ROLES, 2):
        if both := devices[one] & devices[other]:
            camera, device = min(both)
            raise DataError(f"roles '{one}' and '{other}' share device {device} of class {camera}.")
        if rule == "scene" and scenes[one] & scenes[other]:
            scene = min(scenes[one] & scenes[other])
            raise DataError(f"roles '{one}' and '{other}' share scene {scene}; split_rule 'scene' forbids it.")


TEST_ALONE = ".test"
"""What the folder of a data set's test photographs has after its data_id where they were made alone."""
