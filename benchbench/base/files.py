"""Files: digests remembered by size and modification time, and writes that survive a crash."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from benchbench.base.errors import StoreError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

STALE_SECONDS = 3600.0
"""After which a temporary file was left by a run that was killed."""


def file_digest(path: Path) -> str:
    """sha256 of a file, hexadecimal; read again only after its size or modification time changed."""
    stat = path.stat()
    return _digest(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=65536)
def _digest(path: str, size: int, modified: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

    Args:
        path: the file; its folder is made.
        write: fills the temporary file.

    Raises:
        OSError: no space, or a folder that cannot be written; nothing is left behind.
    """
    # Random and new, because two machines that share a folder may have processes of one number.
    temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, see `replace_file`.

    Raises:
        StoreError: no space, or a folder that cannot be written; nothing is left behind.
    """
    try:
        replace_file(path, lambda file: file.write(content))
    except OSError as error:
        raise StoreError(
            f"'{path}' cannot be written ({error.strerror or error}). What was finished is kept; "
            "put this right and run again, it resumes."
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_name(name: str) -> str:
    """Return `name` with what file systems dislike replaced: 'resnet18/rgb/complete' -> 'resnet18_rgb_complete'."""
    return re.sub(r"[^\w.+=-]", "_", name)


def inside(name: str) -> str | None:
    """Return `name` where it is the path of a file below a folder, as an index of the folder may give it; else None."""
    parts = name.split("/")
    outside = any(part in ("", ".", "..") for part in parts) or re.match("[A-Za-z]:", name)
    return None if outside or "\\" in name or "\0" in name else name


_NO_LOCKS = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK})


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`, and wait for whoever holds it; it is free again when a process dies.

    Args:
        waiting: called each second while somebody else holds it.

    Raises:
        StoreError: the file cannot be written or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise StoreError(f"'{path}' cannot be written ({error.strerror or error}).") from error
    with file:
        if fcntl is not None:  # Windows has no flock; two runs at once may then compute one thing twice
            try:
                while waiting is not None:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        waiting()
                        time.sleep(1.0)
                else:
                    fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:  # a file system without locks, such as Lustre's by default
                    raise StoreError(f"'{path}' cannot be locked ({error.strerror or error}).") from error
        yield


def is_locked(path: Path) -> bool:
    """Say whether a living process holds the lock file `path`, or whether that cannot be told."""
    if fcntl is None:
        return False
    try:
        # Read alone, so that a cache that cannot be written can be looked at. NFS then grants a shared lock alone;
        # whoever holds the file excludes that as well.
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
