"""What lies in a folder: each file once, and a reason for each that cannot be a photograph of it."""

from __future__ import annotations

import os
from pathlib import Path

from benchbench.base.errors import DataError
from benchbench.contracts.layout import SUFFIXES, Folder, natural

EXCLUDE = "exclude.txt"
_PICTURES = frozenset(
    {".webp", ".heic", ".heif", ".avif", ".jfif", ".jpe", ".jp2", ".jxl", ".bmp", ".gif"}
    | {".dng", ".cr2", ".cr3", ".crw", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
)
"""Suffixes of pictures that are not read."""


def look(root: Path) -> Folder:
    """Look at a folder and all in it, through links too, each place once.

    Raises:
        DataError: it is no folder, or exclude.txt is no text in UTF-8.
    """
    if not root.is_dir():
        raise DataError(f"'{root}' is not a folder.")
    excluded = _excluded(root)
    files: list[str] = []
    aside: dict[str, list[str]] = {}
    seen: set[tuple[int, int]] = set()
    followed: list[str] = []
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            stat = folder.stat()
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError as error:
            aside.setdefault(f"are in folders that cannot be read ({error.strerror})", []).append(shown(prefix))
            continue
        if (stat.st_dev, stat.st_ino) in seen:
            aside.setdefault("are folders that a link leads to again", []).append(shown(prefix))
            continue
        seen.add((stat.st_dev, stat.st_ino))
        for entry in entries:
            path = f"{prefix}{entry.name}"
            try:
                is_folder = entry.is_dir()
                is_file = not is_folder and entry.is_file()
            except OSError:
                is_folder = is_file = False
            if is_folder and not entry.name.startswith((".", "__MACOSX")):
                waiting.append((Path(entry.path), f"{path}/"))
                if entry.is_symlink():
                    followed.append(shown(path))
            elif reason := _reason(entry.name, path, is_folder, is_file, excluded):
                aside.setdefault(reason, []).append(shown(path))
            elif is_file:
                files.append(path)
    there = set(files).union(*aside.values())
    if lost := sorted(excluded - there):
        aside[f"are named in {EXCLUDE} and do not exist"] = lost
    for paths in aside.values():
        paths.sort(key=natural)
    return Folder(root, tuple(sorted(files, key=natural)), excluded, aside, tuple(sorted(followed)))


def shown(path: str) -> str:
    """Return a path that can be printed, whatever bytes the file system has in it."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _reason(name: str, path: str, is_folder: bool, is_file: bool, excluded: frozenset[str]) -> str:
    """Return why what is no folder to look into is left out; nothing for a file that stays or is no picture."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122  # twenty thousand times; a Path costs ten times as much
    picture = suffix in SUFFIXES or suffix in _PICTURES
    if name.startswith(("._", "__MACOSX")):
        return "are files of macOS beside the real ones"
    if name.startswith("."):
        return "are hidden" if picture or is_folder else ""
    if path in excluded:
        return f"are named in {EXCLUDE}"
    if not is_file:
        return "are links to nothing" if picture else ""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "have names that are not UTF-8; rename them"
    return f"are {suffix} files, which are not read" if suffix in _PICTURES else ""


def _excluded(root: Path) -> frozenset[str]:
    file = root / EXCLUDE
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines() if file.is_file() else []
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"'{file}' is no text in UTF-8 ({error}); save it as UTF-8.") from None
    paths = (line.strip().removeprefix("./") for line in lines)
    return frozenset(path for path in paths if path and not path.startswith("#"))
