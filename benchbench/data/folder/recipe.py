"""A folder of real photographs: whose they are, which role they play, and how they are read.

A layout says of each file which camera model and device took it (`bench list layouts`; ours are modules beside
this one). What it says is then the same for all: roles, crops, identity. `exclude.txt` in the folder lists paths to
leave out, one a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from benchbench.base.errors import DataError
from benchbench.base.files import file_digest, replace_file
from benchbench.base.identity import digest
from benchbench.base.json_text import parsed
from benchbench.base.processes import cores
from benchbench.contracts.layout import LAYOUTS, SUFFIXES, Folder, Reading
from benchbench.contracts.roles import ROLES, FolderRule, Role
from benchbench.data.folder.look import look, shown
from benchbench.data.folder.pixels import UnusableError, read_photo
from benchbench.data.folder.split import Listing, split, why_not
from benchbench.data.virtual.processing import center
from benchbench.data.virtual.recipe import Item, Shot


class FolderRecipe(BaseModel):
    """All that moves the pixels of a data set of real photographs.

    path: the folder. layout: its name; by default the one that fits. Neither is part of an identity. size: side of the
    center crop, px. split_rule: by default what the folder's own column says, or by device. known: names of the models
    that the attacker knows; by default what the folder says, or those with five devices. The crop is the plain center,
    (height - size) // 2 from the top, as in the paper: it keeps no phase of Bayer or JPEG grid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: Annotated[int, Field(ge=32, multiple_of=8)] = 512
    split_rule: FolderRule | None = None
    known: tuple[str, ...] | None = None
    seed: int = 0
    layout: str | None = None


def parse_place(text: str) -> tuple[str | None, Path]:
    """(layout or None, folder) of what a user types: FOLDER or LAYOUT:FOLDER.

    Raises:
        UnknownNameError: the folder is there, but no such layout.
    """
    layout, colon, rest = text.partition(":")
    if not colon or not rest or Path(text).exists() or not Path(rest).is_dir():
        return None, Path(text)
    LAYOUTS.get(layout)
    return layout, Path(rest)


def choose_layout(folder: Folder, asked: str | None = None) -> str:
    """Name of the layout that reads a folder: the one asked for, or the one that can place most of its photographs.

    Raises:
        UnknownNameError: no layout has the name that is asked for.
        DataError: nothing in it to read, no layout that knows its names, or two that know equally many.
    """
    if asked is not None:
        LAYOUTS.get(asked)
        return asked
    root = folder.root
    shares = {name: _share(name, folder) for name in LAYOUTS.names()}
    best = max(shares.values(), default=0.0)
    found = [name for name, share in shares.items() if share == best]
    if best <= 0:
        if not folder.photographs:
            raise DataError(f"'{root}' has no photographs ({', '.join(SUFFIXES)}).{_instead(folder)}")
        sentence = f"the photographs of '{root}' are named as in none of the layouts {', '.join(shares)}."
        failures = [f"  not loaded: {failure}" for failure in LAYOUTS.failures()]
        raise DataError("\n".join([f"{sentence}  See: bench list layouts", *failures]))
    if len(found) > 1:
        raise DataError(
            f"'{root}' can be read by the layouts {' and '.join(found)}; say which, for example {found[0]}:{root}."
        )
    return found[0]


def _instead(folder: Folder) -> str:
    """What is there instead of photographs, as a sentence."""
    told = "; ".join(f"{len(paths)} {reason}" for reason, paths in folder.aside.items())
    return f" What is there: {told}." if told else ""


def _share(name: str, folder: Folder) -> float:
    try:
        return LAYOUTS.create(name).matches(folder)
    except Exception as error:  # a stranger's code; without its name nobody could tell whose fault it is
        raise DataError(
            f"layout '{name}' ({LAYOUTS.origin(name)}) failed on '{folder.root}': {type(error).__name__}: {error}. "
            f"Name another, as LAYOUT:{folder.root}.  See: bench list layouts"
        ) from error


def read_folder(root: Path, layout: str | None = None) -> tuple[Folder, str, Reading]:
    """A folder, the name of its layout, and its photographs in natural order of their paths, with all that is left out.

    layout: its name; by default the one that `choose_layout` finds.

    Raises:
        UnknownNameError: no such layout.
        DataError: no such folder, or no layout that reads it.
    """
    folder = look(root)
    name = choose_layout(folder, layout)
    found = LAYOUTS.create(name).read(folder)
    aside = {reason: list(paths) for reason, paths in folder.aside.items()}
    for reason, paths in found.aside.items():
        aside.setdefault(reason, []).extend(paths)
    place = {path: k for k, path in enumerate(folder.files)}  # which lie in natural order
    entries = sorted(found.entries, key=lambda e: place[e.path])
    return folder, name, Reading(entries, {shown(p): fault for p, fault in found.wrong.items()}, aside)


