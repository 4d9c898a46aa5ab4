"""A folder of real photographs: whose they are, which role they play, and how they are read.

A layout says of each file which camera model and device took it (`bench list layouts`; ours are the modules beside
this one). What it says is then the same for all: roles, crops, identity. `exclude.txt` in the folder lists paths to
leave out, one a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from benchbench.base.errors import DataError, did_you_mean
from benchbench.base.files import file_digest, replace_file
from benchbench.base.processes import cores
from benchbench.base.seeds import stream
from benchbench.contracts.layout import LAYOUTS, SUFFIXES, PhotoFile, photographs
from benchbench.contracts.roles import KNOWN_DEVICES, ROLES, UNKNOWN_DEVICES, Role, SplitRule, role_of_device
from benchbench.data.virtual.processing import center
from benchbench.data.virtual.recipe import Item, Shot


class FolderRecipe(BaseModel):
    """All that moves the pixels of a data set of real photographs.

    path: the folder. layout: its name; by default the one that fits, and part of no identity. size: side of the center
    crop, px. known: names of the models that the attacker knows; by default those with five devices. The crop is the
    plain center, (height - size) // 2 from the top, as in the paper: it keeps no phase of Bayer or JPEG grid.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: Annotated[int, Field(ge=32, multiple_of=8)] = 512
    split_rule: SplitRule = "device"
    known: tuple[str, ...] | None = None
    seed: int = 0
    layout: str | None = None


@dataclass(frozen=True)
class Listing:
    """A folder's photographs by role. notes: sentences on models and roles that come to nothing."""

    items: dict[Role, list[Item]]
    camera_models: tuple[str, ...]
    known: int
    total: int
    notes: tuple[str, ...]


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


def choose_layout(root: Path, asked: str | None = None) -> str:
    """Name of the layout that reads a folder: the one asked for, or the one that can place most of its photographs.

    Raises:
        UnknownNameError: no layout has the name that is asked for.
        DataError: no such folder, nothing in it to read, no layout that knows its names, or two that know equally many.
    """
    if not root.is_dir():
        raise DataError(f"'{root}' is not a folder.")
    if asked is not None:
        LAYOUTS.get(asked)
        return asked
    shares = {name: _share(name, root) for name in LAYOUTS.names()}
    best = max(shares.values(), default=0.0)
    found = [name for name, share in shares.items() if share == best]
    if best <= 0:
        if not photographs(root):
            raise DataError(f"'{root}' has no photographs ({', '.join(SUFFIXES)}).")
        sentence = f"the photographs of '{root}' are named as in none of the layouts {', '.join(shares)}."
        failures = [f"  not loaded: {failure}" for failure in LAYOUTS.failures()]
        raise DataError("\n".join([f"{sentence}  See: bench list layouts", *failures]))
    if len(found) > 1:
        raise DataError(
            f"'{root}' can be read by the layouts {' and '.join(found)}; say which, for example {found[0]}:{root}."
        )
    return found[0]


def _share(name: str, root: Path) -> float:
    try:
        return LAYOUTS.create(name).matches(root)
    except Exception as error:  # a stranger's code; without its name nobody could tell whose fault it is
        raise DataError(
            f"layout '{name}' ({LAYOUTS.origin(name)}) failed on '{root}': {type(error).__name__}: {error}. "
            f"Name another, as LAYOUT:{root}.  See: bench list layouts"
        ) from error


def read_entries(root: Path, layout: str | None = None) -> tuple[list[PhotoFile], dict[str, str]]:
    """All photographs of the folder that exclude.txt does not name, by path; and what is wrong with the others,
    by path.

    layout: its name; by default the one that `choose_layout` finds.

    Raises:
        UnknownNameError: no such layout.
        DataError: no such folder, or no layout that reads it.
    """
    entries, wrong = LAYOUTS.create(choose_layout(root, layout)).read(root, _excluded(root))
    return sorted(entries, key=lambda e: e.path), wrong


