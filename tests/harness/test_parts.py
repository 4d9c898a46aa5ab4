"""A crossing goes on from its parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.base.identity import code_digest
from benchbench.contracts.trials import Trials
from benchbench.evaluate.crossing import CrossingResult, ViewResult
from benchbench.harness import rounds
from benchbench.harness.parts import Parts
from benchbench.records.cache import Cache
from benchbench.records.cells import CellStore
from benchbench.records.garbage import find

Bench = Callable[..., Any]


@pytest.fixture
def crafted(monkeypatch: pytest.MonkeyPatch, plugin: Path) -> list[int]:
    """How many photographs were crafted, call by call; every crossing is cut into jobs of a second, by its estimate."""
    from benchbench_stega.shift import Shift

    found: list[int] = []
    right = Shift.perturb

    def counted(self: Any, x: Any, *rest: Any) -> Any:
        found.append(len(x))
        return right(self, x, *rest)

    monkeypatch.setattr(Shift, "perturb", counted)
    monkeypatch.setattr(rounds, "PART_SECONDS", 1.0)
    monkeypatch.setattr(rounds, "crossing_seconds", lambda trials, *_: float(trials))  # so: a trial is a job
    return found


def stopped_after(monkeypatch: pytest.MonkeyPatch, parts: int) -> None:
    """Let the run end as with Ctrl-C once so many parts of an attack's crossing have come."""
    right = rounds.Crossings._take
    left = [parts]

    def take(self: Any, group: Any, start: int, part: Any) -> None:
        right(self, group, start, part)
        left[0] -= group.attack is not None
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(rounds.Crossings, "_take", take)


