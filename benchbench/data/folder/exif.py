"""The layout of last resort: what each photograph's own EXIF says."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from benchbench.base.jpeg import MAKE, MODEL, SERIAL, exif_text, jpeg_header
from benchbench.contracts.layout import Folder, Layout, PhotoFile, Reading

_HEAD = 1 << 18
"""Bytes of a file that hold its header."""
_LOOKED_AT = 20


class Exif(Layout):
    """Last resort: make, model and serial number of each photograph's EXIF, where names say nothing."""

    note: ClassVar[str] = (
        "names say nothing, so models are what EXIF says, which anybody can edit; one device a model where it has no "
        "serial numbers"
    )

    def matches(self, folder: Folder) -> float:
        """See `Layout.matches`: nothing rather than anything, if some of the first photographs have EXIF."""
        first = folder.photographs[:_LOOKED_AT]
        return self.LAST if any(camera(folder.root / path)[0] for path in first) else 0.0

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`; headers alone are read."""
        found = Reading([])
        for path in folder.photographs:
            model, serial = camera(folder.root / path)
            if model:
                found.entries.append(PhotoFile(path, model, serial or "0"))
            else:
                found.wrong[path] = "has no EXIF that says its camera model"
        return found


def camera(file: Path) -> tuple[str, str]:
    """Return (make_model, serial number) by a JPEG file's EXIF; '' for what it does not say."""
    try:
        with file.open("rb") as opened:
            header = jpeg_header(opened.read(_HEAD))
    except OSError:
        header = None
    if header is None or not header.exif:
        return "", ""
    make, model, serial = exif_text(header.exif, MAKE, MODEL, SERIAL)
    return named(make, model), serial


def named(make: str, model: str) -> str:
    """Return the name of a camera model with its make once: ('Canon', 'Canon PowerShot S20') is Canon_PowerShot_S20."""
    first = make.split(" ")[0].rstrip(",")
    whole = model if model.lower().startswith(first.lower()) else f"{first} {model}"
    return "_".join(whole.split()) if model else ""