def plan(recipe: FolderRecipe) -> tuple[Folder, Reading, Listing]:
    """A folder, what lies in the folder, and who gets which of it, without reading pixels.

    Raises:
        DataError: nothing to read, or a rule that the folder cannot follow.
    """
    folder, name, reading = read_folder(Path(recipe.path), recipe.layout)
    found = split(reading.entries, recipe.split_rule, recipe.known, recipe.seed, recipe.path)
    return folder, reading, replace(found, layout=name)


def listing(recipe: FolderRecipe) -> Listing:
    """Classes and roles of a folder's photographs, without reading their pixels.

    Raises:
        DataError: nothing to read, a file that belongs to no model, or a split that the folder cannot give.
    """
    _, reading, found = plan(recipe)
    if reading.wrong:
        path = min(reading.wrong)
        raise DataError(
            f"photo '{path}' {reading.wrong[path]}. "
            f"{len(reading.wrong)} of {len(reading.wrong) + len(reading.entries)} photos; "
            "fix or list it in exclude.txt (bench data check lists all)."
        )
    if not reading.entries:
        raise DataError(f"'{recipe.path}' has no photographs ({', '.join(SUFFIXES)}).")
    if reason := why_not(found, recipe.path, any(entry.scene for entry in reading.entries)):
        raise DataError(reason)
    return found


class FolderReader:
    """Decodes photographs and cuts out their center; picklable, for worker processes."""

    def __init__(self, root: Path, size: int, found: Listing) -> None:
        self.root = root
        self.size = size
        self.layout = found.layout
        self.total = found.total

    def __call__(self, items: Sequence[Item]) -> list[Shot]:
        """The photographs of `items`, in order; DataError on the first that cannot be used."""
        reads = LAYOUTS.create(self.layout)
        shots = []
        for item in items:
            try:
                photo = read_photo(self.root / item.name, self.size, reads)
            except UnusableError as fault:
                raise DataError(
                    f"photo '{item.name}' {fault}. 1 of {self.total} photos; "
                    "fix or list it in exclude.txt (bench data check lists all)."
                ) from None
            shots.append(Shot(center(photo.pixels, self.size), item.scene, None))
        return shots


def files_key(recipe: FolderRecipe, found: Listing) -> str:
    """What a build is remembered by: size, roles, labels and the digests of files, and no path.

    Two keys may stand for one data set, whose identity is its pixels; one key never stands for two.
    """
    root = Path(recipe.path)
    digests = _digests(root, [item.name for role in ROLES for item in found.items[role]])
    roles = {r: [[i.camera, i.device, i.number, i.scene, digests[i.name]] for i in found.items[r]] for r in ROLES}
    facts = {"size": recipe.size, "seed": recipe.seed, "models": found.camera_models, "known": found.known}
    return digest("files", facts | {"rule": found.rule, "roles": roles})


def _digests(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """sha256 of each file; known ones from the user's cache while size and modification time stay the same."""
    from platformdirs import user_cache_path

    store = user_cache_path("benchbench") / "digests" / f"{sha256(str(root.resolve()).encode()).hexdigest()[:32]}.json"
    try:
        known = parsed(store.read_bytes())
    except (OSError, ValueError):
        known = {}
    if not isinstance(known, dict) or not all(isinstance(v, list) and len(v) == 3 for v in known.values()):
        known = {}

    def facts(path: str) -> tuple[int, int, str]:
        stat = (root / path).stat()
        size, modified, digest = known.get(path, (None, None, None))
        fresh = (size, modified) == (stat.st_size, stat.st_mtime_ns)
        return stat.st_size, stat.st_mtime_ns, str(digest) if fresh else file_digest(root / path)

    try:
        with ThreadPoolExecutor(cores()) as pool:
            now = dict(zip(paths, pool.map(facts, paths), strict=True))
    except OSError as error:
        raise DataError(f"photo '{error.filename}' cannot be read ({error.strerror}).") from None
    if {k: list(v) for k, v in now.items()} != known:
        try:
            store.parent.mkdir(parents=True, exist_ok=True)
            replace_file(store, lambda file: file.write(json.dumps(now).encode()))
        except OSError:
            pass  # a read-only home costs time, not correctness
    return {path: digest for path, (_, _, digest) in now.items()}


def content_id(size: int, seed: int, known: Mapping[str, bool], roles: Mapping[Role, Sequence[Sequence[Any]]]) -> str:
    """Identity of photographs by what they are: crops and labels, whatever rendered, named or sorted them.

    known: of each camera model, by name. roles: [model, device's place, sha256 of the crop] of each photograph, by
    role, in order within the device.
    """
    rows = {role: sorted(roles[role], key=lambda row: (str(row[0]), int(row[1]))) for role in roles}
    return digest("photographs", {"size": size, "seed": seed, "known": known, "roles": rows})
