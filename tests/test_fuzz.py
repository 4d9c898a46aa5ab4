"""Inputs that nobody thought of: cells, manifests, profiles, index files and command lines end in a result or an error.

Some seconds of it run with the suite; BENCHBENCH_FUZZ_SECONDS=600 spends so long on it (CONTRIBUTING.md).
"""

# ruff: noqa: RUF005
from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchbench.base.errors import BenchError, StoreError
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore

SECONDS = float(os.environ.get("BENCHBENCH_FUZZ_SECONDS", 0))
PARTS = 6
EXAMPLES = 25

words = st.sampled_from(
    ["", "a", "..", "../x", "/etc", "a/b", "a\nb", "\x1b[31m", "<b>", "|", "`", "nan", "1e999", "-1", "x" * 300, "é"]
    + ["pgd", "cama", "smoke", "uint8", "in", "all", "resnet18/rgb/complete", "*", "[", "]", "\\", "%", "\u202e"]
) | st.text(max_size=8)
numbers = st.sampled_from([0, -1, 1, 2, 10**9, 10**30, 1e308, -0.0, 0.5, float("nan"), float("inf")]) | st.integers()
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def fuzzed(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], count: int = EXAMPLES) -> None:
    """Feed `check`, which raises for a fault, with some examples, or for a sixth of the time that is asked for."""

    @settings(
        max_examples=count if not SECONDS else 300,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def examples(value: Any) -> None:
        check(value)

    began = time.monotonic()
    examples()
    while time.monotonic() - began < SECONDS / PARTS:
        examples()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places of a JSON value; of a long list its ends."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for i in sorted({0, 1, len(value) - 1} & set(range(len(value)))):
            found += places(value[i], (*path, i))
    return found


def changed(value: Any, edits: list[tuple[tuple[Any, ...], str, Any]]) -> Any:
    """A copy with places set, taken out, or named anew."""
    made = json.loads(json.dumps(value))
    for path, how, new in edits:
        home = made
        try:
            for key in path[:-1]:
                home = home[key]
            if how == "set":
                home[path[-1]] = new
            elif how == "drop":
                del home[path[-1]]
            else:
                home[str(new)] = home[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # an edit before this one took the place away
    return made


def edited(value: Any) -> st.SearchStrategy[Any]:
    edit = st.tuples(st.sampled_from(places(value)), st.sampled_from(["set", "set", "drop", "name"]), values)
    return st.lists(edit, min_size=1, max_size=3).map(lambda edits: changed(value, edits))


@pytest.fixture(scope="module")
def cell(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Cell:
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench import Protocol, RunOptions, load_profile
    from benchbench.harness.run import run

    root = tmp_path_factory.mktemp("cell")
    run(
        [Shift()],
        [Toy(look="rgb", overlap="complete")],
        ("in",),
        protocols=[Protocol()],
        profile=load_profile("smoke"),
        source=Colors(),
        options=RunOptions(workers=1, cache=root / "c", results=root / "r"),
    )
    return next(CellStore(root / "r").cells())


def test_cells(cell: Cell, tmp_path: Path) -> None:
    """With digest and identity made anew, so that what they say is what is looked at."""
    from benchbench.records.packs import packed
    from benchbench.records.reading import identify
    from benchbench.report.writing import gates_of, write_all

    def check(body: Any) -> None:
        try:
            made = Cell.model_validate(body)
            craft, own = identify(made)
            made = made.model_copy(
                update={"cell_id": own, "craft": made.craft.model_copy(update={"craft_id": craft}), "schema_version": 3}
            )
            (text,) = packed([made]).values()
        except (ValidationError, BenchError):
            return  # it cannot even be written down
        pack = tmp_path / "d" / "p" / "packs" / "a-uint8.jsonl"
        pack.parent.mkdir(parents=True, exist_ok=True)
        pack.write_text(text)
        problems: list[StoreError] = []
        assert write_all(tmp_path, published=True, problems=problems, forms=["latex", "csv"])
        gates_of(tmp_path, CellStore(tmp_path).cells(problems=problems))

    fuzzed(edited(json.loads(cell.model_dump_json())), check)


def test_files_of_cells(cell: Cell, tmp_path: Path) -> None:
    """Without: bytes turned, cut and put in."""
    store = CellStore(tmp_path)
    path = store.write(cell)
    whole = {p: p.read_bytes() for p in (path, store.craft_path(cell))}

    def check(edit: tuple[int, int, int, bytes]) -> None:
        which, at, cut, put = edit
        place, content = list(whole.items())[which]
        at %= len(content)
        place.write_bytes(content[:at] + put + content[at + cut :])
        problems: list[StoreError] = []
        found = list(CellStore(tmp_path).cells(problems=problems))
        assert found == [cell] or (not found and problems)
        place.write_bytes(content)

    fuzzed(st.tuples(st.integers(0, 1), st.integers(0, 10**6), st.integers(0, 50), st.binary(max_size=20)), check)


def test_manifests(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    from benchbench.data.folder.recipe import FolderRecipe, listing

    for i in range(5):
        Image.fromarray(np.full((32, 32, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    entry = words | st.sampled_from([f"{i}.png" for i in range(5)]) | st.just("../x.png")
    row = st.lists(entry, max_size=5).map(",".join)
    head = st.sampled_from(["path,camera_model,device", "path,camera_model,device,scene,role", "path;device"]) | row
    plain = st.tuples(head, st.lists(row, max_size=6)).map(lambda t: "\n".join([t[0], *t[1]]).encode("utf-8", "ignore"))

    def check(content: bytes) -> None:
        (tmp_path / "manifest.csv").write_bytes(content)
        try:
            found = listing(FolderRecipe(path=str(tmp_path), size=32, layout="manifest"))
        except BenchError:
            return
        assert all((tmp_path / i.name).resolve().parent == tmp_path for items in found.items.values() for i in items)

    fuzzed(plain | st.binary(max_size=80), check)


def test_profiles(plugin: Path, tmp_path: Path) -> None:
    from benchbench.contracts import profile as profiles
    from benchbench.contracts.profile import Profile, load_profile
    from benchbench.data.virtual.recipe import VirtualRecipe

    text = (Path(profiles.__file__).parent / "profiles" / "smoke.toml").read_text(encoding="utf-8")
    lines = text.replace('name = "smoke"', 'name = "mine"').splitlines()
    assert any("mine" in line for line in lines)
    value = st.sampled_from(["0", "-1", "1e999", "nan", "inf", "9" * 30, "'x'", "[]", "{}", "true", "[" * 3000, "64"])
    key = words | st.sampled_from(["[attacks.pgdd]", "[data]", "epochs", "[target_overrides]"])
    put = st.tuples(st.integers(0, len(lines)), st.tuples(key, value).map(" = ".join) | value | words)
    alter = st.tuples(st.integers(0, len(lines) - 1), value)

    def check(edits: tuple[list[tuple[int, str]], list[tuple[int, str]]]) -> None:
        made = list(lines)
        for i, new in edits[0]:
            made[i] = made[i].partition("=")[0] + "= " + new if "=" in made[i] else made[i]
        for i, new in edits[1]:
            made.insert(i, new)
        (tmp_path / "p.toml").write_bytes("\n".join(made).encode("utf-8", "surrogatepass"))
        try:
            found = load_profile(str(tmp_path / "p.toml"))
            assert isinstance(found, Profile) and found.digest
            VirtualRecipe.of(found.data, found.name)
        except BenchError:
            return

    fuzzed(st.tuples(st.lists(alter, max_size=2), st.lists(put, max_size=2)), check)


def test_index_files(cell: Cell, tmp_path: Path) -> None:
    from benchbench.contracts.photographs import Dataset
    from benchbench.records.cache import Cache
    from benchbench.records.dataset import read_summary
    from benchbench.records.mirror import Mirror
    from benchbench.records.zoo import Zoo

    network = {"file": "a.safetensors", "sha256": "0" * 64, "half": ["w"], "label": "a", "bytes": 3}
    known = {"fingerprints": {"test": "0"}, "shared": {"scenes": 0}, "clean": {}, "evaluators": {}}
    zoo = {"format": 1, "networks": {"f" * 32: network}, "photographs": {"d" * 32: known}}
    meta = {"format": 1, "data_id": "d", "name": "n", "camera_models": ["a", "b"], "known": 1, "size": 32}
    meta |= {"fingerprints": {"test": "0"}, "recipe": {}, "cameras": {}, "photographs": {}}
    (tmp_path / "a.safetensors").write_bytes(b"abc")
    place = tmp_path / "c" / "fits" / ("f" * 32)
    place.mkdir(parents=True)
    (tmp_path / "store" / "fits").mkdir(parents=True)

    def check(found: dict[str, Any]) -> None:
        (tmp_path / "index.json").write_text(json.dumps(found["zoo"]))
        (tmp_path / "meta.json").write_text(json.dumps(found["meta"]))
        (tmp_path / "dataset.json").write_text(json.dumps(found["meta"]))
        (tmp_path / "store" / "fits" / "a.files.json").write_text(json.dumps(found["list"]))
        (place / "record.json").write_text(json.dumps(found["record"]))
        zoo, cache = Zoo(tmp_path), Cache(tmp_path / "c")
        for attempt in (
            lambda: [zoo.state(f) for f in zoo.ids()],
            lambda: zoo.adopt_clean(["k"], "d" * 32, "0", {}, cache),
            lambda: Dataset(tmp_path).photos("test"),
            lambda: read_summary(tmp_path / "dataset.json"),
            lambda: Mirror(f"file://{tmp_path}/store").fetch("fits/a", tmp_path / "c"),
            lambda: list(cache.records()),
        ):
            try:
                attempt()
            except BenchError:
                continue
        assert (tmp_path / "a.safetensors").read_bytes() == b"abc", "nothing was removed"

    record = {"label": "a", "files": {"state.safetensors": 3}, "needs": {}, "cost": 1.0, "seconds": 3.0}
    whole = {"zoo": zoo, "meta": meta, "list": {"copy": "b", "files": {"state.safetensors": 3}}, "record": record}
    fuzzed(edited(whole).filter(lambda value: value.keys() >= whole.keys()), check)


def test_command_lines(bench_here: Any, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    name = words | st.sampled_from(["pgd[psnr=nan]", "shift", "fade,shift", "toybox:Shove", "shift[a=b]"])
    option = st.sampled_from(["--attack", "--targets", "--split", "--condition", "--budget", "--rule", "--seed"])
    option |= st.sampled_from(["--workers", "--results", "--profile", "--dataset", "--format", "--only", "--measures"])
    safe = name.filter(lambda text: not text.startswith(("/", "..")) and "all" not in text and "\0" not in text)
    options = st.lists(st.tuples(option, safe), max_size=3).map(lambda pairs: [word for pair in pairs for word in pair])
    head = st.sampled_from(
        [["run", "--dry-run", "--profile", "smoke", "--targets", "toy/*"], ["status", "--profile", "smoke"], ["table"]]
        + [["plan", "--profile", "smoke", "--targets", "toy/*"], ["gc", "--dry-run"], ["results", "verify"], ["curve"]]
        + [["report"], ["show", "confusion"], ["list", "attacks"], ["data", "check"], ["results", "diff"]]
    )

    def check(words: tuple[list[str], list[str], list[str]]) -> None:
        asked = [w.encode("utf-8", "ignore").decode() for part in words for w in part]
        done = bench_here(*asked)
        assert done.returncode in (0, 1, 2), done.stderr
        assert done.returncode != 2 or done.stderr.strip(), asked

    fuzzed(st.tuples(head, options, st.lists(safe, max_size=1)), check, count=12)
