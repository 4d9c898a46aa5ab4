"""The layout of CSAFE's multi-camera smartphone image database."""

from __future__ import annotations

from typing import ClassVar

from benchbench.contracts.layout import PathLayout, folders

_KINDS, _LENSES = ("natural", "blank"), ("front", "telephoto", "ultra", "wide")


class Csafe(PathLayout):
    """CSAFE MCSIDB: <model>/<device>/natural/<lens>/*.JPG; a class is a model and a lens, blank ones are left out."""

    pattern = "<model>/<device>/natural/<lens>/<file>.JPG"
    class_is_model: ClassVar[bool] = False

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`; scenes are not said."""
        parts = folders(path)
        if len(parts) < 4 or parts[-2] != "natural" or parts[-1] not in _LENSES:
            return None
        return f"{parts[-4]}_{parts[-1]}", parts[-3], None

    def leave(self, path: str) -> str:
        """See `PathLayout.leave`."""
        parts = folders(path)
        blank = len(parts) >= 4 and parts[-2] == "blank" and parts[-1] in _LENSES
        return "are blank, for sensor noise" if blank else ""
