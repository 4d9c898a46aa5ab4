"""The layout of the VISION data set."""

from __future__ import annotations

import re

from benchbench.contracts.layout import PathLayout, folders

_DEVICE = re.compile(r"(D\d\d)[_ ](.+)")
_KINDS = {
    "nat": "",
    "flat": "are flat fields, for sensor noise",
    "natFBH": "went through a social network",
    "natFBL": "went through a social network",
    "natWA": "went through a social network",
}


class Vision(PathLayout):
    """VISION: Dxx_Brand_Model/images/nat/*.jpg; flat fields and copies from social networks are left out."""

    pattern = "Dxx_<Brand>_<Model>/images/nat/<name>.jpg"

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`; names are not looked at, because those from social networks follow no rule."""
        found = _found(path)
        return (found[1], found[0], None) if found is not None and found[2] == "nat" else None

    def leave(self, path: str) -> str:
        """See `PathLayout.leave`."""
        found = _found(path)
        return _KINDS[found[2]] if found is not None else ""


def _found(path: str) -> tuple[str, str, str] | None:
    """Device, model and kind of photographs, or None."""
    parts = folders(path)
    if len(parts) < 2 or parts[-1] not in _KINDS:
        return None
    above = parts[-3] if parts[-2] == "images" and len(parts) > 2 else parts[-2]
    match = _DEVICE.fullmatch(above)
    return (match[1], "_".join(match[2].split()), parts[-1]) if match else None
