"""A layout of any folder: a table beside the photographs."""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from benchbench.base.errors import DataError
from benchbench.contracts.layout import Layout, PhotoFile, Reading

FILE = "manifest.csv"


class Manifest(Layout):
    """A manifest.csv in the folder, with the columns path, camera_model, device and, if known, scene."""

    def matches(self, root: Path) -> float:
        """See `Layout.matches`: who writes a manifest wants it read, whatever the files are named."""
        return self.SAID if (root / FILE).is_file() else 0.0

    def read(self, root: Path, excluded: Collection[str]) -> Reading:
        """See `Layout.read`.

        Raises:
            DataError: no manifest.csv, one that is no CSV in UTF-8, or one without the columns.
        """
        entries, wrong, seen = [], {}, set()
        for row in _rows(root / FILE):
            fields = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str) and isinstance(v, str)}
            path = Path(fields.get("path", "")).as_posix()
            if path in excluded or path == ".":
                continue
            model, device = fields.get("camera_model", ""), fields.get("device", "")
            if path in seen:
                wrong[path] = "stands twice in manifest.csv"
            elif not (root / path).is_file():
                wrong[path] = "is in manifest.csv but not in the folder"
            elif not model or not device:
                wrong[path] = f"has no {'camera_model' if not model else 'device'} in manifest.csv"
            else:
                entries.append(PhotoFile(path, model, device, fields.get("scene") or None))
            seen.add(path)
        return entries, wrong


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            missing = {"path", "camera_model", "device"} - set(reader.fieldnames or ())
            rows = list(reader)
    except FileNotFoundError:
        raise DataError(f"'{file.parent}' has no {FILE}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{file}' is not a CSV file in UTF-8 ({error}).") from None
    if missing:
        raise DataError(
            f"'{file}' has no column '{min(missing)}'; columns are path, camera_model, device and, if known, scene."
        )
    return rows
