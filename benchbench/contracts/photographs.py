"""The finished data set on disk: memory-mapped photographs with labels, opened in microseconds.

<cache>/data/<data_id>/meta.json    what it is, who the classes are, fingerprints, versions of what rendered it
                       <role>.npy   (N, H, W, 3) uint8
                       <role>.npz   camera, device, scene, name, validation, and where each JPEG file starts
                       <role>.jpegs the virtual cameras' JPEG files, end to end (absent for folders)

Where test photographs were made alone, `cameras` in meta.json holds the classes of the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.jpeg import JpegCoding, jpeg_header
from benchbench.contracts.roles import Part, Role

FORMAT = 1


@dataclass(frozen=True)
class Photos:
    """Photographs of one role.

    images: (N, H, W, 3) uint8, memory-mapped or an array. camera: class, 0 ... known - 1 are the known models.
    device: number within its model. scene: scene id, -1 unknown. All three (N,) int64. name: file names,
    Dresden style.
    """

    images: NDArray[np.uint8]
    camera: NDArray[np.int64]
    device: NDArray[np.int64]
    scene: NDArray[np.int64]
    name: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.camera)

    def subset(self, index: NDArray[Any] | list[int] | slice) -> Photos:
        """The photographs at `index` (positions, a boolean mask or a slice); a mask or positions copy their pixels."""
        names = np.array(self.name, object)[index].tolist()
        return Photos(self.images[index], self.camera[index], self.device[index], self.scene[index], tuple(names))


class Dataset:
    """A read-only handle on a finished data set; cheap to open, safe in any number of processes."""

    data_id: str
    name: str
    camera_models: tuple[str, ...]
    known: int
    size: int
    root: Path

    def __init__(self, root: Path) -> None:
        try:
            self.meta: dict[str, Any] = json.loads((root / "meta.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise DataError(f"'{root}' holds no finished data set; build it: bench data build.") from None
        if self.meta["format"] > FORMAT:
            raise DataError(
                f"'{root}' has format {self.meta['format']}; this benchbench reads up to {FORMAT}. Upgrade benchbench."
            )
        self.root = root
        self.data_id = self.meta["data_id"]
        self.name = self.meta["name"]
        self.camera_models = tuple(self.meta["camera_models"])
        self.known = self.meta["known"]
        self.size = self.meta["size"]

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.data_id}, {len(self.camera_models)} models, {self.size} px)"

    def photos(self, role: Role, part: Part = "all", known_only: bool = False) -> Photos:
        """The photographs of a role; `part` is the 90 / 10 split by image within each class.

        The whole role and its known models stay memory-mapped; a part is copied into memory.
        """
        labels = self.labels(role)
        count = len(labels["camera"])
        # An empty role has no bytes to map.
        images = np.load(self.root / f"{role}.npy", mmap_mode="r" if count else None)
        photos = Photos(images, labels["camera"], labels["device"], labels["scene"], tuple(labels["name"].tolist()))
        keep = np.ones(count, bool)
        if part != "all":
            keep &= labels["validation"] == (part == "validation")
        if known_only:
            keep &= photos.camera < self.known
        kept = int(keep.sum())
        # Classes lie in order, so the known models come first: a slice keeps them memory-mapped.
        return photos.subset(slice(0, kept) if keep[:kept].all() else keep)

    @property
    def whole(self) -> bool:
        """Whether the photographs of all roles are there, and not test photographs alone."""
        return not self.meta.get("cameras")

    def classes(self, role: Role) -> NDArray[np.int64]:
        """The class of each photograph of a role, (N,), whether its pixels are there or not."""
        if role in self.meta.get("cameras", {}):
            return np.array(self.meta["cameras"][role], np.int64)
        found: NDArray[np.int64] = self.labels(role)["camera"]
        return found

    def require(self, *roles: Role) -> None:
        """Raise DataError if one of the roles has no photographs."""
        for role in roles:
            if not len(self.labels(role)["camera"]):
                raise DataError(f"data set '{self.name}' has no photographs for role '{role}'.")

    @property
    def scenes_apart(self) -> bool:
        """Whether no two roles may show one scene: so it is for virtual cameras, and for folders split by scene."""
        return self.meta.get("source") != "folder" or self.meta["split_rule"] == "scene"

    @property
    def warning(self) -> str:
        """A sentence that every caption has to hold, or nothing."""
        return str(self.meta.get("warning", ""))

    def labels(self, role: Role) -> dict[str, NDArray[Any]]:
        """The label arrays of a role, without touching its pixels.

        Raises:
            DataError: test photographs were made alone.
        """
        if role in self.meta.get("cameras", {}):
            raise DataError(f"of '{self.name}' only the test photographs were made; make all with: bench data build.")
        if role not in self._labels:
            with np.load(self.root / f"{role}.npz") as file:
                self._labels[role] = {key: file[key] for key in file.files}
        return self._labels[role]

    def jpeg(self, role: Role, index: int) -> bytes | None:
        """The JPEG file of a photograph as its virtual camera wrote it; None for a folder of real ones."""
        path = self.root / f"{role}.jpegs"
        if not path.is_file():
            return None
        start, stop = (int(v) for v in self.labels(role)["jpeg"][index : index + 2])
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def jpeg_codings(self) -> dict[int, JpegCoding]:
        """How each known camera model compresses, by class; one of which q has no JPEG file is left out."""
        kept = self.meta.get("jpeg")
        if kept is not None:
            return {
                int(c): JpegCoding(tuple((int(h), int(v)) for h, v in j["sampling"]), tuple(map(tuple, j["tables"])))
                for c, j in kept.items()
            }
        camera = self.labels("q")["camera"]
        found = {}
        for c in range(self.known):
            rows = np.flatnonzero(camera == c)
            header = jpeg_header(self.jpeg("q", int(rows[0])) or b"") if len(rows) else None
            if header is not None:
                found[c] = header.coding
        return found

    def fingerprint(self, role: Role) -> str:
        """sha256 over the pixels and labels of a role, taken when it was built."""
        return str(self.meta["fingerprints"][role])

    @cached_property
    def _labels(self) -> dict[Role, dict[str, NDArray[Any]]]:
        return {}
