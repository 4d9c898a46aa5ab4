"""The layout of SOCRatES."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from benchbench.base.errors import DataError
from benchbench.contracts.layout import Folder, Layout, PhotoFile, Reading
from benchbench.data.folder.table import read_table

MODELS = "devices.csv"
_NAME = re.compile(r"Eurecom_(.+)_pic(BG|FG)_\d+", re.IGNORECASE)


class Socrates(Layout):
    """SOCRatES: Eurecom_<device>_picFG_<n>.jpg, and a devices.csv that says each device's camera_model."""

    def matches(self, folder: Folder) -> float:
        """See `Layout.matches`."""
        names = [_NAME.fullmatch(PurePosixPath(path).stem) for path in folder.photographs]
        return sum(name is not None for name in names) / max(1, len(names))

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`; backgrounds, taken for sensor noise, are left out.

        Raises:
            DataError: no devices.csv, or one without the columns.
        """
        file = folder.root / MODELS
        if not file.is_file():
            raise DataError(
                f"'{folder.root}' is laid out as SOCRatES, whose names do not say camera models; "
                f"write them into {MODELS}: columns device, camera_model."
            )
        models = {row["device"]: row["camera_model"] for _, row in read_table(file, ("device", "camera_model"))}
        found = Reading([])
        for path in folder.photographs:
            name = _NAME.fullmatch(PurePosixPath(path).stem)
            if name is None:
                found.wrong[path] = "is not named Eurecom_<device>_picFG_<n>.jpg"
            elif name[2].upper() == "BG":
                found.aside.setdefault("are backgrounds, for sensor noise", []).append(path)
            elif not models.get(name[1]):
                found.wrong[path] = f"is of device '{name[1]}', of which {MODELS} says no camera_model"
            else:
                found.entries.append(PhotoFile(path, models[name[1]], name[1]))
        return found
