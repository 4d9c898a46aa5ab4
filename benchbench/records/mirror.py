"""A cache that several machines share through a store that fsspec can reach (s3://, gs://, sftp://, file://).

Each machine works in its own cache folder. Before a job, what it reads comes from the store; after it, what it wrote
goes there. An entry, a folder of the cache such as fits/<fit_id>, counts as stored once its list of files is: that is
written last, so a copy that was cut short is not taken for an entry. Each copy has a folder of its own, which the list
names, so that two machines that store one entry at once do not write into each other's.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchbench.base.errors import StoreError
from benchbench.base.files import inside
from benchbench.base.json_text import parsed
from benchbench.contracts.fit import Progress

CHECKPOINT_SECONDS = 60.0
"""How often the state of a training run is stored: what a lost machine loses at most, besides an epoch."""
_LIST = ".files.json"


@dataclass(frozen=True)
class Mirror:
    """The store at `url`."""

    url: str

    def has(self, entry: str) -> bool:
        """Say whether the store holds an entry, whole."""
        with self.open() as (files, root):
            return bool(files.exists(f"{root}/{entry}{_LIST}"))

    def names(self, kind: str) -> frozenset[str]:
        """Return the names of all entries under a folder of the cache, e.g. the fit ids under 'fits'."""
        with self.open() as (files, root):
            try:
                found = files.ls(f"{root}/{kind}", detail=False)
            except FileNotFoundError:
                return frozenset()
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return frozenset(name.removesuffix(_LIST) for name in names if name.endswith(_LIST))

    def fetch(self, entry: str, cache: Path) -> bool:
        """Bring an entry into a cache folder unless it lies there; return whether it does now.

        Raises:
            StoreError: the store does not answer, or a file of the entry is not as long as it was.
        """
        place = cache / entry
        if place.exists():
            return True
        with self.open() as (files, root):
            if not files.exists(f"{root}/{entry}{_LIST}"):
                return False
            copy, sizes = self._listed(files.cat_file(f"{root}/{entry}{_LIST}"), entry)
            draft = cache / "work" / f"fetch-{uuid.uuid4().hex}"
            try:
                for name, size in sizes.items():
                    path = draft / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    files.get_file(f"{root}/{copy}/{name}", str(path))
                    if path.stat().st_size != size:
                        raise StoreError(
                            f"{self.url}/{copy}/{name} has {path.stat().st_size} bytes; {size} are expected. "
                            f"Delete {self.url}/{entry}{_LIST}, and it is computed again."
                        )
                place.parent.mkdir(parents=True, exist_ok=True)
                try:
                    draft.rename(place)
                except OSError:
                    if not place.exists():  # otherwise another process was faster
                        raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return True

    def _listed(self, content: bytes, entry: str) -> tuple[str, dict[str, int]]:
        """Return the folder that holds an entry's files, and their sizes by their paths in it."""
        try:
            found = parsed(content)
            if not isinstance(found.get("files"), dict):  # without a copy, they lie in the entry's own folder
                found = {"copy": "", "files": found}
            copy, sizes = str(found["copy"]), {str(name): int(size) for name, size in found["files"].items()}
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise StoreError(
                f"{self.url}/{entry}{_LIST} cannot be read ({error}); delete it, and the entry is stored again."
            ) from error
        for name in (*filter(None, [copy]), *sizes):
            if inside(name) is None:
                raise StoreError(f"{self.url}/{entry}{_LIST} names the file '{name}', which is not in its folder.")
        return f"{entry}.{copy}" if copy else entry, sizes

    def put(self, entry: str, cache: Path) -> None:
        """Store an entry of a cache folder, if it lies there and the store lacks it.

        Raises:
            StoreError: the store does not answer or has no room.
        """
        place = cache / entry
        if not place.is_dir() or self.has(entry):
            return
        sizes = {str(p.relative_to(place)): p.stat().st_size for p in sorted(place.rglob("*")) if p.is_file()}
        copy = uuid.uuid4().hex
        with self.open() as (files, root):
            folder = f"{root}/{entry}.{copy}"
            try:
                for name in sizes:
                    files.makedirs(f"{folder}/{name}".rpartition("/")[0], exist_ok=True)
                    files.put_file(str(place / name), f"{folder}/{name}")
                files.pipe_file(f"{root}/{entry}{_LIST}", json.dumps({"copy": copy, "files": sizes}).encode())
            except BaseException:
                with suppress(Exception):  # a store that does not answer may not do this either
                    files.rm(folder, recursive=True)
                raise

    @contextmanager
    def open(self) -> Iterator[tuple[Any, str]]:
        """Yield (file system, root); whatever goes wrong with it is one sentence."""
        import fsspec

        try:
            files, root = fsspec.core.url_to_fs(self.url)
            yield files, root.rstrip("/")
        except StoreError:
            raise
        except ImportError as error:
            raise StoreError(f"cache '{self.url}' needs another package: {error}") from error
        except Exception as error:  # each kind of store has its own
            raise StoreError(f"cache '{self.url}' cannot be used ({type(error).__name__}: {error}).") from error


