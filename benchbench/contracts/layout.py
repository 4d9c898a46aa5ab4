"""What the layout of a folder of photographs is: how its files say camera model, device and scene."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchbench.contracts.registry import Registry
from benchbench.contracts.roles import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""Of the files that count as photographs, in small letters."""
FORMATS = ("JPEG", "PNG", "TIFF")
"""What such a file may hold, by Pillow's names: for an EPS file in .jpg clothes Pillow would start Ghostscript. The
several pictures of an MPO file are a JPEG whose first one is read."""


def natural(text: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sort key of names: numbers by their value (2 before 10), then by their text, so that no two names are equal."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], text


@dataclass(frozen=True)
class Folder:
    """What lies in a folder, looked at once."""

    root: Path
    files: tuple[str, ...]
    """Paths of regular files, relative, with slashes, in natural order; without what is excluded or set aside."""
    excluded: frozenset[str] = frozenset()
    """Paths that exclude.txt names."""
    aside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Paths of what cannot be photographs of the folder, by the reason: 'are files of macOS'."""
    followed: tuple[str, ...] = ()
    """Paths of links to folders, whose files are among the others."""

    @cached_property
    def photographs(self) -> tuple[str, ...]:
        """Those of the files that are named as photographs are."""
        return tuple(path for path in self.files if path.lower().endswith(SUFFIXES))

    @cached_property
    def known(self) -> frozenset[str]:
        """The files, to look one up."""
        return frozenset(self.files)


@dataclass(frozen=True)
class PhotoFile:
    """A photograph of a folder.

    path: relative, with slashes. device: its name, unique within the model. scene: a name or None. role, known: what
    the folder itself says, or None.
    """

    path: str
    model: str
    device: str
    scene: str | None = None
    role: Role | None = None
    known: bool | None = None


@dataclass(frozen=True)
class Reading:
    """What a layout makes of a folder; together the three hold each of its photographs once."""

    entries: list[PhotoFile]
    wrong: dict[str, str] = field(default_factory=dict)
    """By path, the end of a sentence on what somebody has to put right: 'has no device in manifest.csv'."""
    aside: dict[str, list[str]] = field(default_factory=dict)
    """Paths that the layout leaves out on purpose, by the end of a sentence: 'are not named in manifest.csv'."""


class Layout(ABC):
    """How a folder is laid out; the entry point's name is its name, and it has no parameters.

    Most layouts name each file by a rule and derive from `PathLayout`, which is easier.
    """

    SAID: ClassVar[float] = 2.0
    """What `matches` returns where the folder itself says that it is laid out so: more than any share."""
    LAST: ClassVar[float] = 1e-9
    """What `matches` returns where the layout can read the folder, and any other should rather."""

    note: ClassVar[str] = ""
    """What `bench data check` says beside the layout's name."""
    same_models: ClassVar[Mapping[str, str]] = {}
    """EXIF models that are one camera model under two names."""
    class_is_model: ClassVar[bool] = True
    """Whether a class is a camera model, so that EXIF can contradict it; False where it is model and lens."""

    @abstractmethod
    def matches(self, folder: Folder) -> float:
        """Return the share of the photographs that this layout can place, 0 to 1, or `SAID` or `LAST`.

        The layout with the highest share reads the folder. Look at names alone; no file is opened for its pixels.
        """

    @abstractmethod
    def read(self, folder: Folder) -> Reading:
        """Return the folder's photographs, what cannot be placed, and what is left out.

        Raises:
            DataError: the folder as a whole cannot be read.
        """

    def pixels(self, file: Path) -> NDArray[np.uint8] | None:
        """Return the pixels of a file that is no image file, (H, W, 3) uint8; None: it is one.

        Raises:
            ValueError: the file holds no photograph; the text ends a sentence about it.
        """
        return None


class PathLayout(Layout):
    """A layout that places each photograph by its path alone."""

    pattern: ClassVar[str]
    """How files are named, for people: '<model>/<device>/<number>.jpg'."""

    @abstractmethod
    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """Return (model, device, scene or None) of a relative path with slashes, or None for another file.

        The device is named uniquely within its model. Two photographs of one scene name it alike.
        """

    def leave(self, path: str) -> str:
        """Return why a path is left out ('carry no label'), or nothing: it is asked of those without a place too."""
        return ""

    def matches(self, folder: Folder) -> float:
        """See `Layout.matches`; what the layout leaves out neither counts for it nor against it."""
        paths = [path for path in folder.photographs if not self.leave(path)]
        return sum(self.place(path) is not None for path in paths) / max(1, len(paths))

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`."""
        found = Reading([])
        for path in folder.photographs:
            if reason := self.leave(path):
                found.aside.setdefault(reason, []).append(path)
            elif (placed := self.place(path)) is None:
                found.wrong[path] = f"is not named {self.pattern}"
            else:
                found.entries.append(PhotoFile(path, *placed))
        return found


def folders(path: str) -> tuple[str, ...]:
    """Return the names of the folders that a relative path leads through."""
    return tuple(path.split("/")[:-1])


def stem(path: str) -> str:
    """Return the name of a file without its suffix; a tenth of what a Path would cost, for thousands of files."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


LAYOUTS: Registry[Layout] = Registry("layout", "benchbench.layouts", Layout)