def _excluded(root: Path) -> frozenset[str]:
    file = root / "exclude.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def devices(entries: Sequence[PhotoFile]) -> dict[str, list[str]]:
    """The devices of each model, both in natural order (2 before 10)."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        found.setdefault(entry.model, set()).add(entry.device)
    return {model: sorted(found[model], key=_natural) for model in sorted(found, key=_natural)}


def _natural(text: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", text) if part]


def choose_models(counts: Mapping[str, int], known: tuple[str, ...] | None) -> tuple[list[str], list[str]]:
    """Known and unknown models from the number of devices of each.

    As in the paper, exactly five and exactly three, if there are such; else at least five, and three or four. A
    folder with neither has unknown models only, so that it can at least be read.

    Raises:
        DataError: `known` names a model that is not there or has less than five devices.
    """
    if known is not None:
        for model in known:
            if model not in counts:
                raise DataError(f"no photograph is of model '{model}'.{did_you_mean(model, counts)}")
            if counts[model] < KNOWN_DEVICES:
                raise DataError(
                    f"model '{model}' has {counts[model]} devices; "
                    f"a known model needs {KNOWN_DEVICES}: two for q, two for p, one for test."
                )
        return list(known), [m for m, n in counts.items() if n >= UNKNOWN_DEVICES and m not in known]
    five = [m for m, n in counts.items() if n == KNOWN_DEVICES]
    three = [m for m, n in counts.items() if n == UNKNOWN_DEVICES]
    if not (five and three):
        five = [m for m, n in counts.items() if n >= KNOWN_DEVICES]
        three = [m for m, n in counts.items() if UNKNOWN_DEVICES <= n < KNOWN_DEVICES]
    return (five, three) if five or three else ([], list(counts))


def listing(recipe: FolderRecipe) -> Listing:
    """Classes and roles of a folder's photographs, without reading their pixels.

    Raises:
        DataError: nothing to read, a file that belongs to no model, or a split that the folder cannot give.
    """
    entries, wrong = read_entries(Path(recipe.path), recipe.layout)
    if wrong:
        path = min(wrong)
        raise DataError(
            f"photo '{path}' {wrong[path]}. "
            f"{len(wrong)} of {len(wrong) + len(entries)} photos; fix or list it in exclude.txt."
        )
    if not entries:
        raise DataError(f"'{recipe.path}' has no photographs ({', '.join(SUFFIXES)}).")
    by_model = devices(entries)
    known, unknown = choose_models({model: len(names) for model, names in by_model.items()}, recipe.known)
    models = [*known, *unknown]
    scene_ids = {
        name: k for k, name in enumerate(sorted({e.scene for e in entries if e.scene is not None}, key=_natural))
    }
    if recipe.split_rule == "scene" and not scene_ids:
        raise DataError(
            f"split_rule 'scene' needs scene ids, and the layout of '{recipe.path}' says none; "
            "a manifest.csv with a column 'scene' can."
        )
    scene_roles = _scene_roles(len(scene_ids), recipe.seed)

    items: dict[Role, list[Item]] = {role: [] for role in ROLES}
    index, numbers = {m: k for k, m in enumerate(models)}, dict.fromkeys(((e.model, e.device) for e in entries), 0)
    for entry in entries:
        if entry.model not in index:
            continue
        place = by_model[entry.model].index(entry.device)
        role = role_of_device(place, entry.model in known)
        scene = scene_ids[entry.scene] if entry.scene is not None else -1
        if role is None or (recipe.split_rule == "scene" and scene >= 0 and scene_roles[scene] != role):
            continue
        number = numbers[entry.model, entry.device]
        numbers[entry.model, entry.device] += 1
        items[role].append(Item(role, index[entry.model], place, number, entry.path, scene))
    for role in ROLES:
        items[role].sort(key=lambda i: (i.camera, i.device, i.number))
    return Listing(items, tuple(models), len(known), len(entries), tuple(_notes(by_model, models, known, items)))


def _scene_roles(count: int, seed: int) -> list[Role]:
    """Share the scenes out at random: 2/5 q, 2/5 p, 1/5 test."""
    turn: tuple[Role, ...] = ("q", "p", "test", "q", "p")
    order = stream(seed, "scene roles").permutation(count)
    roles: list[Role] = ["q"] * count
    for place, scene in enumerate(order.tolist()):
        roles[scene] = turn[place % 5]
    return roles


def _notes(
    by_model: Mapping[str, Sequence[str]],
    models: Sequence[str],
    known: Sequence[str],
    items: Mapping[Role, Sequence[Item]],
) -> list[str]:
    notes = []
    for model, names in by_model.items():
        count = len(names)
        if model not in models or (model not in known and count < UNKNOWN_DEVICES):
            use = "its photographs are left out" if model not in models else "it cannot be trained and tested on"
            plural = "device" if count == 1 else "devices"
            needed = f"{UNKNOWN_DEVICES} (unknown) or {KNOWN_DEVICES} (known)"
            notes.append(f"model '{model}' has {count} {plural}, not {needed}: {use}.")
    for role in ROLES:
        if not items[role]:
            notes.append(
                f"role '{role}' has no photographs: "
                f"a known model needs {KNOWN_DEVICES} devices, an unknown one {UNKNOWN_DEVICES}."
            )
    return notes


class FolderReader:
    """Decodes photographs and cuts out their center; picklable, for worker processes."""

    def __init__(self, root: Path, size: int, total: int) -> None:
        self.root = root
        self.size = size
        self.total = total

    def __call__(self, items: Sequence[Item]) -> list[Shot]:
        """The photographs of `items`, in order; DataError on the first that cannot be used."""
        shots = []
        for item in items:
            pixels, fault = read_photo(self.root / item.name, self.size)
            if pixels is None:
                raise DataError(
                    f"photo '{item.name}' {fault}. 1 of {self.total} photos; "
                    "fix or list it in exclude.txt (bench data check lists all)."
                )
            shots.append(Shot(center(pixels, self.size), item.scene, None))
        return shots


def read_photo(file: Path, size: int) -> tuple[NDArray[np.uint8] | None, str]:
    """The whole photograph (H, W, 3), stored orientation; or None and the rest of a sentence that says why it
    is of no use.
    """
    try:
        with Image.open(file) as image:
            image.load()
            if image.mode != "RGB":
                names = {
                    "L": "gray",
                    "CMYK": "CMYK",
                    "P": "palette",
                    "1": "black and white",
                    "RGBA": "RGB with transparency",
                }
                return None, f"is not RGB ({names.get(image.mode, image.mode)})"
            if min(image.size) < size:
                return None, f"is too small ({image.width}x{image.height}; the crop takes {size}x{size})"
            return np.asarray(image), ""
    except UnidentifiedImageError:
        return None, "cannot be decoded (not an image file)"
    except Exception as error:  # whatever a damaged file makes a decoder raise is a fact about the file
        why = "truncated file" if "truncated" in str(error).lower() else str(error).rstrip(".") or type(error).__name__
        return None, f"cannot be decoded ({why})"


def identity(recipe: FolderRecipe) -> dict[str, Any]:
    """What the data set's digest is taken of: the recipe but for where the folder lies, the labels, and the
    digest of each file. The layout's name adds nothing to the labels that it gave.
    """
    root = Path(recipe.path)
    entries, _ = read_entries(root, recipe.layout)
    digests = _digests(root, [entry.path for entry in entries])
    facts: dict[str, Any] = recipe.model_dump(mode="json", exclude={"path", "layout"})
    facts["photographs"] = [[e.path, e.model, e.device, e.scene, digests[e.path]] for e in entries]
    return facts


def _digests(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """sha256 of each file; known ones from the user's cache while size and modification time stay the same."""
    from platformdirs import user_cache_path

    store = user_cache_path("benchbench") / "digests" / f"{sha256(str(root.resolve()).encode()).hexdigest()[:32]}.json"
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}

    def facts(path: str) -> tuple[int, int, str]:
        stat = (root / path).stat()
        size, modified, digest = known.get(path, (None, None, None))
        fresh = (size, modified) == (stat.st_size, stat.st_mtime_ns)
        return stat.st_size, stat.st_mtime_ns, str(digest) if fresh else file_digest(root / path)

    with ThreadPoolExecutor(cores()) as pool:
        now = dict(zip(paths, pool.map(facts, paths), strict=True))
    if {k: list(v) for k, v in now.items()} != known:
        try:
            store.parent.mkdir(parents=True, exist_ok=True)
            replace_file(store, lambda file: file.write(json.dumps(now).encode()))
        except OSError:
            pass  # a read-only home costs time, not correctness
    return {path: digest for path, (_, _, digest) in now.items()}