@dataclass(frozen=True)
class Mirrored:
    """The work of a job between fetching what it reads and storing what it wrote."""

    call: Callable[[Progress], Any]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    mirror: Mirror
    cache: Path

    def __call__(self, progress: Progress) -> Any:
        """Fetch, work, store."""
        # What it would write may be there already, from another run.
        for entry in (*self.reads, *self.writes):
            self.mirror.fetch(entry, self.cache)
        checkpoints = [_Checkpoint(self.mirror, entry, self.cache) for entry in self.writes]
        for checkpoint in checkpoints:
            checkpoint.fetch()

        def watch(done: int, total: int, text: str) -> None:
            progress(done, total, text)
            for checkpoint in checkpoints:
                checkpoint.put()

        value = self.call(watch)
        for entry, checkpoint in zip(self.writes, checkpoints, strict=True):
            self.mirror.put(entry, self.cache)
            checkpoint.remove()
        return value


class _Checkpoint:
    """The training state of a fit, kept in the store as well, for the machine that takes over from a lost one."""

    def __init__(self, mirror: Mirror, entry: str, cache: Path) -> None:
        self._mirror, self._entry = mirror, f"work/{Path(entry).name}/checkpoint.pt"
        self._path = cache / self._entry
        self._looked, self._stored = time.monotonic(), 0.0

    def fetch(self) -> None:
        """Bring the stored state, unless this machine has its own."""
        with self._mirror.open() as (files, root):
            if not self._path.exists() and files.exists(f"{root}/{self._entry}"):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                draft = self._path.with_suffix(f".{uuid.uuid4().hex}")
                files.get_file(f"{root}/{self._entry}", str(draft))
                draft.replace(self._path)

    def put(self) -> None:
        """Store the state if it is new, at most once in `CHECKPOINT_SECONDS`."""
        if time.monotonic() - self._looked < CHECKPOINT_SECONDS:
            return
        self._looked = time.monotonic()
        written = self._path.stat().st_mtime if self._path.exists() else 0.0
        if written > self._stored:
            with self._mirror.open() as (files, root):
                target = f"{root}/{self._entry}"
                files.makedirs(target.rpartition("/")[0], exist_ok=True)
                files.put_file(str(self._path), f"{target}.part")  # a copy that is cut short replaces nothing
                files.mv(f"{target}.part", target)
            self._stored = written

    def remove(self) -> None:
        """Delete the stored state of a fit that is done."""
        with self._mirror.open() as (files, root):
            if files.exists(f"{root}/{self._entry}"):
                files.rm(f"{root}/{self._entry}")


def split_place(text: str | None, default: Path) -> tuple[Path, str | None]:
    """Split what --cache names into the folder to work in and the URL of the store, if it is one.

    Returns:
        (folder, None) for a folder; (`default`, URL) for a URL.
    """
    if text is None:
        return default, None
    if "://" in text:
        return default, text.rstrip("/")
    return Path(os.path.expanduser(text)), None  # noqa: PTH111  # Path.expanduser raises for an unknown user
