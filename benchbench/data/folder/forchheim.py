"""The layout of the Forchheim image database."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from benchbench.contracts.layout import PathLayout, folders

_DEVICE = re.compile(r"(D\d\d)_(.+)_\d+")
_NAME = re.compile(r"D\d\d_img_[a-zA-Z]+_(\d+)")
_SOCIAL = ("facebook", "instagram", "telegram", "twitter", "whatsapp")


class Forchheim(PathLayout):
    """Forchheim (FODB): Dxx_Make_Model_n/orig/Dxx_img_orig_<scene>.jpg; copies from social networks are left out."""

    pattern = "Dxx_<Make>_<Model>_<n>/orig/Dxx_img_orig_<scene>.jpg"

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`; the number is the scene, which all devices took."""
        parts = folders(path)
        name = _NAME.fullmatch(PurePosixPath(path).stem)
        match = _DEVICE.fullmatch(parts[-2]) if len(parts) > 1 else None
        return (match[2], match[1], name[1]) if match and name and parts[-1] == "orig" else None

    def leave(self, path: str) -> str:
        """See `PathLayout.leave`."""
        parts = folders(path)
        social = len(parts) > 1 and parts[-1] in _SOCIAL and _DEVICE.fullmatch(parts[-2])
        return "went through a social network" if social else ""