@pytest.mark.parametrize("batch", [1, 3])
def test_what_was_crafted_before_a_kill_is_not_crafted_again(
    bench: Bench, crafted: list[int], tmp_path: Path, cell_facts: Any, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    assert bench(splits=("in",), where="whole", batch=1).exit_code == 0
    whole = sum(crafted)
    crafted.clear()
    with monkeypatch.context() as patch:
        stopped_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            bench(splits=("in",), batch=1)
    assert sum(crafted) == 5 < whole
    assert len(list((tmp_path / "a" / "c" / "parts").glob("*/*.npz"))) == 5
    crafted.clear()
    assert bench(splits=("in",), batch=batch).exit_code == 0
    assert sum(crafted) == whole - 5
    assert cell_facts(tmp_path / "a" / "r") == cell_facts(tmp_path / "whole" / "r")
    assert not list((tmp_path / "a" / "c" / "parts").glob("*"))


def result(count: int) -> CrossingResult:
    rng = np.random.default_rng(count)
    labels = [rng.integers(0, 9, count) for _ in range(3)]
    outcomes = {
        "a/b/c": {"predicted": rng.integers(0, 9, count)},
        "a/b": {"x/y": rng.random((count, 2)), "z": labels[0]},
    }
    view = ViewResult(
        measures={"psnr": rng.random(count), "st-lpips": rng.random(count)},
        outcomes=outcomes,
        surrogate={"all": labels[1]},
        clipped=3,
        values=2**40,
    )
    empty = ViewResult(measures={}, outcomes={}, surrogate={}, clipped=0, values=0)
    facts = {"weight": 1.5, "rounds": 3, "name": "ä"}
    views = (view, *[empty] * 10, view)
    return CrossingResult(trials=Trials(*labels), views=views, target_calls=7, facts=facts, failures={}, seconds=0.5)


def test_a_part_comes_back_as_it_went(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "k")
    parts.keep(2, 7, whole := result(5))
    ((place, found),) = parts.found(20).items()
    assert place == (2, 7)
    assert repr(found) == repr(whole) and [*found.views[0].outcomes] == [*whole.views[0].outcomes]
    assert found.views[11].outcomes["a/b"]["x/y"].dtype == np.float64
    assert np.array_equal(found.views[0].outcomes["a/b"]["x/y"], whole.views[0].outcomes["a/b"]["x/y"])


def test_parts_by_other_numbers_of_workers_do_not_meet(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "k")
    for start, stop in ((0, 4), (3, 6), (4, 8), (12, 20)):
        parts.keep(start, stop, result(stop - start))
    parts.keep(8, 12, result(3))  # too short
    assert set(parts.found(20)) == {(0, 4), (4, 8), (12, 20)}
    parts.keep(8, 12, result(4))
    assert set(parts.found(20)) == {(0, 4), (4, 8), (8, 12)}, "a job is left, with which the crossing ends"
    assert set(parts.found(19)) == {(0, 4), (4, 8), (8, 12)}
    parts.keep(0, 9, result(9))
    assert set(parts.found(20)) == {(0, 9), (12, 20)}, "the longer one"
    assert not Parts(tmp_path, "other").found(0)
    parts.remove()
    assert not parts.found(20) and not parts.folder.exists()


@pytest.mark.parametrize("damage", ["cut", "flipped", "method", "encrypted", "other", "renamed"])
def test_a_part_that_cannot_be_read_is_computed_again(
    bench: Bench, crafted: list[int], tmp_path: Path, cell_facts: Any, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    assert bench(splits=("in",), where="whole", batch=1).exit_code == 0
    whole = sum(crafted)
    with monkeypatch.context() as patch:
        stopped_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            bench(splits=("in",), batch=1)
    first, second, *_ = sorted((tmp_path / "a" / "c" / "parts").glob("*/*.npz"))
    content = bytearray(first.read_bytes())
    if damage == "flipped":
        content[200] ^= 255  # within an array
    directory = content.rindex(b"PK\x01\x02")  # what the file says of its last array
    if damage == "method":
        content[directory + 10] = 99
    if damage == "encrypted":
        content[directory + 8] |= 1
    first.write_bytes(content[:300] if damage == "cut" else b"{}" if damage == "other" else content)
    if damage == "renamed":
        first.rename(first.with_name("0-100000.npz"))
    crafted.clear()
    assert bench(splits=("in",), batch=1).exit_code == 0
    assert sum(crafted) == whole - 4
    assert cell_facts(tmp_path / "a" / "r") == cell_facts(tmp_path / "whole" / "r")
    assert second.exists() is False


def test_parts_by_other_code_or_networks_are_not_put_together(
    bench: Bench, crafted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench_stega.toys import Toy

    def begun(**more: Any) -> set[str]:
        with monkeypatch.context() as patch:
            stopped_after(patch, 2)
            with pytest.raises(KeyboardInterrupt):
                bench(splits=("in",), batch=1, **more)
        return {path.parent.name for path in (tmp_path / "a" / "c" / "parts").glob("*/*.npz")}

    first = begun()
    assert len(first) == 1 and begun() == first
    one = {"targets": [Toy(look="rgb", overlap="complete")]}
    assert len(begun(**one)) == 2, "another crossing"
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "source_digest", lambda thing: "edited")
        assert len(begun()) == 3
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "code_digest", lambda packages: "edited" if "benchbench_stega" in packages else "")
        assert len(begun()) == 4
    with monkeypatch.context() as patch:
        patch.setattr(Cache, "content", lambda self, fit_id: "trained anew")
        assert len(begun()) == 5


def test_the_digest_of_code_is_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_package" / "deep").mkdir(parents=True)
    (tmp_path / "some_package" / "__init__.py").write_text("")
    helper = tmp_path / "some_package" / "deep" / "helper.py"
    helper.write_text("x = 1")
    (tmp_path / "some_module.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))

    def found(*names: str) -> str:
        code_digest.cache_clear()
        return code_digest(frozenset(names))

    both = found("some_package", "some_module")
    assert both == found("some_module", "some_package") and both != found("some_package") != found("__main__")
    helper.write_text("x = 2")
    other = found("some_package", "some_module")
    assert other != both
    (tmp_path / "some_module.py").write_text("x = 2")
    assert found("some_package", "some_module") not in (both, other)


def test_a_part_that_cannot_be_kept_is_told_once_and_the_run_goes_on(
    bench: Bench, crafted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a" / "c").mkdir(parents=True)
    (tmp_path / "a" / "c" / "parts").write_text("no folder")
    assert bench(splits=("in",), batch=1).exit_code == 0
    told = [record.message for record in caplog.records if "parts of crossings" in record.message]
    assert len(told) == 1 and told[0].startswith(
        "bench: parts of crossings are not kept, a run that is stopped repeats"
    )


def test_parts_that_nobody_needs_can_go(
    bench: Bench, crafted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stopped_after(patch, 3)
        with pytest.raises(KeyboardInterrupt):
            bench(splits=("in",), batch=1)
    cache, store = Cache(tmp_path / "a" / "c"), CellStore(tmp_path / "a" / "r")
    with cache.lease() as need:
        need(["x"])
        assert "parts" not in {item.path.name for item in find(cache, store, everything=True)}
    assert "parts" in {item.path.name for item in find(cache, store, everything=True)}
