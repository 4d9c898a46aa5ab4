"""The layout of the Dresden image database."""

from __future__ import annotations

from pathlib import Path

from benchbench.contracts.layout import PathLayout

_SAME_MODEL = {"Nikon_D70s": "Nikon_D70"}  # one camera, two names [R]


class Dresden(PathLayout):
    """Names as in the Dresden image database: <Make>_<Model>_<device>_<number>.JPG, in any folders."""

    pattern = "<Make>_<Model>_<device>_<number>.JPG"

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`. Parsed from the right: makes and models hold underscores; scenes are not said."""
        parts = Path(path).stem.rsplit("_", 2)
        if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal() or not parts[0].strip("_"):
            return None
        model = _SAME_MODEL.get(parts[0], parts[0])
        return model, parts[1] if model == parts[0] else f"{parts[0]}_{parts[1]}", None
