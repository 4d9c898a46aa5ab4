"""Photographs on their way to disk: shards that worker processes make, and the arrays that are joined from them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import signal
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.files import replace_file
from benchbench.base.processes import end_with_parent, worker_context
from benchbench.contracts.roles import Role, is_validation
from benchbench.data.folder.pixels import pixel_digest
from benchbench.data.virtual.recipe import Item, Shot

Progress = Callable[[str, int, int], None]
Call = tuple[Callable[..., None], tuple[Any, ...], int]  # function, arguments, photographs
SHARD = 8  # photographs a shard: what a killed build loses at most, a worker
_ARRAYS = {"images", "digests", "names", "scene", "lengths", "jpegs"}


class Photographer(Protocol):
    """Takes photographs: the virtual cameras or the reader of a folder."""

    def __call__(self, items: Sequence[Item], /) -> list[Shot]:
        """The photographs of `items`, in order."""


def take(crew: Crew, photographer: Photographer, items: Mapping[Role, Sequence[Item]], work: Path) -> None:
    """Make the shards that an earlier build has not left; one that is of other photographs is made anew."""
    shards = [(r, k, items[r][k : k + SHARD]) for r in items for k in range(0, len(items[r]), SHARD)]
    todo = [s for s in shards if not _holds(_shard_path(work, s[0], s[1]), s[2])]
    calls: list[Call] = [
        (_make_shard, (photographer, part, _shard_path(work, role, k)), len(part)) for role, k, part in todo
    ]
    total = sum(len(items[role]) for role in items)
    crew.run("photographs", calls, done=total - sum(len(s[2]) for s in todo))


def _holds(path: Path, items: Sequence[Item]) -> bool:
    """Whether a shard is there and holds these photographs."""
    try:
        with np.load(path) as shard:
            found = {name: shard[name] for name in shard.files}  # each has a checksum, compared where it is read
        return set(found) == _ARRAYS and found["names"].tolist() == [item.name for item in items]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return False


def _shard_path(work: Path, role: Role, start: int) -> Path:
    return work / f"{role}-{start:07d}.npz"


def _make_shard(photographer: Photographer, items: Sequence[Item], path: Path) -> None:
    shots = photographer(items)
    lengths = [len(shot.jpeg or b"") for shot in shots]
    arrays: dict[str, NDArray[Any]] = {
        "images": np.stack([shot.pixels for shot in shots]),
        "digests": np.array([pixel_digest(shot.pixels) for shot in shots]),
        "names": np.array([item.name for item in items]),
        "scene": np.array([shot.scene for shot in shots], np.int64),
        "lengths": np.array(lengths, np.int64),
        "jpegs": np.frombuffer(b"".join(shot.jpeg or b"" for shot in shots), np.uint8),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    replace_file(path, lambda file: file.write(buffer.getbuffer()))


class Joined:
    """The photographs of one role, from its shards, in class order."""

    def __init__(
        self, items: Sequence[Item], size: int, seed: int, work: Path, places: Sequence[int] | None = None
    ) -> None:
        """Take what was made of `items`; `places`: where each lies in the shards, if not in order."""
        self.items = items
        self._size, self._seed, self._work = size, seed, work
        self._places = range(len(items)) if places is None else places

    def reordered(self, classes: Sequence[int]) -> Joined:
        """The same photographs where the classes `classes` are numbered 0, 1, 2 ..."""
        new = {old: k for k, old in enumerate(classes)}
        order = sorted(range(len(self.items)), key=lambda k: (new[self.items[k].camera], k))
        items = [replace(self.items[k], camera=new[self.items[k].camera]) for k in order]
        return Joined(items, self._size, self._seed, self._work, [self._places[k] for k in order])

    def _shards(self, role: Role) -> Iterator[tuple[Item, Mapping[str, Any], int]]:
        """Each photograph with its shard and its place in there; photographs of a class lie together."""
        at, loaded = -1, {}
        for item, place in zip(self.items, self._places, strict=True):
            if place // SHARD != at:
                at = place // SHARD
                with np.load(_shard_path(self._work, role, at * SHARD)) as shard:
                    loaded = {name: shard[name] for name in shard.files}
                loaded["start"] = np.concatenate(([0], np.cumsum(loaded["lengths"])))
            yield item, loaded, place % SHARD

    def digests(self) -> list[tuple[Item, str]]:
        """The digest of each photograph's pixels."""
        if not self.items:
            return []
        role, starts = self.items[0].role, sorted({place // SHARD * SHARD for place in self._places})
        found: dict[int, str] = {}
        for start in starts:
            with np.load(_shard_path(self._work, role, start)) as shard:
                found |= {start + k: str(text) for k, text in enumerate(shard["digests"])}
        return [(item, found[place]) for item, place in zip(self.items, self._places, strict=True)]

    def write(self, role: Role, draft: Path) -> dict[str, Any]:
        """Write <role>.npy, .npz and .jpegs; return the label arrays and the fingerprint."""
        items, size = self.items, self._size
        camera = np.array([item.camera for item in items], np.int64)
        device = np.array([item.device for item in items], np.int64)
        scene = np.full(len(items), -1, np.int64)
        lengths = np.zeros(len(items), np.int64)
        pixels_digest = hashlib.sha256()
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(items), size, size, 3)}
        with (draft / f"{role}.npy").open("wb") as pixels, (draft / f"{role}.jpegs").open("wb") as jpegs:
            np.lib.format.write_array_header_1_0(pixels, header)
            for n, (_, shard, k) in enumerate(self._shards(role)):
                image = np.ascontiguousarray(shard["images"][k])
                pixels.write(image.data)
                pixels_digest.update(image.data)
                scene[n], lengths[n] = shard["scene"][k], shard["lengths"][k]
                jpegs.write(shard["jpegs"][shard["start"][k] : shard["start"][k + 1]].tobytes())
            for file in (pixels, jpegs):
                file.flush()
                os.fsync(file.fileno())
        if not lengths.any():
            (draft / f"{role}.jpegs").unlink()
        labels: dict[str, Any] = {
            "camera": camera,
            "device": device,
            "scene": scene,
            "name": np.array([item.name for item in items], np.str_),
            "validation": is_validation(camera, self._seed),
            "jpeg": np.concatenate(([0], np.cumsum(lengths))),
        }
        replace_file(draft / f"{role}.npz", lambda file: np.savez(file, allow_pickle=False, **labels))
        for key in ("camera", "device", "scene", "validation"):
            pixels_digest.update(labels[key].tobytes())
        return labels | {"fingerprint": pixels_digest.hexdigest()}


