"""Building: worker processes render or decode shards of photographs, then one array a role is joined from them.

Whatever kills a build, `<cache>/data/<data_id>` is complete or absent, and finished shards in `<data_id>.part`
are used again. `<data_id>.test` holds the test photographs alone, which is all that trained networks need.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchbench.base.errors import DataError
from benchbench.base.files import locked, replace_file, sync_folder
from benchbench.base.identity import digest
from benchbench.base.jpeg import MAKE, MODEL, exif_text, jpeg_header
from benchbench.base.processes import cores
from benchbench.contracts.photographs import FORMAT, DamagedError, Dataset
from benchbench.contracts.roles import ROLES, TEST_ALONE, Role, check_disjoint
from benchbench.data.folder import recipe as folder
from benchbench.data.folder.recipe import FolderRecipe
from benchbench.data.folder.split import Listing
from benchbench.data.shards import Call, Crew, Joined, Progress, take
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.recipe import Item, VirtualPhotographer, VirtualRecipe
from benchbench.data.virtual.scenes import SceneSpec, render_scene
from benchbench.records.cache import Cache
from benchbench.records.zoo import PACKAGED, Zoo

Recipe = VirtualRecipe | FolderRecipe
_ID = re.compile(r"[0-9a-f]{32}")
_DISTRIBUTIONS = ("numpy", "scipy", "Pillow", "rawpy", "lensfunpy", "scikit-image", "matplotlib")


def data_id(recipe: VirtualRecipe) -> str:
    """Identity of the data set that a recipe of virtual cameras gives, without rendering: 32 hexadecimal digits.

    That of a folder is its photographs' own, which have to be read: `build` finds it.
    """
    return digest("virtual", virtual.identity(recipe))


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
    home = Path(cache_dir) / "data"
    home.mkdir(parents=True, exist_ok=True)
    told = progress or (lambda *_: None)
    if isinstance(recipe, FolderRecipe):
        return _folder(recipe, home, workers or cores(), told, ("test",) if test_alone else ROLES)
    identifier = data_id(recipe)
    root = home / identifier
    roles = ROLES
    wanted: tuple[Role, ...] = ("test",) if test_alone else ROLES
    if test_alone and not _usable(root, wanted):
        root, roles = home / f"{identifier}{TEST_ALONE}", wanted
    work = home / f"{root.name}.part"
    if not _usable(root, wanted):
        with _making(home, root.name, work):
            if not _usable(root, wanted):
                _virtual(recipe, identifier, roles, root, work, workers or cores(), told)
    return Dataset(root)


@contextlib.contextmanager
def _making(home: Path, name: str, work: Path) -> Iterator[None]:
    """Hold the lock of a data set that is made, and say what to do where it cannot be written."""
    try:
        with locked(home / f"{name}.lock"):
            yield
    except OSError as error:  # no space, most likely; a photograph's own faults are DataErrors by now
        raise _unwritable(work, error) from error


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"'{folder}' cannot be written ({error.strerror or error}). What is finished is kept; "
        "put this right and run again, it resumes."
    )


def _finished(root: Path) -> bool:
    return (root / "meta.json").is_file()


def _usable(root: Path, roles: Sequence[Role]) -> bool:
    """Whether a data set is there whole; one whose photographs are not what was written is moved out of the way."""
    if not _finished(root):
        return False
    try:
        for role in roles:
            Dataset(root).verify(role)
    except DamagedError as error:
        Cache(root.parents[1]).set_aside(root, str(error))
        return False
    return True


def _virtual(
    recipe: VirtualRecipe,
    identifier: str,
    roles: tuple[Role, ...],
    root: Path,
    work: Path,
    workers: int,
    progress: Progress,
) -> None:
    work.mkdir(exist_ok=True)
    items, scene_dir = virtual.plan(recipe), work / "scenes"
    with Crew(workers, progress) as crew:
        scene_dir.mkdir(exist_ok=True)
        # A test scene is seen once, and rendered by whoever takes that photograph.
        shared = [s for s in virtual.scenes(recipe) if s.role in roles and s.role != "test"]
        _run_scenes(crew, recipe, shared, scene_dir)
        take(crew, VirtualPhotographer(recipe, scene_dir), {role: items[role] for role in roles}, work)
    models = tuple(camera.name for camera in virtual.labels(recipe))
    draft = _draft(work)
    joined = {role: Joined(items[role], recipe.size, recipe.seed, work) for role in roles}
    written = {role: joined[role].write(role, draft) for role in roles}
    if set(roles) == set(ROLES):
        check_disjoint(written, "scene")  # virtual scenes are the roles' own under both rules
    about: dict[str, Any] = {"name": "virtual-neutral" if recipe.neutral else "virtual", "known": recipe.known}
    if set(roles) == set(ROLES):
        about["content"] = _content(joined, recipe, models, recipe.known)
    about |= {
        "data_id": identifier,
        "camera_models": models,
        "photographs": {role: len(items[role]) for role in ROLES},
        "cameras": {role: [item.camera for item in items[role]] for role in ROLES if role not in roles},
    }
    _finish(recipe, about, written, draft, root, work)


def _folder(recipe: FolderRecipe, home: Path, workers: int, progress: Progress, roles: Sequence[Role]) -> Dataset:
    """Read a folder, or find out that its photographs are there already: by its files, or else by their pixels.

    Args:
        roles: those whose pixels are to be looked at.
    """
    found = folder.listing(recipe)
    key = folder.files_key(recipe, found)
    note = home.parent / "files" / key
    known = _noted(note)
    if known and _usable(home / known, roles):
        return Dataset(home / known)
    work = home / f"{key}.part"
    with _making(home, key, work):
        known = _noted(note)
        if not known or not _usable(home / known, roles):
            work.mkdir(exist_ok=True)
            with Crew(workers, progress) as crew:
                take(crew, folder.FolderReader(Path(recipe.path), recipe.size, found), found.items, work)
            known = _identify(recipe, found, home, work)
            replace_file(note, lambda file: file.write(str(known).encode()))
    return Dataset(home / known)


def _noted(note: Path) -> str | None:
    try:
        noted = note.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return noted if _ID.fullmatch(noted) else None  # anything else might lead out of the cache


def _identify(recipe: FolderRecipe, found: Listing, home: Path, work: Path) -> str:
    """Make a data set of what was read, under the identity of its photographs; return that."""
    models = found.camera_models
    joined = {role: Joined(found.items[role], recipe.size, recipe.seed, work) for role in ROLES}
    content = _content(joined, recipe, models, found.known)
    alike = _same_photographs(home, content)
    identifier = alike[0] if alike is not None else content
    root = home / identifier
    if not _finished(root):
        draft = _draft(work)
        if alike is not None:  # their classes are numbered in another order
            order = [models.index(model) for model in alike[1]]
            joined = {role: part.reordered(order) for role, part in joined.items()}
            shared, models = frozenset(order.index(c) for c in found.shared), alike[1]
        else:
            shared = found.shared
        written = {role: part.write(role, draft) for role, part in joined.items()}
        check_disjoint(written, "scene" if found.rule == "scene" else "device", shared)
        about = {
            "name": Path(recipe.path).resolve().name,
            "known": found.known,
            "notes": found.notes,
            "warning": found.warning,
            "content": content,
            "data_id": identifier,
            "camera_models": models,
            "photographs": {role: len(found.items[role]) for role in ROLES},
            "jpeg": camera_jpegs(Path(recipe.path), joined["q"].items, found.known),
        }
        _finish(recipe.model_copy(update={"split_rule": found.rule}), about, written, draft, root, work)
    shutil.rmtree(work, ignore_errors=True)
    return identifier


def _content(joined: Mapping[Role, Joined], recipe: Recipe, models: Sequence[str], known: int) -> str:
    rows = {role: [(models[i.camera], i.device, d) for i, d in part.digests()] for role, part in joined.items()}
    return folder.content_id(recipe.size, recipe.seed, {m: k < known for k, m in enumerate(models)}, rows)


def _same_photographs(home: Path, content: str) -> tuple[str, tuple[str, ...]] | None:
    """Data id and classes of virtual photographs that are these to the bit: rendered here, or of the packaged zoo."""
    for path in sorted(home.glob("*/meta.json")):
        meta = _meta(path)
        if meta.get("content") == content and meta["data_id"] != content:
            return meta["data_id"], tuple(meta["camera_models"])
    for identifier, facts in sorted(Zoo(PACKAGED).index["photographs"].items()):
        if facts.get("content") == content:
            return identifier, tuple(facts["camera_models"])
    return None


def _meta(path: Path) -> dict[str, Any]:
    try:
        return Dataset(path.parent).meta
    except DataError:  # damaged: whoever opens it is told
        return {}


def camera_jpegs(root: Path, items: Sequence[Item], known: int) -> dict[str, Any]:
    """How the known models compress, by class: sampling and tables of each component, of the first JPEG file of q."""
    found: dict[str, Any] = {}
    for item in items:
        if item.camera < known and str(item.camera) not in found:
            header = jpeg_header((root / item.name).read_bytes())
            if header is not None:
                make, model = exif_text(header.exif, MAKE, MODEL)
                coding = {"sampling": header.coding.sampling, "tables": header.coding.tables}
                found[str(item.camera)] = {**coding, "make": make, "model": model}
    return found


def _draft(work: Path) -> Path:
    draft = work / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    return draft


def _finish(
    recipe: Recipe, about: Mapping[str, Any], written: Mapping[Role, Any], draft: Path, root: Path, work: Path
) -> None:
    """Write what the data set is, and put it into its place in one step. Where a folder lies is no part of it."""
    meta = {
        "format": FORMAT,
        **about,
        "size": recipe.size,
        "split_rule": recipe.split_rule,
        "fingerprints": {role: written[role]["fingerprint"] for role in written},
        "source": "folder" if isinstance(recipe, FolderRecipe) else "virtual",
        "recipe": recipe.model_dump(mode="json", exclude={"path", "layout"}),
        "versions": {name: version(name) for name in _DISTRIBUTIONS},
    }
    replace_file(draft / "meta.json", lambda file: file.write(json.dumps(meta, indent=1).encode()))
    sync_folder(draft)
    draft.rename(root)
    sync_folder(root.parent)
    shutil.rmtree(work, ignore_errors=True)


def _run_scenes(crew: Crew, recipe: VirtualRecipe, scenes: Sequence[SceneSpec], scene_dir: Path) -> None:
    missing = [s for s in scenes if not _readable(scene_dir / f"{s.id}.npy")]
    calls: list[Call] = [(_make_scene, (s, recipe.scene_size, recipe.seed, scene_dir), 1) for s in missing]
    crew.run("scenes", calls, done=len(scenes) - len(missing))


def _readable(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return True


def _make_scene(spec: SceneSpec, size: int, seed: int, scene_dir: Path) -> None:
    scene = render_scene(spec, size, seed)
    replace_file(scene_dir / f"{spec.id}.npy", lambda file: np.save(file, scene))
