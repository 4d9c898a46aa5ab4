"""The layout of the IEEE Signal Processing Cup 2018, as Kaggle gives it out."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from benchbench.contracts.layout import PathLayout, folders

_NAME = re.compile(r"\((.+)\)\d+")
_TEST = re.compile(r"img_[0-9a-f]+_(manip|unalt)")


class Kaggle(PathLayout):
    """Kaggle SP Cup 2018: train/<model>/(<model>)<n>.jpg, one device a model; test/ carries no label."""

    pattern = "train/<model>/(<model>)<n>.jpg"

    def place(self, path: str) -> tuple[str, str, str | None] | None:
        """See `PathLayout.place`; every photograph of a model is of one device."""
        parts, name = folders(path), _NAME.fullmatch(PurePosixPath(path).stem)
        return (parts[-1], "0", None) if parts and name and name[1] == parts[-1] else None

    def leave(self, path: str) -> str:
        """See `PathLayout.leave`."""
        return "carry no label, as all of test/" if _TEST.fullmatch(PurePosixPath(path).stem) else ""
