"""`bench plan` and `bench run --only`: a scheduler of one's own, job by job, gives the cells of one run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.cli import app

Bench = Callable[..., Any]


def pieces(root: Path) -> list[Any]:
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.contracts.profile import load_profile
    from benchbench.contracts.protocol import Protocol
    from benchbench.harness.options import RunOptions
    from benchbench.harness.run import plan_run
    from benchbench.harness.worklist import worklist

    plan, facts = plan_run(
        [Shift(), OpenBook()],
        [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")],
        ["in", "out"],
        protocols=[Protocol()],
        profile=load_profile("smoke"),
        source=Colors(),
        options=RunOptions(cache=root / "c", results=root / "r"),
    )
    return worklist(plan, facts, 1.0)


def test_job_by_job_gives_the_cells_of_one_run(
    bench: Bench, plugin: Path, tmp_path: Path, cell_facts: Callable[[Path], Any]
) -> None:
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.shift import Shift

    attacks = [Shift(), OpenBook()]
    bench(attacks, where="whole")
    todo = pieces(tmp_path / "parts")
    # Two white-box crossings a split, one a target; the black-box one serves both targets.
    assert [p.kind for p in todo].count("crossing") == 6 and sum(p.cells for p in todo) == 8
    done: set[str] = set()
    for piece in todo:
        assert set(piece.needs) <= done, "in an order in which each stands after what it needs"
        summary = bench(attacks, where="parts", only=[piece.job])
        assert summary.exit_code == 0 and len(summary.computed) == piece.cells, piece
        done.add(piece.job)
    assert cell_facts(tmp_path / "parts" / "r") == cell_facts(tmp_path / "whole" / "r")
    assert [p.kind for p in pieces(tmp_path / "parts")] == ["photographs"], "nothing else is left"
    again = [bench(attacks, where="parts", only=[piece.job]) for piece in todo]
    assert all(s.exit_code == 0 and not s.computed for s in again), "a job that a scheduler starts twice does no harm"


def test_machines_that_share_a_store_alone_do_job_by_job(
    bench: Bench, tmp_path: Path, cell_facts: Callable[[Path], Any]
) -> None:
    """Each job on a machine of its own, with an empty cache: what it needs comes from the store."""
    from benchbench.harness.options import RunOptions

    bench(where="whole")
    todo = [piece for piece in pieces(tmp_path / "parts") if "open-book" not in piece.job]
    assert {piece.kind for piece in todo} == {"photographs", "fit", "crossing"}
    for number, piece in enumerate(todo):
        options = RunOptions(
            workers=1,
            batch=4,
            cache=tmp_path / f"machine{number}",
            remote=f"file://{tmp_path}/store",
            results=tmp_path / "parts" / "r",
        )
        assert bench(options=options, only=[piece.job]).exit_code == 0, piece
    assert cell_facts(tmp_path / "parts" / "r") == cell_facts(tmp_path / "whole" / "r")


def test_a_job_that_builds_on_the_zoo_takes_it_from_there(bench: Bench, tmp_path: Path) -> None:
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Centers, Means, Toy

    from benchbench.contracts.profile import load_profile
    from benchbench.harness.options import RunOptions
    from benchbench.harness.worklist import fit_name
    from benchbench.records.cache import Cache
    from benchbench.records.zoo import Zoo

    class Upon(Centers):
        """Centers that build on another target's."""

        kind = "stega/upon"

        def needs(self) -> Any:
            return {"first": Centers(role="p", classes=3), "means": Means(role="p", classes=3)}

    class Late(Toy):
        def fits(self, setup: Any) -> Any:
            return {"centers": Upon(role="p", classes=3)}

    bench(targets=[Toy(look="rgb", overlap="complete")])
    cache = Cache(tmp_path / "a" / "c")
    zoo = Zoo(tmp_path / "zoo")
    zoo.write(cache, [i for i, r in cache.records() if r["label"] == "centers p 3"], {}, {})
    source = Colors()
    late = Late(look="rgb", overlap="complete")
    setup = source.facts(tmp_path).setup(load_profile("smoke"), 0)
    options = RunOptions(workers=1, batch=4, cache=tmp_path / "b" / "c", results=tmp_path / "b" / "r", zoo=zoo.root)
    means = fit_name(Means(role="p", classes=3).fit_id(setup.data_id))
    last = fit_name(next(iter(late.fits(setup).values())).fit_id(setup.data_id))
    for job in (means, last):
        assert bench([Shift()], [late], options=options, only=[job]).exit_code == 0
    assert Cache(tmp_path / "b" / "c").has(next(iter(late.fits(setup).values())).fit_id(setup.data_id))


def test_photographs_by_themselves_are_those_that_the_whole_run_needs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though this piece trains nothing, others of the run do."""
    from benchbench_stega.photographs import Colors

    from benchbench.harness import photographs

    asked: list[bool] = []
    build = Colors.build

    def noted(self: Any, cache: Path, workers: int, progress: Any, test_alone: bool = False) -> Any:
        asked.append(test_alone)
        return build(self, cache, workers, progress)

    monkeypatch.setattr(Colors, "build", noted)
    monkeypatch.setattr(photographs, "from_zoo", lambda plan, options: {"fingerprints": {"test": ""}, "shared": {}})
    bench(only=["photographs"])
    bench(where="trained")
    bench(where="trained", only=["photographs"])
    assert asked == [False, False, True]


def test_a_job_too_early_or_unknown_is_one_sentence(bench: Bench, tmp_path: Path) -> None:
    todo = pieces(tmp_path / "a")
    crossing = next(p for p in todo if p.kind == "crossing")
    with pytest.raises(BenchError, match=r"needs 'means q \d' \(fit/\w{12}\) and \d more, not in the cache yet"):
        bench(only=[crossing.job])
    with pytest.raises(UnknownNameError, match=r"unknown job 'cross/shift/im/1'.*See: bench plan"):
        bench(only=["cross/shift/im/1"])
    assert not list((tmp_path / "a" / "r").rglob("*.json"))


def test_each_job_names_its_command(tmp_path: Path) -> None:
    options = ["--attack", "identity,noise", "--targets", "resnet18/hp/*", "--profile", "smoke", "--seed", "3"]
    options += ["--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r"), "--no-zoo"]
    result = CliRunner().invoke(app, ["plan", *options, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [job["kind"] for job in found] == ["photographs", "fit", "fit", *["crossing"] * 4]
    for job in found:
        words = shlex.split(job["command"])
        assert words[:2] == ["bench", "run"] and words[-2:] == ["--only", job["job"]]
        assert set(options) <= set(words)
