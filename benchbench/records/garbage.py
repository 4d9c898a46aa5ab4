"""What of the cache can go: everything there can be computed again, and nothing of it is a result."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbench.base.errors import BenchError, StoreError
from benchbench.base.files import is_locked
from benchbench.contracts.roles import TEST_ALONE
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore


@dataclass(frozen=True)
class Item:
    """A folder or file that can go."""

    path: Path
    label: str
    why: str
    size: int


def find(cache: Cache, store: CellStore, *, everything: bool = False) -> list[Item]:
    """Return what can go, largest first.

    Fits, photographs and confusion matrices that no readable cell refers to, directly or through the fits that its fits
    build on; unfinished work that no process holds; tracebacks. What a process holds at the moment always stays.

    Args:
        everything: also what cells refer to.

    Raises:
        BenchError: without `everything`, where there is no readable cell: all would go, as from a wrong folder.
    """
    fits, data = (set(), set()) if everything else _referred(cache, store)
    if not everything and not data:
        raise BenchError(
            f"no readable cell under '{store.results}', so the whole cache would go. "
            "Name the folder of your results with --results, or free everything with --all."
        )
    needed = cache.leased()
    if needed is None:  # a run begins, and nobody knows yet what it needs
        return []
    found = []
    for folder in sorted(cache.root.glob("fits/*")):
        if folder.name not in fits | needed and not cache.held(folder.name):
            found.append(_item(folder, _label(cache, folder.name), "no cell refers to it"))
    for folder in sorted(cache.root.glob("work/*")):
        if folder.is_dir() and folder.name not in needed and not cache.held(folder.name):
            found.append(_item(folder, f"checkpoint {folder.name[:8]}", "unfinished, and nobody works on it"))
    for folder in sorted(cache.root.glob("data/*")):
        place = folder.name.removesuffix(".part")
        key = place.removesuffix(TEST_ALONE)
        kept = key in data and folder.name == place and not (place != key and (folder.parent / key).is_dir())
        if folder.is_dir() and not kept and key not in needed and not is_locked(folder.with_name(f"{place}.lock")):
            if folder.name != place:
                why = "unfinished, and nobody works on them"
            else:
                why = "no cell refers to them" if key not in data else "the whole data set holds them as well"
            found.append(_item(folder, f"photographs {key[:8]}", why))
    for path in sorted(cache.root.glob("runs/*.json")):
        if not is_locked(path):
            found.append(_item(path, "lease", "of a run that was killed"))
    loose = ["scenes", "logs", "ablation", "broken"]
    if not needed:  # a learning curve or a crossing of the moment reads what lies there
        loose += ["learning", "parts"]
    if (everything or not fits) and not needed:  # a confusion matrix is small, and is kept with its networks
        loose.append("clean")
    for name in loose:
        if (cache.root / name).is_dir():
            found.append(_item(cache.root / name, name, "tracebacks" if name == "logs" else "made again when needed"))
    return sorted(found, key=lambda item: (-item.size, str(item.path)))


def remove(cache: Cache, items: list[Item]) -> None:
    """Remove items of this cache.

    Raises:
        StoreError: an item lies outside the cache, or cannot be removed.
    """
    root = cache.root.resolve()
    for item in items:
        if root not in item.path.resolve().parents:
            raise StoreError(f"'{item.path}' is not in the cache '{cache.root}'; nothing outside it is removed.")
        try:
            if item.path.is_dir():
                shutil.rmtree(item.path)
            else:
                item.path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"'{item.path}' cannot be removed: {error.strerror or error}.") from error


def _referred(cache: Cache, store: CellStore) -> tuple[set[str], set[str]]:
    """Return the fits and the photographs that cells were made with, ancestors included.

    Raises:
        StoreError: a cell cannot be read: what it needs is not known.
    """
    fits: set[str] = set()
    data: set[str] = set()
    problems: list[StoreError] = []
    for cell in store.cells(problems=problems):
        fits |= {*cell.attack.fits.values(), *cell.target.fits.values()}
        data.add(cell.dataset.data_id)
    # Where no cell can be read, that is the trouble, and `find` says so.
    if (unread := next((p for p in problems if data or isinstance(p.__cause__, OSError)), None)) is not None:
        raise StoreError(
            f"what its cell needs is not known, so nothing is removed: {unread}  (--all frees everything.)"
        ) from unread
    waiting = list(fits)
    while waiting:
        for need in _needs(cache, waiting.pop()):
            if need not in fits:
                fits.add(need)
                waiting.append(need)
    return fits, data


def _needs(cache: Cache, fit_id: str) -> Iterator[str]:
    if cache.has(fit_id):
        yield from cache.record(fit_id).get("needs", {}).values()


def _label(cache: Cache, fit_id: str) -> str:
    try:
        return str(cache.record(fit_id)["label"])
    except (StoreError, KeyError):
        return f"damaged fit {fit_id[:8]}"


def _item(path: Path, label: str, why: str) -> Item:
    files = path.rglob("*") if path.is_dir() else [path]
    return Item(path, label, why, sum(p.stat().st_size for p in files if p.is_file()))
