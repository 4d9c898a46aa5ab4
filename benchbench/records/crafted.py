"""A folder of crafted photographs: what an attack hands over, as files, from whoever made it.

    <folder>/manifest.json      what made them, of which photographs, and a line for each trial
             in/..., out/...    PNG or JPEG files

A trial names its file, the photograph that it was made from by the digest of its pixels, and the wanted camera model.
Whoever writes a folder with other software needs no digest of the files: `bench verify` computes them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.files import file_digest, inside, write_atomic
from benchbench.base.identity import digest
from benchbench.base.json_text import parsed

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class CraftedFile:
    """One trial: a photograph, crafted for one wanted model."""

    file: str
    """Path below the folder. A photograph that is the same for every wanted model is one file, in several trials."""
    split: str
    photograph: str
    """Its name, for people."""
    original: str
    """`pixel_digest` of the photograph that it was made from."""
    wanted: str
    """Camera model."""
    sha256: str = ""
    """Of the file; empty: not told."""


@dataclass(frozen=True, kw_only=True)
class CraftedFolder:
    """The manifest of a folder."""

    attack: dict[str, Any]
    """name, title, knowledge; version and params where it was made by benchbench."""
    dataset: str
    data_id: str
    profile: str
    protocol: dict[str, Any]
    files: tuple[CraftedFile, ...]

    def content(self, folder: Path) -> str:
        """Return the digest of all files and of what each stands for: the identity of who is behind them.

        Raises:
            DataError: a file is missing, or is not the one that the manifest names.
        """
        lines = []
        for one in self.files:
            path = folder / one.file
            if not isinstance(one.file, str) or inside(one.file) is None:
                raise DataError(f"'{folder / MANIFEST}' names the file '{one.file}', which is not in its folder.")
            if not path.is_file():
                raise DataError(f"'{path}' is missing; '{folder / MANIFEST}' names it.")
            found = file_digest(path)
            if one.sha256 not in ("", found):
                raise DataError(f"'{path}' is not the file that the manifest names: its sha256 is {found[:16]}...")
            lines.append([one.original, one.wanted, found])
        return digest("crafted", sorted(lines))


def pixel_digest(picture: NDArray[np.uint8]) -> str:
    """Return the sha256 of a photograph's pixels, (H, W, 3) uint8, rows from the top, as 64 hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def write_manifest(folder: Path, manifest: CraftedFolder) -> Path:
    """Write the manifest of a folder and return its path."""
    whole = asdict(manifest)
    files = ",\n  ".join(json.dumps(one) for one in whole.pop("files"))
    head = json.dumps({"format": FORMAT} | whole, indent=1)[:-2]
    path = folder / MANIFEST
    write_atomic(path, f'{head},\n "files": [\n  {files}\n ]\n}}\n'.encode())
    return path


def read_manifest(folder: Path) -> CraftedFolder:
    """Read the manifest of a folder.

    Raises:
        DataError: there is none, or it is not one.
    """
    path = folder / MANIFEST
    try:
        record = parsed(path.read_bytes())
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror}). `bench run --export DIR` writes one.") from None
    except ValueError as error:
        raise DataError(f"'{path}' is not JSON ({error}).") from None
    if not isinstance(record, dict) or record.pop("format", None) != FORMAT:
        raise DataError(f"'{path}' has another format; \"format\": {FORMAT} is expected.")
    try:
        files = tuple(CraftedFile(**one) for one in record.pop("files"))
        found = CraftedFolder(files=files, **record)
        found.attack["name"], found.attack["title"], found.attack["knowledge"]
    except (TypeError, KeyError) as error:
        raise DataError(f"'{path}' is not a manifest of crafted photographs ({error}).") from None
    return found
