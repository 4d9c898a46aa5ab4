"""Building: worker processes render or decode shards of photographs, then one array a role is joined from them.

Whatever kills a build, `<cache>/data/<data_id>` is complete or absent, and finished shards in `<data_id>.part`
are used again. `<data_id>.test` holds the test photographs alone, which is all that trained networks need.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.base.files import locked, replace_file, sync_folder
from benchbench.base.identity import digest
from benchbench.base.processes import WorkerContext, cores, end_with_parent
from benchbench.contracts.photographs import FORMAT, Dataset
from benchbench.contracts.roles import ROLES, TEST_ALONE, Role, SplitRule, check_disjoint, is_validation
from benchbench.data.folder import recipe as folder
from benchbench.data.folder.recipe import FolderRecipe
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.recipe import Item, Shot, VirtualPhotographer, VirtualRecipe
from benchbench.data.virtual.scenes import SceneSpec, render_scene

Recipe = VirtualRecipe | FolderRecipe
Progress = Callable[[str, int, int], None]
_Call = tuple[Callable[..., None], tuple[Any, ...], int]  # function, arguments, photographs
SHARD = 8  # photographs a shard: what a killed build loses at most, a worker
_DISTRIBUTIONS = ("numpy", "scipy", "Pillow", "rawpy", "lensfunpy", "scikit-image", "matplotlib")


class Photographer(Protocol):
    """Takes photographs: the virtual cameras or the reader of a folder."""

    def __call__(self, items: Sequence[Item], /) -> list[Shot]:
        """The photographs of `items`, in order."""


def data_id(recipe: Recipe) -> str:
    """Identity of the data set that the recipe gives, without rendering: 32 hexadecimal digits.

    For a folder it covers the digests of all files, which are remembered by size and modification time.
    """
    if isinstance(recipe, VirtualRecipe):
        return digest("virtual", virtual.identity(recipe))
    return digest("folder", folder.identity(recipe))


def open_dataset(cache_dir: Path, data_id: str) -> Dataset:
    """Open a finished data set, or else its test photographs; DataError if there are none."""
    home = Path(cache_dir) / "data"
    whole = home / data_id
    alone = home / f"{data_id}{TEST_ALONE}"
    return Dataset(alone if _finished(alone) and not _finished(whole) else whole)


def build(
    recipe: Recipe,
    cache_dir: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    test_alone: bool = False,
) -> Dataset:
    """Build the data set of a recipe, or open it if it is there.

    Args:
        workers: processes, default one a core. 1 works in this process.
        progress: called with (stage, done, total); stages are `scenes` and `photographs`.
        test_alone: test photographs are enough. They are the same as those of the whole data set.
    """
    identifier = data_id(recipe)
    home = Path(cache_dir) / "data"
    root = home / identifier
    roles = ROLES
    if test_alone and isinstance(recipe, VirtualRecipe) and not _finished(root):
        root, roles = home / f"{identifier}{TEST_ALONE}", ("test",)
    work = home / f"{root.name}.part"
    if not _finished(root):
        home.mkdir(parents=True, exist_ok=True)
        with locked(home / f"{root.name}.lock"):
            if not _finished(root):
                try:
                    _build(recipe, identifier, roles, root, work, workers or cores(), progress or (lambda *_: None))
                except OSError as error:  # no space, most likely; a photograph's own faults are DataErrors by now
                    raise _unwritable(work, error) from error
    return Dataset(root)


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"'{folder}' cannot be written ({error.strerror or error}). What is finished is kept; "
        "put this right and run again, it resumes."
    )


def _finished(root: Path) -> bool:
    return (root / "meta.json").is_file()


def _build(
    recipe: Recipe,
    identifier: str,
    roles: tuple[Role, ...],
    root: Path,
    work: Path,
    workers: int,
    progress: Progress,
) -> None:
    work.mkdir(exist_ok=True)
    photographer: Photographer
    about: dict[str, Any]
    calls: list[_Call]
    with _Crew(workers, progress) as crew:
        if isinstance(recipe, VirtualRecipe):
            items, scene_dir = virtual.plan(recipe), work / "scenes"
            scene_dir.mkdir(exist_ok=True)
            photographer = VirtualPhotographer(recipe, scene_dir)
            # A test scene is seen once, and rendered by whoever takes that photograph.
            _run_scenes(
                crew, recipe, [s for s in virtual.scenes(recipe) if s.role in roles and s.role != "test"], scene_dir
            )
            models = tuple(camera.name for camera in virtual.labels(recipe))
            about = {"name": "virtual-neutral" if recipe.neutral else "virtual", "known": recipe.known}
        else:
            listing = folder.listing(recipe)
            items, models = listing.items, listing.camera_models
            photographer = folder.FolderReader(Path(recipe.path), recipe.size, listing.total)
            about = {"name": Path(recipe.path).resolve().name, "known": listing.known, "notes": listing.notes}
        shards = [(role, k, items[role][k : k + SHARD]) for role in roles for k in range(0, len(items[role]), SHARD)]
        todo = [s for s in shards if not _shard_path(work, s[0], s[1]).is_file()]
        calls = [(_make_shard, (photographer, part, _shard_path(work, role, k)), len(part)) for role, k, part in todo]
        total = sum(len(items[role]) for role in roles)
        crew.run("photographs", calls, done=total - sum(len(s[2]) for s in todo))

    draft = work / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    written = {role: _join(role, items[role], recipe.size, recipe.seed, work, draft) for role in roles}
    # Virtual scenes are the roles' own under both rules.
    rule: SplitRule = "scene" if isinstance(recipe, VirtualRecipe) else recipe.split_rule
    if set(roles) == set(ROLES):
        check_disjoint(written, rule)
    meta = {
        "format": FORMAT,
        "data_id": identifier,
        **about,
        "camera_models": models,
        "size": recipe.size,
        "split_rule": recipe.split_rule,
        "photographs": {role: len(items[role]) for role in ROLES},
        "cameras": {role: [item.camera for item in items[role]] for role in ROLES if role not in roles},
        "fingerprints": {role: written[role]["fingerprint"] for role in roles},
        "recipe": recipe.model_dump(mode="json"),
        "versions": {name: version(name) for name in _DISTRIBUTIONS},
    }
    replace_file(draft / "meta.json", lambda file: file.write(json.dumps(meta, indent=1).encode()))
    sync_folder(draft)
    draft.rename(root)
    sync_folder(root.parent)
    shutil.rmtree(work, ignore_errors=True)


def _run_scenes(crew: _Crew, recipe: VirtualRecipe, scenes: Sequence[SceneSpec], scene_dir: Path) -> None:
    missing = [s for s in scenes if not (scene_dir / f"{s.id}.npy").is_file()]
    calls: list[_Call] = [(_make_scene, (s, recipe.scene_size, recipe.seed, scene_dir), 1) for s in missing]
    crew.run("scenes", calls, done=len(scenes) - len(missing))


def _shard_path(work: Path, role: Role, start: int) -> Path:
    return work / f"{role}-{start:07d}.npz"


def _make_scene(spec: SceneSpec, size: int, seed: int, scene_dir: Path) -> None:
    scene = render_scene(spec, size, seed)
    replace_file(scene_dir / f"{spec.id}.npy", lambda file: np.save(file, scene))


def _make_shard(photographer: Photographer, items: Sequence[Item], path: Path) -> None:
    shots = photographer(items)
    lengths = [len(shot.jpeg or b"") for shot in shots]
    arrays: dict[str, NDArray[Any]] = {
        "images": np.stack([shot.pixels for shot in shots]),
        "scene": np.array([shot.scene for shot in shots], np.int64),
        "lengths": np.array(lengths, np.int64),
        "jpegs": np.frombuffer(b"".join(shot.jpeg or b"" for shot in shots), np.uint8),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    replace_file(path, lambda file: file.write(buffer.getbuffer()))


def _join(role: Role, items: Sequence[Item], size: int, seed: int, work: Path, draft: Path) -> dict[str, Any]:
    """Write <role>.npy, .npz and .jpegs from the shards; return the label arrays and the fingerprint."""
    camera = np.array([item.camera for item in items], np.int64)
    device = np.array([item.device for item in items], np.int64)
    scene = np.full(len(items), -1, np.int64)
    lengths = np.zeros(len(items), np.int64)
    pixels_digest = hashlib.sha256()
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(items), size, size, 3)}
    with (draft / f"{role}.npy").open("wb") as pixels, (draft / f"{role}.jpegs").open("wb") as jpegs:
        np.lib.format.write_array_header_1_0(pixels, header)
        for k in range(0, len(items), SHARD):
            with np.load(_shard_path(work, role, k)) as shard:
                images = np.ascontiguousarray(shard["images"])
                pixels.write(images.data)
                pixels_digest.update(images.data)
                scene[k : k + SHARD], lengths[k : k + SHARD] = shard["scene"], shard["lengths"]
                jpegs.write(shard["jpegs"].tobytes())
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
        "validation": is_validation(camera, seed),
        "jpeg": np.concatenate(([0], np.cumsum(lengths))),
    }
    replace_file(draft / f"{role}.npz", lambda file: np.savez(file, allow_pickle=False, **labels))
    for key in ("camera", "device", "scene", "validation"):
        pixels_digest.update(labels[key].tobytes())
    return labels | {"fingerprint": pixels_digest.hexdigest()}


class _Crew:
    """Runs calls in worker processes, or here for one worker, and reports progress in photographs."""

    def __init__(self, workers: int, progress: Progress) -> None:
        self.workers = workers
        self.progress = progress
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def run(self, stage: str, calls: Sequence[_Call], done: int) -> None:
        """Make all calls (function, arguments, weight); `done` counts what an earlier build left."""
        total = done + sum(weight for _, _, weight in calls)
        self.progress(stage, done, total)
        if self.workers == 1 or len(calls) == 1:
            for function, arguments, weight in calls:
                function(*arguments)
                done += weight
                self.progress(stage, done, total)
            return
        if calls and self.pool is None:
            self.pool = ProcessPoolExecutor(self.workers, WorkerContext(), initializer=_start_worker)
        waiting: dict[Future[None], int] = {}
        queue = iter(calls)
        try:
            while True:
                for function, arguments, weight in queue:
                    assert self.pool is not None
                    waiting[self.pool.submit(function, *arguments)] = weight
                    if len(waiting) >= 4 * self.workers:
                        break
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    future.result()
                    done += waiting.pop(future)
                    self.progress(stage, done, total)
        except BrokenProcessPool:
            raise DataError(
                f"a worker process died at {stage} {done} of {total}, perhaps for lack of memory; "
                "what is finished is kept, start again or use fewer workers."
            ) from None


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