class Crew:
    """Runs calls in worker processes, or here for one worker, and reports progress in photographs."""

    def __init__(self, workers: int, progress: Progress) -> None:
        self.workers = workers
        self.progress = progress
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, stage: str, calls: Sequence[Call], done: int) -> None:
        """Make all calls (function, arguments, weight); `done` counts what an earlier build left.

        Where a process dies, others make the calls that are not finished, once.

        Raises:
            DataError: processes died twice.
        """
        total = done + sum(weight for _, _, weight in calls)
        self.progress(stage, done, total)
        if self.workers == 1 or len(calls) == 1:
            for function, arguments, weight in calls:
                function(*arguments)
                done += weight
                self.progress(stage, done, total)
            return
        waiting: dict[Future[None], Call] = {}
        todo, again = deque(calls), True
        while True:
            try:
                while todo and len(waiting) < 4 * self.workers:
                    future = self._submitted(todo[0])
                    waiting[future] = todo.popleft()
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    future.result()
                    done += waiting.pop(future)[2]
                    self.progress(stage, done, total)
            except BrokenProcessPool:
                assert self.pool is not None
                self.pool.shutdown(wait=True, cancel_futures=True)
                self.pool = None
                if not again:
                    raise DataError(
                        f"worker processes died twice, at {stage} {done} of {total}, perhaps for lack of memory; "
                        "what is finished is kept, start again or use fewer workers."
                    ) from None
                # Once: what makes a process die would do so for ever. A call that has succeeded does no harm twice.
                again = False
                todo.extendleft(reversed(waiting.values()))
                waiting.clear()

    def _submitted(self, call: Call) -> Future[None]:
        if self.pool is None:
            self.pool = ProcessPoolExecutor(self.workers, worker_context(), initializer=_start_worker)
        function, arguments, _ = call
        return self.pool.submit(function, *arguments)


def _start_worker() -> None:
    # One thread a worker: LibRaw (OpenMP) and BLAS would otherwise start as many as there are cores in each of them.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    # Ctrl-C is the driver's to handle; and a worker whose driver was killed would wait for calls for ever.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
