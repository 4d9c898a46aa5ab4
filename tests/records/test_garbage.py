"""bench gc: what no cell refers to goes, results stay, and what a process holds stays."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchbench.base.errors import BenchError, StoreError
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore
from benchbench.records.garbage import Item, find, remove

Bench = Callable[..., Any]


def test_only_what_no_cell_refers_to_goes(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.toys import Toy

    bench(None, [Toy(look="rgb", overlap="complete")])
    cache, store = Cache(tmp_path / "a" / "c"), CellStore(tmp_path / "a" / "r")
    before = {p.name for p in cache.root.glob("fits/*")}
    assert find(cache, store) == [], "parents of what cells refer to are referred to"
    bench(None, [Toy(look="gray", overlap="partial")], where="a")
    cells = {p: p.read_bytes() for p in store.paths()}
    for path in cells:
        if "gray" in path.name:
            path.unlink()
    found = find(cache, store)
    assert {item.label for item in found} == {"centers p 5 gray", "means p 5"}
    remove(cache, found)
    assert {p.name for p in cache.root.glob("fits/*")} == before
    assert bench(None, [Toy(look="rgb", overlap="complete")]).sentence.startswith("0 computed, 2 already there")
    remove(cache, find(cache, store, everything=True))
    assert not list(cache.root.glob("fits/*")) and all(p.exists() for p in cells if "gray" not in p.name)


def test_what_a_process_works_on_stays(tmp_path: Path) -> None:
    cache, store = Cache(tmp_path / "c"), CellStore(tmp_path / "r")
    work = cache.root / "work" / "abc"
    work.mkdir(parents=True)
    (work / "checkpoint.pt").write_bytes(b"x" * 10)
    with (cache.root / "work" / "abc.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert find(cache, store, everything=True) == []
    (left,) = find(cache, store, everything=True)
    assert (left.path, left.size) == (work, 10)


def test_what_learning_curves_looked_at_goes_unless_a_run_of_the_moment_needs_it(tmp_path: Path) -> None:
    cache, store = Cache(tmp_path / "c"), CellStore(tmp_path / "r")
    folder = cache.root / "learning"
    folder.mkdir(parents=True)
    (folder / "a.npy").write_bytes(b"x" * 10)
    with cache.lease() as need:
        need(["some fit"])
        assert find(cache, store, everything=True) == []
    (left,) = find(cache, store, everything=True)
    assert (left.path, left.label, left.size) == (folder, "learning", 10)
    remove(cache, [left])
    assert not folder.exists()


def test_a_cell_that_cannot_be_read_keeps_everything(bench: Bench, tmp_path: Path) -> None:
    """As one of a newer version: which networks it needs is not known."""
    bench()
    cache, store = Cache(tmp_path / "a" / "c"), CellStore(tmp_path / "a" / "r")
    first = store.paths()[0]
    first.write_text(first.read_text().replace('"schema_version": 3', '"schema_version": 4'))
    with pytest.raises(BenchError, match=r"^what its cell needs is not known, so nothing is removed: .*Upgrade"):
        find(cache, store)
    assert find(cache, store, everything=True)


@pytest.mark.parametrize("edited", [False, True])
def test_without_a_readable_cell_nothing_goes(bench: Bench, tmp_path: Path, edited: bool) -> None:
    """As from a wrong folder, where no cell refers to anything."""
    bench()
    cache, store = Cache(tmp_path / "a" / "c"), CellStore(tmp_path / "a" / "r" if edited else tmp_path / "elsewhere")
    for path in store.paths():
        path.write_text("{}")
    with pytest.raises(
        BenchError, match=r"^no readable cell under '.*', so the whole cache would go\. Name the folder"
    ):
        find(cache, store)
    assert find(cache, store, everything=True)


def test_nothing_outside_the_cache_is_removed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with pytest.raises(StoreError, match="nothing outside it is removed"):
        remove(Cache(tmp_path / "c"), [Item(tmp_path / "r", "", "", 0)])
    assert (tmp_path / "r").exists()


def test_a_cell_that_cannot_be_read_at_the_moment_still_needs_its_networks(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench()
    cache, store = Cache(tmp_path / "a" / "c"), CellStore(tmp_path / "a" / "r")
    assert find(cache, store) == []
    hidden = str(store.paths()[0])
    real = Path.read_bytes

    def read(path: Path) -> bytes:
        if str(path) == hidden:
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(StoreError, match=r"nothing is removed: .* cannot be read: Input/output error"):
        find(cache, CellStore(tmp_path / "a" / "r"))


def test_the_lease_of_a_run_that_was_killed_goes(tmp_path: Path) -> None:
    cache, store = Cache(tmp_path / "c"), CellStore(tmp_path / "r")
    left = tmp_path / "c" / "runs" / "0.json"
    left.parent.mkdir(parents=True)
    left.write_text("[]")
    with cache.lease() as need:
        need([])
        (item,) = find(cache, store, everything=True)
        assert (item.path, item.why, item.size) == (left, "of a run that was killed", 2)
        remove(cache, [item])
        assert len(list(left.parent.glob("*.json"))) == 1, "that of the run of the moment stays"
