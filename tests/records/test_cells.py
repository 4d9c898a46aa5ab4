from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchbench.base.errors import StoreError
from benchbench.base.files import write_atomic
from benchbench.base.identity import digest
from benchbench.records.cells import CellStore
from benchbench.records.reading import craft_record, identify


@pytest.fixture
def store(bench: Callable[..., Any], tmp_path: Path) -> CellStore:
    bench(splits=("in",))
    return CellStore(tmp_path / "a" / "r")


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def renewed(record: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> None:
    """Edit as somebody who writes the digest anew."""
    change(record)
    del record["content"]
    record["content"] = digest("content", record)


def test_round_trip_find_and_paths(store: CellStore) -> None:
    cells = list(store.cells())
    assert len(cells) == 2
    for cell, path in zip(cells, store.paths(), strict=True):
        assert store.path_of(cell) == path
        assert path.name == f"{cell.target.name.replace('/', '_')}-in-{cell.cell_id[:8]}.json"
        assert path.parent == store.results / "colors" / "smoke" / "cells" / "shift"
        assert store.find(cell.cell_id) == cell
        before = path.read_bytes()
        store.write(cell)
        assert path.read_bytes() == before
    assert store.find("0" * 32) is None
    assert list(store.cells(dataset="other")) == [] == list(store.cells(profile="paper"))


def test_links_are_recorded_where_a_card_has_some(store: CellStore) -> None:
    """And are no part of an identity; a record without any is as it was before there were links."""
    cell = next(store.cells())
    assert "links" not in craft_record(cell)["attack"]
    links = {"paper": "https://example.org/paper"}
    linked = cell.model_copy(update={"attack": cell.attack.model_copy(update={"links": links})})
    assert identify(linked) == (cell.craft.craft_id, cell.cell_id)
    other = CellStore(store.results / "other")
    other.write(linked)
    assert next(other.cells()).attack.links == links


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda r: r["outcomes"]["predicted"].__setitem__(0, 2), "was changed after it was written"),
        (lambda r: r["target"]["params"].update(look="other"), "was changed after it was written"),
        (lambda r: r["provenance"].update(seconds=0), "was changed after it was written"),
        (lambda r: r["provenance"].update(seconds=float("nan")), "was changed"),
        (lambda r: r.update(note="mine"), "was changed"),
        (lambda r: renewed(r, lambda b: b.update(note="mine")), "is not a cell: 'note'"),
        (lambda r: renewed(r, lambda b: b.pop("outcomes")), "is not a cell: 'outcomes'"),
        (lambda r: renewed(r, lambda b: b["outcomes"]["predicted"].pop()), "contradicts itself"),
        (lambda r: renewed(r, lambda b: b["outcomes"]["predicted"].__setitem__(0, 99)), "contradicts itself"),
        (lambda r: renewed(r, lambda b: b.update(craft_id="0" * 32)), "has no craft '0000"),
        (lambda r: r.pop("content"), "was changed after it was written"),
    ],
)
def test_an_edited_cell_is_refused_by_name(store: CellStore, change: Any, complaint: str) -> None:
    path, other = store.paths()
    edit(path, change)
    with pytest.raises(StoreError, match=complaint) as caught:
        store.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    problems: list[StoreError] = []
    assert [store.path_of(cell) for cell in store.cells(problems=problems)] == [other]
    assert len(problems) == 1


def test_an_edit_that_renews_the_digest_is_still_refused_when_it_moves_the_identity(store: CellStore) -> None:
    from benchbench.base.identity import digest

    def forge(record: dict[str, Any]) -> None:
        record["target"]["version"] = 9
        del record["content"]
        record["content"] = digest("content", record)

    edit(store.paths()[0], forge)
    with pytest.raises(StoreError, match="gives another cell_id"):
        store.read(store.paths()[0])


def test_a_truncated_cell_is_refused(store: CellStore) -> None:
    path = store.paths()[0]
    text = path.read_bytes()
    for length in (0, 1, len(text) // 2, len(text) - 3):
        path.write_bytes(text[:length])
        with pytest.raises(StoreError, match="is not a whole JSON file") as caught:
            store.read(path)
        assert str(path) in str(caught.value)


def test_a_newer_schema_is_named(store: CellStore) -> None:
    path = store.paths()[0]
    edit(path, lambda r: r.update(schema_version=4))
    with pytest.raises(StoreError) as caught:
        store.read(path)
    assert str(caught.value) == f"{path} has schema 4; this benchbench reads up to 3. Upgrade benchbench."


def test_a_run_refuses_a_damaged_cell_and_loses_nothing(store: CellStore, bench: Callable[..., Any]) -> None:
    path, other = store.paths()
    kept = other.read_bytes()
    edit(path, lambda r: r["outcomes"]["predicted"].__setitem__(0, 99))
    with pytest.raises(StoreError, match=path.name):
        bench(splits=("in",))
    assert other.read_bytes() == kept
    path.unlink()
    assert len(bench(splits=("in",)).computed) == 1


def test_no_space_leaves_nothing_half_written(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: a write fails in its middle."""
    code = f"""
import resource, sys
from pathlib import Path
from benchbench.base.files import write_atomic
from benchbench.base.identity import digest
from benchbench.base.errors import StoreError
path = Path({str(tmp_path)!r}) / "deep" / "cell.json"
write_atomic(path, b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(path, b"x" * 5000)
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be written (File too large)" in done.stdout and "it resumes" in done.stdout
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["cell.json"]
    assert (tmp_path / "deep" / "cell.json").read_bytes() == b"old"


def test_old_temporary_files_are_removed_and_young_ones_left(store: CellStore) -> None:
    import os
    import time

    folder = store.paths()[0].parent
    old, young = folder / ".a.json.1.tmp", folder / ".b.json.2.tmp"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    store.clean()
    assert not old.exists() and young.exists()


def test_write_atomic_replaces(tmp_path: Path) -> None:
    write_atomic(tmp_path / "f", b"1")
    write_atomic(tmp_path / "f", b"2")
    assert (tmp_path / "f").read_bytes() == b"2" and len(list(tmp_path.iterdir())) == 1
