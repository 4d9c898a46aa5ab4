"""The store that stands in for a shared folder, on fsspec's file and memory systems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from benchbench.base.errors import StoreError
from benchbench.harness.executors.jobs import Job
from benchbench.harness.executors.mirrored import mirrored
from benchbench.records import mirror as module
from benchbench.records.mirror import Mirror, split_place


@pytest.fixture(params=["file", "memory"])
def store(request: Any, tmp_path: Path) -> Iterator[Mirror]:
    url = f"file://{tmp_path}/store" if request.param == "file" else f"memory://{tmp_path.name}"
    yield Mirror(url)
    fsspec.filesystem("memory").store.clear()


def entry(cache: Path) -> None:
    (cache / "fits" / "a" / "deep").mkdir(parents=True)
    (cache / "fits" / "a" / "state.safetensors").write_bytes(b"12345")
    (cache / "fits" / "a" / "deep" / "record.json").write_text("{}")


def test_there_and_back(store: Mirror, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert store.names("fits") == frozenset() and not store.fetch("fits/a", there)
    entry(here)
    store.put("fits/a", here)
    store.put("fits/absent", here)
    assert store.names("fits") == {"a"} and store.has("fits/a") and not store.has("fits/absent")
    assert store.fetch("fits/a", there) and store.fetch("fits/a", there)
    files = {str(p.relative_to(there)): p.read_bytes() for p in there.rglob("*") if p.is_file()}
    assert files == {"fits/a/state.safetensors": b"12345", "fits/a/deep/record.json": b"{}"}


def test_a_copy_that_was_cut_short_is_no_entry(store: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry(tmp_path / "here")
    with monkeypatch.context() as patch, pytest.raises(StoreError, match="cannot be used"):
        patch.setattr(type(fsspec.core.url_to_fs(store.url)[0]), "pipe_file", lambda *_, **__: 1 / 0)
        store.put("fits/a", tmp_path / "here")
    assert not store.has("fits/a") and not store.fetch("fits/a", tmp_path / "there")
    files, root = fsspec.core.url_to_fs(store.url)
    assert not files.glob(f"{root}/fits/a.*"), "nothing of it is left in the store"
    store.put("fits/a", tmp_path / "here")
    assert store.has("fits/a")


def test_two_machines_that_store_an_entry_at_once_do_not_mix_their_files(store: Mirror, tmp_path: Path) -> None:
    one, two, there = tmp_path / "one", tmp_path / "two", tmp_path / "there"
    entry(one)
    entry(two)
    (two / "fits" / "a" / "state.safetensors").write_bytes(b"1234567")
    files, root = fsspec.core.url_to_fs(store.url)
    store.put("fits/a", one)
    first = files.cat_file(f"{root}/fits/a.files.json")
    files.rm(f"{root}/fits/a.files.json")
    store.put("fits/a", two)
    files.pipe_file(f"{root}/fits/a.files.json", first)  # the first began first, and ended last
    assert store.fetch("fits/a", there)
    assert (there / "fits" / "a" / "state.safetensors").read_bytes() == b"12345"


def test_a_store_without_copies_is_read(store: Mirror, tmp_path: Path) -> None:
    files, root = fsspec.core.url_to_fs(store.url)
    files.makedirs(f"{root}/fits/a", exist_ok=True)
    files.pipe_file(f"{root}/fits/a/record.json", b"{}")
    files.pipe_file(f"{root}/fits/a.files.json", b'{"record.json": 2}')
    assert store.names("fits") == {"a"} and store.fetch("fits/a", tmp_path / "there")
    assert (tmp_path / "there" / "fits" / "a" / "record.json").read_bytes() == b"{}"
    files.pipe_file(f"{root}/fits/b.files.json", b'{"record.json": Infinity}')
    with pytest.raises(StoreError, match="cannot be read"):
        store.fetch("fits/b", tmp_path / "there")


def test_a_file_of_another_length_is_refused(store: Mirror, tmp_path: Path) -> None:
    entry(tmp_path / "here")
    store.put("fits/a", tmp_path / "here")
    files, root = fsspec.core.url_to_fs(store.url)
    (stored,) = files.glob(f"{root}/fits/a.*/state.safetensors")
    files.pipe_file(stored, b"123")
    with pytest.raises(StoreError, match=r"fits/a\.\w+/state.safetensors has 3 bytes; 5 are expected"):
        store.fetch("fits/a", tmp_path / "there")
    assert not [p for p in (tmp_path / "there").rglob("*") if p.is_file()]


def test_a_job_takes_over_the_checkpoint_of_a_lost_machine(
    store: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0.0)
    seen: list[str | None] = []

    def train(cache: Path, last: int) -> Any:
        path = cache / "work" / "b" / "checkpoint.pt"

        def call(progress: Any) -> None:
            seen.append(path.read_text() if path.exists() else None)
            for step in range(2, last):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(str(step))
                progress(step, 9, "")
            if last < 9:
                raise SystemExit  # the machine goes
            (cache / "fits" / "b").mkdir(parents=True)
            (cache / "fits" / "b" / "record.json").write_text("{}")

        return call

    job = Job(key="b", label="B", call=print, writes=("fits/b",))
    one, two = tmp_path / "one", tmp_path / "two"
    with pytest.raises(SystemExit):
        mirrored(replace(job, call=train(one, 4)), store.url, one).call(lambda *_: None)
    mirrored(replace(job, call=train(two, 9)), store.url, two).call(lambda *_: None)
    assert seen == [None, "3"]
    files, root = fsspec.core.url_to_fs(store.url)
    assert store.has("fits/b") and not files.exists("/".join([root, "work", "b", "checkpoint.pt"]))
    assert json.loads(files.cat_file(f"{root}/fits/b.files.json"))["files"] == {"record.json": 2}


def test_a_cache_is_a_folder_or_a_url(tmp_path: Path) -> None:
    assert split_place(None, tmp_path) == (tmp_path, None)
    assert split_place("some/folder", tmp_path) == (Path("some/folder"), None)
    assert split_place("s3://lab/bench/", tmp_path) == (tmp_path, "s3://lab/bench")
    job = Job(key="b", label="B", call=print)
    assert mirrored(job, None, tmp_path) is job


def test_a_store_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cache 'foo://x' cannot be used \(ValueError: Protocol not known: foo\)\."):
        Mirror("foo://x").has("fits/a")
