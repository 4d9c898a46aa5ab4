"""A layout of any folder: a table beside the photographs."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import cast

from benchbench.contracts.layout import Folder, Layout, PhotoFile, Reading
from benchbench.contracts.roles import ROLES, Role
from benchbench.data.folder.table import read_table

FILE = "manifest.csv"
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": None}


class Manifest(Layout):
    """A manifest.csv with the columns path, camera_model, device and, if known, scene, role (q, p, test) and known."""

    def matches(self, folder: Folder) -> float:
        """See `Layout.matches`: who writes a manifest wants it read, whatever the files are named."""
        return self.SAID if FILE in folder.known else 0.0

    def read(self, folder: Folder) -> Reading:
        """See `Layout.read`.

        Raises:
            DataError: no manifest.csv, one that is no CSV in UTF-8, or one without the columns.
        """
        found, seen = Reading([]), set()
        needed, optional = ("path", "camera_model", "device"), ("scene", "role", "known")
        for line, row in read_table(folder.root / FILE, needed, optional):
            path = PurePosixPath(row["path"]).as_posix()
            if path in folder.excluded:
                continue
            if path in seen:
                found.wrong[path] = f"stands twice in {FILE}"
                continue
            seen.add(path)
            fault = _fault(path, row, folder)
            if fault:
                found.wrong[path if path != "." else f"line {line}"] = fault
                continue
            role = cast(Role, row["role"].lower()) if row.get("role") else None
            known = _WORDS[row.get("known", "").lower()]
            scene = row.get("scene") or None
            found.entries.append(PhotoFile(path, row["camera_model"], row["device"], scene, role, known))
        if left := [path for path in folder.photographs if path not in seen]:
            found.aside[f"are not named in {FILE}"] = left
        both = {entry.model for entry in found.entries if entry.known} & {
            entry.model for entry in found.entries if entry.known is False
        }
        for entry in [entry for entry in found.entries if entry.model in both and not entry.known]:
            found.entries.remove(entry)
            found.wrong[entry.path] = f"is of model '{entry.model}', which other lines of {FILE} call known"
        return found


def _fault(path: str, row: dict[str, str], folder: Folder) -> str:
    """Return the end of a sentence on what is wrong with a line, or nothing."""
    if path == ".":
        return f"of {FILE} has no path"
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        return "lies outside the folder"
    if path not in folder.known:
        return f"is in {FILE} but not in the folder"
    for column in ("camera_model", "device"):
        if not row.get(column):
            return f"has no {column} in {FILE}"
    if row.get("role") and row["role"].lower() not in ROLES:
        return f"has the role '{row['role']}' in {FILE}; roles are {', '.join(ROLES)}"
    if row.get("known", "").lower() not in _WORDS:
        return f"has '{row['known']}' as known in {FILE}; write yes or no"
    return ""
