"""Records that no run wrote: refused by name, before anything is allocated, and the others still make a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchbench.base.errors import StoreError
from benchbench.base.identity import digest
from benchbench.records.cell import Cell
from benchbench.records.cells import CellStore
from benchbench.records.column import Column
from benchbench.records.dataset import read_summary
from benchbench.records.mirror import Mirror
from benchbench.records.reading import cell_record, craft_record, identify
from benchbench.records.zoo import Zoo
from benchbench.report.writing import write_all

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def cell(bench: Callable[..., Any], tmp_path: Path) -> Cell:
    bench(splits=("in",))
    return next(CellStore(tmp_path / "a" / "r").cells())


def forged(cell: Cell, change: Change, root: Path) -> CellStore:
    """Write a cell as somebody who knows how digests and ids are made."""
    body = json.loads(cell.model_dump_json())
    change(body)
    made = Cell.model_validate(body)
    craft, own = identify(made)
    made = made.model_copy(update={"cell_id": own, "craft": made.craft.model_copy(update={"craft_id": craft})})
    folder = root / "forged" / "d" / "p"
    for kind, name, record in (
        ("crafts", f"in-{craft[:8]}", craft_record(made)),
        ("cells", f"t-in-{own[:8]}", cell_record(made)),
    ):
        path = folder / kind / "a" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
    return CellStore(root / "forged")


def put(*place: Any) -> Change:
    *keys, last, value = place

    def change(body: dict[str, Any]) -> None:
        for key in keys:
            body = body[key]
        body[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put("dataset", "known", 10**9), "of 5 camera models are known"),
        (put("target", "classes", 10**9), "a target of 1000000000 classes"),
        (put("target", "classes", 10_000), "its clean confusion matrix is not one of its classes"),
        (put("target", "clean", []), "its clean confusion matrix is not one of its classes"),
        (put("target", "clean", 0, [-1, 2, 0, 1, 1]), "holds counts that cannot be"),
        (put("split", "images", 0), "0 photographs, and 9 true classes"),
        (put("split", "classes", [0, 1, 10**9]), "classes of the split are not camera models"),
        (put("split", "classes", [2, 1, 0]), "classes of the split are not camera models"),
        (put("split", "true", 0, 4), "9 photographs, and 9 true classes"),
        (put("craft", "measures", "psnr", "sums", 0, 1e308), "measure 'psnr' has a value that cannot be"),
        (put("craft", "measures", "psnr", "images", [1]), "measure 'psnr' is not one of its trials"),
        (put("craft", "measures", "psnr", "values", [1.0]), "measure 'psnr' is not one of its trials"),
        (put("craft", "measures", "psnr", "values", [10**400] * 18), "measure 'psnr' has a value that cannot be"),
        (put("target", "unattacked", {"pce": [10**400]}), "an outcome of unattacked photographs is no number"),
        (put("outcomes", "predicted", 0, 10**400), "its outcomes are not classes"),
        (put("target", "task", "vote"), "it lacks 'named_0', which task 'vote' records"),
        (put("craft", "identical", [-1, 0, 0]), "its counts of photographs are not of its trials"),
        (put("craft", "surrogate_hits", [0]), "its counts of photographs are not of its trials"),
        (put("craft", "clipped", 7.0), "shares or calls below nothing"),
        (put("craft", "trials", "photograph", 0, 10**30), "its trials are of photographs or models that it does not"),
        (put("outcomes", "predicted", 0, -1), "its outcomes are of classes that its target does not have"),
        (put("outcomes", "predicted", 0, 0.5), "its outcomes are not classes"),
        (put("provenance", "seconds", "a"), "it took 'a' seconds"),
        (put("protocol", "budget", "loud"), "its protocol cannot be"),
        (put("protocol", "seed", -1), "its protocol cannot be"),
        (put("attack", "name", "../../x"), "its name of the attack holds '/'"),
        (put("attack", "title", "a\nb"), "its name of the title holds a control character"),
        (put("attack", "name", "x" * 300), "its name of the attack has 300 characters"),
        (put("dataset", "name", ""), "its name of the data set is empty"),
        (put("profile", "a\x1b[31m"), "its name of the profile holds a control character"),
        (put("target", "name", "a/../b"), "its name of the target is no file name"),
        (put("dataset", "camera_models", 0, "\u202ea"), "its name of the camera model holds a control character"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_and_the_report_is_written(
    cell: Cell, tmp_path: Path, change: Change, why: str
) -> None:
    store = forged(cell, change, tmp_path)
    good = CellStore(tmp_path / "forged")
    good.write(cell)
    problems: list[StoreError] = []
    assert write_all(store.results, problems=problems)
    assert len(problems) == 1 and why in str(problems[0]) and "contradicts itself" in str(problems[0])
    assert [c.cell_id for c in store.cells(problems=[])] == [cell.cell_id]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, '{"schema_version": 3, "schema_version": 3}', "\udcff", "", "[]", "7"]
)
def test_a_file_that_is_no_record_is_named(cell: Cell, tmp_path: Path, text: str) -> None:
    store = CellStore(tmp_path / "a" / "r")
    bad, other = store.paths()
    bad.write_bytes(text.encode("utf-8", "surrogateescape"))
    pack = bad.parents[2] / "packs" / "x-uint8.jsonl"
    pack.parent.mkdir()
    pack.write_bytes(text.encode("utf-8", "surrogateescape") + b"\n")
    problems: list[StoreError] = []
    assert [store.path_of(c) for c in store.cells(problems=problems)] == [other]
    assert str(bad) in str(problems[0]) and all(str(p).startswith(str(tmp_path)) for p in problems)


def test_two_files_that_hold_one_cell_with_other_outcomes_are_both_named(cell: Cell, tmp_path: Path) -> None:
    from benchbench.records.packs import packed

    predicted = list(cell.outcomes["predicted"])
    predicted[0] = (int(predicted[0] or 0) + 1) % cell.target.classes
    ((name, text),) = packed([cell.model_copy(update={"outcomes": {"predicted": Column(predicted)}})]).items()
    root = tmp_path / "a" / "r"
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    with pytest.raises(StoreError, match="with different outcomes, as two machines may") as caught:
        list(CellStore(root).cells())
    assert str(root / name) in str(caught.value) and str(CellStore(root).path_of(cell)) in str(caught.value)


@pytest.mark.parametrize("name", ["../x.safetensors", "/etc/passwd", "a/b.safetensors", 7, "..", None])
def test_the_index_of_the_zoo_stays_in_its_folder(tmp_path: Path, name: Any) -> None:
    record = {"file": name, "sha256": "", "half": [], "label": "x"}
    index = {"format": 1, "networks": {"f" * 32: record}, "photographs": {}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(StoreError):
        _ = Zoo(tmp_path).index


@pytest.mark.parametrize("name", ["../../x", "/etc/x", ".."])
@pytest.mark.parametrize("field", ["copy", "files"])
def test_the_list_of_a_store_stays_in_its_folder(tmp_path: Path, name: str, field: str) -> None:
    (tmp_path / "store" / "fits").mkdir(parents=True)
    listed: dict[str, Any] = {"copy": "b", "files": {"x": 1}}
    listed[field] = name if field == "copy" else {name: 1}
    (tmp_path / "store" / "fits" / "a.files.json").write_text(json.dumps(listed))
    with pytest.raises(StoreError, match="which is not in its folder"):
        Mirror(f"file://{tmp_path}/store").fetch("fits/a", tmp_path / "cache")


def test_a_summary_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_bytes(b"\xff")
    with pytest.raises(StoreError, match="is not a data set summary"):
        read_summary(tmp_path / "dataset.json")


def test_a_digest_of_nan_does_not_pass(cell: Cell, tmp_path: Path) -> None:
    path, _ = CellStore(tmp_path / "a" / "r").paths()
    record = json.loads(path.read_text())
    record["provenance"]["seconds"] = float("nan")
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError, match="was changed after it was written"):
        CellStore(tmp_path / "a" / "r").read(path)
    assert digest("content", 1.0) == digest("content", 1)
