"""Packs hold what files hold; older records are read as what they said."""

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
from benchbench.records.dataset import read_summary, write_summary
from benchbench.records.packs import packed, read_pack
from benchbench.records.reading import cell_record, identify
from benchbench.records.snapshots import differences, merged, pack


@pytest.fixture
def store(bench: Callable[..., Any], tmp_path: Path) -> CellStore:
    bench()
    return CellStore(tmp_path / "a" / "r")


def test_a_pack_is_the_cells(store: CellStore, tmp_path: Path) -> None:
    paths = pack([store], tmp_path / "packs")
    assert [p.name for p in paths] == ["shift-uint8.jsonl"]
    cells = {c.cell_id: c for c in store.cells()}
    again = {c.cell_id: c for c in CellStore(tmp_path / "packs").cells()}
    assert again == cells and len(cells) == 4
    lines = [json.loads(line) for line in paths[0].read_text().splitlines()]
    assert sum("cell_id" not in line for line in lines) == 2, "a craft once for its two targets"
    assert packed(again.values()) == packed(cells.values()), "equal cells give equal bytes"
    assert differences(store, CellStore(tmp_path / "packs")) == []


def test_a_run_finds_packed_cells(store: CellStore, bench: Callable[..., Any], tmp_path: Path) -> None:
    from benchbench.harness.options import RunOptions

    pack([store], tmp_path / "packs")
    options = RunOptions(workers=1, batch=4, cache=tmp_path / "a" / "c", results=tmp_path / "packs")
    assert bench(options=options).sentence.startswith("0 computed, 4 already there")
    assert bench(options=options, seed=1).sentence.startswith("4 computed, 0 already there")


