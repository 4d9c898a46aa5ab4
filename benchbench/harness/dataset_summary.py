"""dataset.json: what a run's photographs are, and what test photographs share with those that anything trains on."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchbench.base.errors import StoreError
from benchbench.base.files import file_name
from benchbench.contracts.profile import Profile
from benchbench.records.dataset import DatasetSummary, read_summary, summary_path, write_summary

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.roles import Role

ROLES: tuple[Role, ...] = ("q", "p", "test")


def write_dataset_json(
    dataset: Dataset, profile: Profile, results: Path, shared: Mapping[str, int | None] | None = None
) -> None:
    """Write dataset.json, what the table of photographs shows, beside the cells.

    Args:
        shared: what `shared_with_test` found of these photographs elsewhere; None: look here.
    """
    path = summary_path(results / file_name(dataset.name) / file_name(profile.name), dataset.data_id)
    shared = shared if shared is not None else _known_shared(path, dataset.data_id)
    summary = DatasetSummary.of(
        name=dataset.name,
        data_id=dataset.data_id,
        camera_models=dataset.camera_models,
        known=dataset.known,
        size=dataset.size,
        labels={role: dataset.classes(role) for role in ROLES},
        shared=dict(shared) if shared is not None else shared_with_test(dataset),
        warning=dataset.warning,
    )
    write_summary(path, summary)


def _known_shared(path: Path, data_id: str) -> dict[str, int | None] | None:
    """Return what an earlier run found, so that the pixels are read once."""
    try:
        found = read_summary(path)
    except StoreError:
        return None  # it is written again
    return found.shared if found is not None and found.data_id == data_id else None


def shared_with_test(dataset: Dataset) -> dict[str, int | None]:
    """Count the pictures, devices and scenes that test photographs share with those of q or p, from the pixels up.

    A device belongs to its camera model. Scenes are None where the data set does not know them, or where its split
    rule lets devices alone decide.
    """
    pictures: dict[str, set[Hashable]] = {}
    devices: dict[str, set[Hashable]] = {}
    scenes: dict[str, set[Hashable]] = {}
    for role in ROLES:
        photos = dataset.photos(role)
        pictures[role] = {hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in photos.images}
        devices[role] = set(zip(photos.camera.tolist(), photos.device.tolist(), strict=True))
        scenes[role] = set(photos.scene.tolist())

    def both(found: Mapping[str, set[Hashable]]) -> int:
        return len(found["test"] & (found["q"] | found["p"]))

    known = all(-1 not in found for found in scenes.values())
    return {
        "pictures": both(pictures),
        "devices": both(devices),
        "scenes": both(scenes) if known and dataset.scenes_apart else None,
    }
