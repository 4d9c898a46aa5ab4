from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from benchbench.base.errors import BenchError
from benchbench.base.identity import canonical_json, cell_id, craft_id, digest, since
from benchbench.contracts.protocol import Protocol
from benchbench.harness.options import RunOptions
from benchbench.records.cells import CellStore
from benchbench.records.reading import identify

MOVES_NUMBERS = {"budget", "condition", "limit", "seed", "version", "wanted"}
MUST_NOT_MOVE_NUMBERS = {
    "isolated",
    "device",
    "workers",
    "batch",
    "cache",
    "remote",
    "zoo",
    "results",
    "measures",
    "executor",
    "address",
    "cpus",
    "gpus",
    "apart",
    "timeout",
    "memory",
}
OTHER = {"budget": 35.0, "condition": "float", "seed": 7, "version": 99, "wanted": 2, "limit": 3}


def test_every_field_is_classified() -> None:
    assert {f.name for f in dataclasses.fields(Protocol)} == MOVES_NUMBERS, "a new field: does it move numbers?"
    assert {f.name for f in dataclasses.fields(RunOptions)} == MUST_NOT_MOVE_NUMBERS, "a new field: does it not?"


@pytest.mark.parametrize("field", sorted(MOVES_NUMBERS))
def test_every_field_of_the_protocol_moves_the_identity(field: str) -> None:
    spec = {"name": "a", "version": 1, "params": {}}
    plain = craft_id(spec, {}, "d", "in", Protocol())
    assert craft_id(spec, {}, "d", "in", dataclasses.replace(Protocol(), **{field: OTHER[field]})) != plain


def test_everything_else_moves_it_too() -> None:
    spec = {"name": "a", "version": 1, "params": {"steps": 3}}
    variants = [
        craft_id(spec, {}, "d", "in", Protocol()),
        craft_id(spec | {"name": "b"}, {}, "d", "in", Protocol()),
        craft_id(spec | {"version": 2}, {}, "d", "in", Protocol()),
        craft_id(spec | {"params": {"steps": 4}}, {}, "d", "in", Protocol()),
        craft_id(spec, {"e": "1"}, "d", "in", Protocol()),
        craft_id(spec, {}, "e", "in", Protocol()),
        craft_id(spec, {}, "d", "out", Protocol()),
        craft_id(spec, {}, "d", "in", Protocol(), {"spec": spec, "fits": {}}),
    ]
    assert len(set(variants)) == len(variants)
    assert len({cell_id("c", spec, {}), cell_id("d", spec, {}), cell_id("c", spec, {"f": "1"})}) == 3


def test_identities_are_stable() -> None:
    """These stand in published cells. A change here makes every one of them another cell."""
    spec = {"name": "pgd", "version": 1, "params": {"epsilon": 0.03, "steps": 20}}
    craft = craft_id(spec, {"evaluator": "ab"}, "d" * 32, "in", Protocol())
    assert craft == "0b90edb8dd06e646d401ef64d670b5fb"
    assert cell_id(craft, spec, {"classifier": "cd"}) == "5d3d5661b66c7b25f8c5a44cb4334a83"


def test_whole_floats_and_integers_are_one_value() -> None:
    assert canonical_json({"b": 1.0, "a": (1, 2)}) == '{"a":[1,2],"b":1}'
    assert digest("x", {"steps": 20.0}) == digest("x", {"steps": 20}) != digest("y", {"steps": 20})
    with pytest.raises(TypeError):
        canonical_json(float("nan"))


def test_plan_and_record_agree(bench: Callable[..., Any], tmp_path: Path) -> None:
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.fade import Fade
    from benchbench_stega.shift import Shift

    summary = bench([Shift(strength=1.0), Fade(), OpenBook()])
    planned = {(c.craft_id, c.cell_id, c.path) for c in summary.computed}
    store = CellStore(tmp_path / "a" / "r")
    recorded = {(*identify(cell), store.path_of(cell)) for cell in store.cells()}
    assert planned == recorded and len(planned) == 12


def test_run_options_do_not_move_the_identity(bench: Callable[..., Any], tmp_path: Path) -> None:
    """A plan says the ids, so none of these needs to run."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.contracts.profile import load_profile
    from benchbench.harness.run import plan_run

    def ids(**options: Any) -> set[str]:
        plan, _ = plan_run(
            [Shift()],
            [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")],
            ["in", "out"],
            protocols=[Protocol()],
            profile=load_profile("smoke"),
            source=Colors(),
            options=RunOptions(**options),
        )
        return {c.cell_id for c in plan.cells}

    ran = {c.cell_id for c in bench(batch=1).computed}
    assert len(ran) == 4
    for workers, batch in ((1, 1), (2, 9)):
        more = {"device": "cuda", "measures": (), "cpus": 3.0, "gpus": 1.0}
        place = {"cache": tmp_path / "c", "results": tmp_path / "r"}
        assert ids(workers=workers, batch=batch, **place) == ran == ids(workers=workers, batch=batch, **place, **more)


def test_a_later_field_at_its_default_moves_no_identity() -> None:
    @dataclasses.dataclass(frozen=True)
    class Before:
        steps: int = 10

    @dataclasses.dataclass(frozen=True)
    class After:
        steps: int = 10
        restarts: int = dataclasses.field(default=1, metadata=since("0.2"))

    class Model(BaseModel):
        steps: int = 10
        inner: After = After()
        restarts: int = Field(default=1, json_schema_extra={"since": "0.2"})

    assert canonical_json(After()) == canonical_json(Before())
    assert canonical_json(After(restarts=2)) == '{"restarts":2,"steps":10}'
    assert canonical_json(Model()) == '{"inner":{"steps":10},"steps":10}'
    assert canonical_json(Model(inner=After(restarts=3))) == '{"inner":{"restarts":3,"steps":10},"steps":10}'


def test_a_fit_declares_its_own_kind(plugin: Path) -> None:
    from benchbench_stega.toys import Means

    class Renamed(Means):
        kind = "stega/means"

    class Silent(Means):
        pass

    assert Renamed(role="p", classes=3).fit_id("d") == Means(role="p", classes=3).fit_id("d")
    with pytest.raises(BenchError, match=r"the fit '.*Silent' declares no kind; write for example"):
        Silent(role="p", classes=3).spec()