def test_packed_cells_stand_where_their_files_would(
    store: CellStore, bench: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(seed=1)
    pack([store], tmp_path / "packs")
    packs, asked, placed = CellStore(tmp_path / "packs"), 0, []
    place = packs.path_of
    monkeypatch.setattr(packs, "path_of", lambda cell: placed.append(cell.cell_id) or place(cell))
    for file in store.paths():
        alike = {store.read(p).cell_id for p in file.parent.iterdir() if p.name[:-13] == file.name[:-13]}  # but the id
        path = tmp_path / "packs" / file.relative_to(store.results)
        assert {cell.cell_id for cell in packs.beside(path)} == alike
        asked += len(alike)
    assert asked == 16 and len(placed) == 8, "two seeds in each place; each cell is placed once, not once a question"
    assert packs.beside(path.with_name("another-in-00000000.json")) == []


def test_a_damaged_line_is_named_and_the_others_are_read(store: CellStore, tmp_path: Path) -> None:
    (path,) = pack([store], tmp_path / "packs")
    lines = path.read_text().splitlines()
    number = next(i for i, line in enumerate(lines) if '"outcomes"' in line)
    lines[number] = lines[number].replace('"predicted":[', '"predicted":[0,', 1)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(StoreError, match=rf"jsonl, line {number + 1}, was changed after it was written"):
        list(read_pack(path))
    problems: list[StoreError] = []
    assert len(list(read_pack(path, problems))) == 3 and len(problems) == 1
    path.write_text("\n".join(lines[1:2]) + "\n")
    with pytest.raises(StoreError, match=r"line 1, (has no craft|was changed)"):
        list(read_pack(path))


def test_a_target_that_was_read_before_is_checked_again(store: CellStore, tmp_path: Path) -> None:
    """A pack's targets are read once: what one line says of its target is never taken for what another says."""
    (path,) = pack([store], tmp_path / "packs")
    lines = path.read_text().splitlines()
    numbers = [i for i, line in enumerate(lines) if '"outcomes"' in line]
    first, *others = [json.loads(lines[i]) for i in numbers]
    other = next(n for n, record in zip(numbers[1:], others, strict=True) if record["target"] != first["target"])
    for said in (first["target"], json.loads(lines[other])["target"] | {"version": 7}):
        taken = json.dumps(json.loads(lines[other]) | {"target": said}, separators=(",", ":"))
        path.write_text("\n".join([*lines[:other], taken, *lines[other + 1 :]]) + "\n")
        with pytest.raises(StoreError, match=rf"line {other + 1}, was changed after it was written"):
            list(read_pack(path))


def test_a_target_is_read_whatever_its_texts_say_and_wherever_it_stands(store: CellStore, tmp_path: Path) -> None:
    def record(cell: Cell, note: str) -> dict[str, Any]:
        target = cell.target.model_copy(update={"params": {"note": note}})
        changed = cell.model_copy(update={"target": target})
        return cell_record(changed.model_copy(update={"cell_id": identify(changed)[1]}))

    (path,) = pack([store], tmp_path / "packs")
    craft = next(line for line in path.read_text().splitlines() if '"cell_id"' not in line)
    cell = next(c for c in store.cells() if c.craft.craft_id == json.loads(craft)["craft_id"])
    notes = ['},"outcomes":{', '"target":{}', '\\","outcomes":']
    records = [record(cell, note) for note in notes]
    records += [dict(reversed(one.items())) for one in records] + records
    lines = [craft, *(json.dumps(one, separators=(",", ":")) for one in records)]
    path.write_text("\n".join(lines) + "\n")
    assert [found.target.params["note"] for found in read_pack(path)] == 3 * notes
    twice = lines[1].replace('"outcomes":', '"target":null,"outcomes":')
    path.write_text("\n".join([craft, lines[2], twice]) + "\n")
    with pytest.raises(StoreError, match=r"line 3, is not a whole JSON file"):
        list(read_pack(path))


def test_outcomes_are_read_however_they_were_written(store: CellStore, tmp_path: Path) -> None:
    """As text that is canonical JSON, which is not encoded again, or otherwise."""
    (path,) = pack([store], tmp_path / "packs")
    craft = next(line for line in path.read_text().splitlines() if '"cell_id"' not in line)
    cell = next(c for c in store.cells() if c.craft.craft_id == json.loads(craft)["craft_id"])
    task = cell.target.model_copy(update={"task": "weighing", "clean": ()})
    outcomes = {name: Column(v + 5.0 for v in cell.outcomes["predicted"]) for name in ("pce", "other")}
    notes = cell.provenance | {"packages": {"a": "1", "provenance": "2"}}
    changed = cell.model_copy(update={"target": task, "outcomes": outcomes, "provenance": notes})
    record = cell_record(changed.model_copy(update={"cell_id": identify(changed)[1]}))
    backward = record | {"outcomes": dict(reversed(record["outcomes"].items()))}
    whole = json.dumps(record, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]")
    lines = [json.dumps(record, separators=(",", ":")), whole, json.dumps(backward, separators=(",", ":"))]
    assert list(record["outcomes"]) == ["other", "pce"] and lines[0] != whole
    path.write_text("\n".join([craft, *lines]) + "\n")
    assert [found.outcomes for found in read_pack(path)] == 3 * [outcomes]
    path.write_text("\n".join([craft, lines[0].replace('"other":[', '"other":[7,')]) + "\n")
    with pytest.raises(StoreError, match="line 2, was changed after it was written"):
        list(read_pack(path))


def test_cells_that_contradict_each_other_are_not_merged(store: CellStore, tmp_path: Path) -> None:
    pack([store], tmp_path / "one")
    other = CellStore(tmp_path / "other")
    cells = list(store.cells())
    first = cells[0]
    moved = Column((p + 1) % first.target.classes for p in first.outcomes["predicted"])
    for cell in [first.model_copy(update={"outcomes": {"predicted": moved}}), *cells[1:2]]:
        other.write(cell)
    assert len(merged([store, CellStore(tmp_path / "one")])) == 4
    with pytest.raises(StoreError, match=r"has other outcomes under .*other'; see: bench results diff"):
        merged([store, other])
    lines = differences(store, other)
    assert len(lines) == 3 and sum("only under" in line for line in lines) == 2
    assert any(f"{len(moved)} of {len(moved)} outcomes differ" in line for line in lines)


def test_packing_keeps_what_stands_there(store: CellStore, tmp_path: Path) -> None:
    """A folder with two cells of a pack of four, and then one whose outcomes are others."""
    pack([store], tmp_path / "published")
    some = CellStore(tmp_path / "some")
    cells = list(store.cells())
    for cell in cells[:2]:
        some.write(cell)
    pack([some], tmp_path / "published")
    assert len(list(CellStore(tmp_path / "published").cells())) == 4
    other = CellStore(tmp_path / "other")
    moved = Column((p + 1) % cells[0].target.classes for p in cells[0].outcomes["predicted"])
    other.write(cells[0].model_copy(update={"outcomes": {"predicted": moved}}))
    before = (tmp_path / "published" / "colors" / "smoke" / "packs" / "shift-uint8.jsonl").read_bytes()
    with pytest.raises(StoreError, match="has other outcomes under"):
        pack([other], tmp_path / "published")
    assert (tmp_path / "published" / "colors" / "smoke" / "packs" / "shift-uint8.jsonl").read_bytes() == before


@pytest.mark.parametrize("budget", ["", [], {}])
def test_a_budget_that_is_no_number_is_named(store: CellStore, budget: Any) -> None:
    cell = next(store.cells())
    with pytest.raises(StoreError, match=r"cannot be written: its budget is .*, no number"):
        packed([cell.model_copy(update={"protocol": {**cell.protocol, "budget": budget}})])


def test_cells_of_two_profiles_or_data_sets_are_two(store: CellStore, tmp_path: Path) -> None:
    """The profile's name is part of no identity, nor is the data set's."""
    cells = list(store.cells())
    two = CellStore(tmp_path / "two")
    for cell in cells:
        two.write(cell)
        two.write(cell.model_copy(update={"profile": "mine"}))
        two.write(cell.model_copy(update={"dataset": cell.dataset.model_copy(update={"name": "copy"})}))
    assert len(merged([two])) == 3 * len(cells)
    paths = pack([two], tmp_path / "packed")
    assert {path.relative_to(tmp_path / "packed").parts[:2] for path in paths} == {
        ("colors", "smoke"),
        ("colors", "mine"),
        ("copy", "smoke"),
    }
    assert differences(two, CellStore(tmp_path / "packed")) == []
    assert len(differences(two, store)) == 2 * len(cells)


def test_summaries_go_along_with_packs(store: CellStore, tmp_path: Path) -> None:
    """What captions must say of the photographs stands in dataset.json."""
    place = Path("colors") / "smoke" / "dataset.json"
    summary = read_summary(store.results / place)
    assert summary is not None
    write_summary(store.results / place, summary.model_copy(update={"warning": "Too high."}))
    pack([store], tmp_path / "packed")
    found = read_summary(tmp_path / "packed" / place)
    assert found is not None and found.warning == "Too high."
    write_summary(store.results / place, summary.model_copy(update={"data_id": "e" * 32}))
    pack([store], tmp_path / "packed")
    assert read_summary(tmp_path / "packed" / place) == found
    assert (tmp_path / "packed" / "colors" / "smoke" / "dataset-eeeeeeee.json").exists()


def test_differences_beside_outcomes_are_named(store: CellStore, tmp_path: Path) -> None:
    cells = list(store.cells())
    other = CellStore(tmp_path / "other")
    first = cells[0]
    more = {"clean": ((0,) * first.target.classes,) * len(first.target.clean)}
    craft = {"identical": tuple(n + 1 for n in first.craft.identical), "facts": {"a": 1}}
    changed = {"target": first.target.model_copy(update=more), "craft": first.craft.model_copy(update=craft)}
    changed["provenance"] = {"commit": "another"}  # type: ignore[assignment]
    other.write(first.model_copy(update=changed))
    for cell in cells[1:]:
        if cell.craft.craft_id != first.craft.craft_id:
            other.write(cell)
    lines = [line for line in differences(store, other) if "only under" not in line]
    assert len(lines) == 1 and lines[0].endswith(
        ": answers to unattacked photographs, counts of unchanged or clipped values, calls or calibrated numbers differ"
    )


def old(cell: Cell) -> dict[str, Any]:
    """Return a cell's record as schema 2 wrote it."""
    record = cell.model_dump(mode="json")
    outcomes = record.pop("outcomes")["predicted"]
    trials, measures = record["craft"].pop("trials"), record["craft"].pop("measures")
    predicted: list[list[int]] = [[] for _ in record["split"]["true"]]
    for i, p in zip(trials["photograph"], outcomes, strict=True):
        predicted[i].append(p)
    record["craft"] |= {
        "psnr_sum": measures["psnr"]["sums"],
        "psnr_images": measures["psnr"]["images"],
        "ssim_sum": measures["ssim"]["sums"] if "ssim" in measures else None,
        "l1_sum": measures["l1"]["sums"],
    }
    for part in ("task", "unattacked"):
        del record["target"][part]
    record |= {"schema_version": 2, "counts": cell.counts.tolist(), "predicted": predicted}
    return record | {"content": digest("content", record)}


def test_schema_2_is_read_as_what_it_said(store: CellStore, tmp_path: Path) -> None:
    from benchbench.metrics.rates import l1_mean, psnr_mean, ssim_mean, tsr, usr

    for cell in list(store.cells()):
        path = store.path_of(cell)
        path.write_text(json.dumps(old(cell)))
        found = store.read(path)
        assert found.outcomes == cell.outcomes and found.craft.trials == cell.craft.trials
        for number in (tsr, usr, psnr_mean, ssim_mean, l1_mean):
            assert number(found) == number(cell)
        wrong = old(cell)
        wrong["predicted"][0][0] = (wrong["predicted"][0][0] + 1) % cell.target.classes
        path.write_text(json.dumps(wrong))
        with pytest.raises(StoreError, match="was changed after it was written"):
            store.read(path)
        del wrong["content"]
        path.write_text(json.dumps(wrong | {"content": digest("content", wrong)}))
        with pytest.raises(StoreError, match="contradicts itself: its counts do not follow from its outcomes"):
            store.read(path)


def test_a_pack_of_schema_2_is_read_and_packed_again_as_the_present_one(store: CellStore, tmp_path: Path) -> None:
    cells = {cell.cell_id: cell for cell in store.cells()}
    path = tmp_path / "old" / "smoke" / "virtual" / "packs" / "shift-uint8.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(old(cell)) + "\n" for cell in cells.values()))
    again = {cell.cell_id: cell for cell in CellStore(tmp_path / "old").cells()}
    assert {k: c.outcomes for k, c in again.items()} == {k: c.outcomes for k, c in cells.items()}
    (new,) = pack([CellStore(tmp_path / "old")], tmp_path / "new")
    assert all(json.loads(line)["schema_version"] == 3 for line in new.read_text().splitlines())
    assert differences(CellStore(tmp_path / "new"), store) == []
    path.write_text(path.read_text().replace('"predicted": [[', '"predicted": [[1, ', 1))
    with pytest.raises(StoreError, match="line 1, was changed after it was written"):
        list(read_pack(path))


def test_the_commands_pack_merge_verify_and_diff(
    store: CellStore, bench_here: Callable[..., Any], tmp_path: Path
) -> None:
    results, packs, both = store.results, tmp_path / "packs", tmp_path / "both"
    done = bench_here("results", "pack", "--results", str(results), "--out", str(packs))
    (written,) = packs.rglob("*.jsonl")
    assert (done.returncode, done.stdout) == (0, f"{written}\n")
    done = bench_here("results", "merge", str(results), str(packs), "--out", str(both))
    (merged_file,) = both.rglob("*.jsonl")
    assert done.returncode == 0 and merged_file.read_bytes() == written.read_bytes(), "each cell once"
    assert bench_here("results", "diff", str(packs), str(both)).stdout == "all cells are alike.\n"
    lines = written.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if '"cell_id"' in line)
    written.write_text("\n".join(lines[:first] + lines[first + 1 :]) + "\n")
    done = bench_here("results", "diff", str(packs), str(both))
    said = done.stdout.splitlines()
    assert done.returncode == 1 and said[-1] == "1 cells differ." and said[0].endswith(f"only under {both}")
    lines[first] = lines[first].replace('"predicted":[', '"predicted":[0,', 1)
    written.write_text("\n".join(lines) + "\n")
    done = bench_here("results", "verify", str(packs))
    assert done.returncode == 1 and f"line {first + 1}, was changed" in done.stdout
    assert done.stdout.splitlines()[-1] == "3 cells are whole, 1 are not; 0 views differ from them."
    done = bench_here("results", "verify", str(both))
    assert done.returncode == 1 and "leaderboard.csv is missing; see: bench report" in done.stdout
    assert bench_here("report", "--results", str(both)).returncode == 0
    done = bench_here("results", "verify", str(both))
    assert (done.returncode, done.stdout) == (0, "4 cells are whole, 0 are not; 0 views differ from them.\n")
    done = bench_here("results", "pack", "--results", str(tmp_path / "none"), "--out", str(packs))
    assert done.returncode == 2 and "no cell under" in done.stderr
