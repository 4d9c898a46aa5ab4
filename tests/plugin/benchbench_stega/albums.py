"""A layout: a folder a model, in it a folder a device, in it a file a scene."""

from __future__ import annotations

from pathlib import PurePosixPath

from benchbench import PathLayout


class Albums(PathLayout):
    """Folders of models and devices: <model>/<device>/<scene>.png."""

    pattern = "<model>/<device>/<scene>.png"

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        parts = PurePosixPath(path).parts
        return (parts[0], parts[1], PurePosixPath(path).stem) if len(parts) == 3 else None
