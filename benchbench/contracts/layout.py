"""What the layout of a folder of photographs is: how its files say camera model, device and scene."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchbench.contracts.registry import Registry

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
"""Of the files that count as photographs, in small letters."""


@dataclass(frozen=True)
class PhotoFile:
    """A photograph of a folder. path: relative, with slashes; device: its name, unique within the model; scene:
    a name or None.
    """

    path: str
    model: str
    device: str
    scene: str | None = None


Reading = tuple[list[PhotoFile], dict[str, str]]
"""The photographs, and by path what is wrong with the others: 'has no device in manifest.csv'."""


def photographs(root: Path, excluded: Collection[str] = ()) -> list[str]:
    """Return the paths of all photographs under a folder, relative, with slashes, sorted."""
    found = (file.relative_to(root).as_posix() for file in root.rglob("*") if file.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if path not in excluded)


class Layout(ABC):
    """How a folder is laid out; the entry point's name is its name, and it has no parameters.

    Most layouts name each file by a rule and derive from `PathLayout`, which is easier.
    """

    SAID: ClassVar[float] = 2.0
    """What `matches` returns where the folder itself says that it is laid out so: more than any share."""

    @abstractmethod
    def matches(self, root: Path) -> float:
        """Return the share of the photographs that this layout can place, 0 to 1, or `SAID`.

        The layout with the highest share reads the folder. Look at names alone; no file is opened for its pixels.
        """

    @abstractmethod
    def read(self, root: Path, excluded: Collection[str]) -> Reading:
        """Return the folder's photographs, and the end of a sentence on each that cannot be placed.

        Args:
            root: a folder that exists.
            excluded: relative paths, with slashes, that the user leaves out.

        Raises:
            DataError: the folder as a whole cannot be read.
        """


class PathLayout(Layout):
    """A layout that places each photograph by its path alone."""

    pattern: ClassVar[str]
    """How files are named, for people: '<model>/<device>/<number>.jpg'."""

    @abstractmethod
    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """Return (model, device, scene or None) of a relative path with slashes, or None for another file.

        The device is named uniquely within its model. Two photographs of one scene name it alike.
        """

    def matches(self, root: Path) -> float:
        """See `Layout.matches`."""
        paths = photographs(root)
        return sum(self.place(path) is not None for path in paths) / max(1, len(paths))

    def read(self, root: Path, excluded: Collection[str]) -> Reading:
        """See `Layout.read`."""
        entries, wrong = [], {}
        for path in photographs(root, excluded):
            placed = self.place(path)
            if placed is None:
                wrong[path] = f"is not named {self.pattern}"
            else:
                entries.append(PhotoFile(path, *placed))
        return entries, wrong


LAYOUTS: Registry[Layout] = Registry("layout", "benchbench.layouts", Layout)
