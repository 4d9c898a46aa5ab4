"""The layout of the Dresden image database."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar

from benchbench.contracts.layout import Folder, PathLayout, Reading

_SAME_MODEL = {"Nikon_D70s": "Nikon_D70"}  # one camera, two names [R]
_MOST_DIGITS = 3
"""Of a device: more are a date, as in IMG_20200101_120000.jpg."""
SCENES = "dresden.csv"


class Dresden(PathLayout):
    """Names as in the Dresden image database: <Make>_<Model>_<device>_<number>.JPG, in any folders, each name once."""

    pattern = "<Make>_<Model>_<device>_<number>.JPG"
    same_models: ClassVar[Mapping[str, str]] = {"NIKON D70s": "NIKON D70"}

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`. Parsed from the right: makes and models hold underscores; scenes are not said."""
        parts = PurePosixPath(path).stem.rsplit("_", 2)
        if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal():
            return None
        make, underscore, rest = parts[0].strip("_").partition("_")
        if len(parts[1]) > _MOST_DIGITS or not make or not underscore or not rest:
            return None
        model = _SAME_MODEL.get(parts[0], parts[0])
        return model, parts[1] if model == parts[0] else f"{parts[0]}_{parts[1]}", None

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`; of copies in nested folders the first counts, and dresden.csv says scenes."""
        found = super().read(folder)
        first: dict[str, str] = {}
        entries = []
        scenes = _scenes(folder.root / SCENES)
        for entry in sorted(found.entries, key=lambda e: e.path.count("/")):
            name = PurePosixPath(entry.path).name
            if name not in first:
                first[name] = entry.path
                entries.append(replace(entry, scene=scenes.get(name)))
            elif (folder.root / entry.path).stat().st_size == (folder.root / first[name]).stat().st_size:
                found.aside.setdefault("are copies of others, in nested folders", []).append(entry.path)
            else:
                found.wrong[entry.path] = f"has the name of '{first[name]}' and other content"
        return Reading(entries, found.wrong, found.aside)


def _scenes(file: Path) -> dict[str, str]:
    """The scene of each file name, position and motive, where the database's own table lies in the folder."""
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = list(csv.DictReader(text))
    columns = list(rows[0]) if rows else []

    def column(word: str) -> str:
        return next((c for c in columns if isinstance(c, str) and word in c.lower()), "")

    name, parts = column("file"), [column("position"), column("motiv")]
    if not name or not all(parts):
        return {}
    return {PurePosixPath(row[name] or "").name: "/".join(row[part] or "" for part in parts) for row in rows}
