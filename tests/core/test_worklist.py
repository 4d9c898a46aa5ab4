"""`bench plan` and `bench run --only`: a scheduler of one's own, job by job, gives the cells of one run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchbench.cli import app
from benchbench.errors import BenchError, UnknownNameError

Bench = Callable[..., Any]


def pieces(root: Path) -> list[Any]:
    from benchbench_stega.bad import OpenBook
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    from benchbench.harness import plan_run
    from benchbench.profile import load_profile
    from benchbench.protocol import Protocol, RunOptions
    from benchbench.worklist import worklist

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
    options += ["--cache", str(tmp_path / "c"), "--results", str(tmp_path / "r")]
    result = CliRunner().invoke(app, ["plan", *options, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert [job["kind"] for job in found] == ["photographs", "fit", "fit", *["crossing"] * 4]
    for job in found:
        words = shlex.split(job["command"])
        assert words[:2] == ["bench", "run"] and words[-2:] == ["--only", job["job"]]
        assert set(options) <= set(words)
