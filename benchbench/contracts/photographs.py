"""The finished data set on disk: memory-mapped photographs with labels, opened in microseconds.

<cache>/data/<data_id>/meta.json    what it is, who the classes are, fingerprints, versions of what rendered it
                       <role>.npy   (N, H, W, 3) uint8
                       <role>.npz   camera, device, scene, name, validation, and where each JPEG file starts
                       <role>.jpegs the virtual cameras' JPEG files, end to end (absent for folders)

Where test photographs were made alone, `cameras` in meta.json holds the classes of the others.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from benchbench.base import reach
from benchbench.base.errors import DataError
from benchbench.base.jpeg import MAKE, MODEL, CameraFile, JpegCoding, exif_text, jpeg_header
from benchbench.base.json_text import parsed
from benchbench.contracts.roles import Part, Role

FORMAT = 1
_VERIFIED: set[tuple[object, ...]] = set()
_KEYS = {
    "format": int,
    "data_id": str,
    "name": str,
    "camera_models": list,
    "known": int,
    "size": int,
    "fingerprints": dict,
    "recipe": dict,
}
"""What meta.json says at least."""
_MAYBE = {"content": str, "jpeg": dict, "source": str, "split_rule": str, "warning": str}
"""What it may say beside `cameras`, or null."""


class DamagedError(DataError):
    """Photographs in the cache that are not what was written there."""


def _damaged(root: Path, why: str) -> DamagedError:
    return DamagedError(f"the photographs in '{root}' are damaged ({why})")


def _classes_by_role(value: object) -> bool:
    lists = list(value.values()) if isinstance(value, dict) else [None]
    return all(isinstance(one, list) and all(type(c) is int and 0 <= c < 2**31 for c in one) for one in lists)


@dataclass(frozen=True)
class Photos:
    """Photographs of one role.

    images: (N, H, W, 3) uint8, memory-mapped or an array. camera: class, 0 ... known - 1 are the known models.
    device: number within its model. scene: scene id, -1 unknown. All three (N,) int64. name: file names,
    Dresden style. renamable: somebody else may have given the files other names, as in a user's folder.
    """

    images: NDArray[np.uint8]
    camera: NDArray[np.int64]
    device: NDArray[np.int64]
    scene: NDArray[np.int64]
    name: tuple[str, ...]
    renamable: bool = False

    def __len__(self) -> int:
        return len(self.camera)

    def subset(self, index: NDArray[Any] | list[int] | slice) -> Photos:
        """The photographs at `index` (positions, a boolean mask or a slice); a mask or positions copy their pixels."""
        names = np.array(self.name, object)[index].tolist()
        rows = self.images[index], self.camera[index], self.device[index], self.scene[index]
        return Photos(*rows, tuple(names), self.renamable)


class Dataset:
    """A read-only handle on a finished data set; cheap to open, safe in any number of processes."""

    data_id: str
    name: str
    camera_models: tuple[str, ...]
    known: int
    size: int
    root: Path

    def __init__(self, root: Path) -> None:
        reach.check("the data set")
        try:
            self.meta: dict[str, Any] = parsed((root / "meta.json").read_bytes())
        except OSError:
            raise DataError(f"'{root}' holds no finished data set; build it: bench data build.") from None
        except ValueError as error:
            raise _damaged(root, str(error)) from None
        told = self.meta if isinstance(self.meta, dict) else {}
        lacking = [key for key, kind in _KEYS.items() if not isinstance(told.get(key), kind)]
        if lacking:
            raise _damaged(root, f"meta.json says no {lacking[0]}")
        odd = [key for key, kind in _MAYBE.items() if not isinstance(told.get(key), (kind, type(None)))]
        if odd or not _classes_by_role(told.get("cameras", {})):
            raise _damaged(root, f"meta.json says something else as {(*odd, 'cameras')[0]}")
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
        self.content: str | None = self.meta.get("content")
        """The identity of pixels and labels, where it was noted."""

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.data_id}, {len(self.camera_models)} models, {self.size} px)"

    def photos(self, role: Role, part: Part = "all", known_only: bool = False) -> Photos:
        """The photographs of a role; `part` is the 90 / 10 split by image within each class.

        The whole role and its known models stay memory-mapped; a part is copied into memory.
        """
        labels = self.labels(role)
        count = len(labels["camera"])
        try:
            # An empty role has no bytes to map.
            images = np.load(self.root / f"{role}.npy", mmap_mode="r" if count else None)
        except (OSError, ValueError, EOFError) as error:
            raise _damaged(self.root, f"{role}.npy: {error}") from error
        if images.shape != (count, self.size, self.size, 3) or images.dtype != np.uint8:
            raise _damaged(self.root, f"{role}.npy holds {images.dtype} {images.shape}")
        names = tuple(labels["name"].tolist())
        # A folder that holds what virtual cameras took has their identity.
        renamable = self.content == self.data_id
        photos = Photos(images, labels["camera"], labels["device"], labels["scene"], names, renamable)
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
        return self.meta.get("source") != "folder" or self.meta.get("split_rule") == "scene"

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
            try:
                with np.load(self.root / f"{role}.npz") as file:
                    self._labels[role] = {key: file[key] for key in file.files}
            except (OSError, ValueError, EOFError, BadZipFile) as error:
                raise _damaged(self.root, f"{role}.npz: {error}") from error
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

    def camera_files(self) -> dict[int, CameraFile]:
        """How each known camera model writes its files, by class; one of which q has no JPEG file is left out."""
        kept = self.meta.get("jpeg")
        if kept is not None:
            found = {}
            for c, facts in kept.items():
                sampling = tuple((int(h), int(v)) for h, v in facts["sampling"])
                coding = JpegCoding(sampling, tuple(tuple(table) for table in facts["tables"]))
                found[int(c)] = CameraFile(coding, facts["make"], facts["model"])
            return found
        camera = self.labels("q")["camera"]
        found = {}
        for c in range(self.known):
            rows = np.flatnonzero(camera == c)
            header = jpeg_header(self.jpeg("q", int(rows[0])) or b"") if len(rows) else None
            if header is not None:
                found[c] = CameraFile(header.coding, *exif_text(header.exif, MAKE, MODEL))
        return found

    def jpeg_codings(self) -> dict[int, JpegCoding]:
        """How each known camera model compresses, by class; see `camera_files`."""
        return {c: file.coding for c, file in self.camera_files().items()}

    def verify(self, role: Role) -> None:
        """Compare the pixels and labels of a role with their fingerprint; each state of the files once a process.

        Raises:
            DamagedError: they are others, or cannot be read.
        """
        files = [self.root / f"{role}.{kind}" for kind in ("npy", "npz")]
        try:
            state = (str(self.root), role, *(path.stat().st_mtime_ns for path in files))
        except OSError as error:
            raise _damaged(self.root, f"{error.filename} is missing") from error
        if state in _VERIFIED:
            return
        labels, images, found = self.labels(role), self.photos(role).images, hashlib.sha256()
        for start in range(0, len(images), 64):
            found.update(np.ascontiguousarray(images[start : start + 64]).data)
        try:
            for key in ("camera", "device", "scene", "validation"):
                found.update(labels[key].tobytes())
        except KeyError as error:
            raise _damaged(self.root, f"{role}.npz has no {error}") from error
        if found.hexdigest() != self.meta["fingerprints"].get(role):
            raise _damaged(self.root, f"the pixels or labels of {role} are not what was written")
        _VERIFIED.add(state)

    def fingerprint(self, role: Role) -> str:
        """sha256 over the pixels and labels of a role, taken when it was built."""
        return str(self.meta["fingerprints"][role])

    @cached_property
    def _labels(self) -> dict[Role, dict[str, NDArray[Any]]]:
        return {}
