"""Runs of the harness on photographs that need no disk, with the plugin's attacks and targets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchbench.harness import RunSummary, run
from benchbench.profile import load_profile
from benchbench.protocol import Protocol, RunOptions


@pytest.fixture
def bench(plugin: Path, tmp_path: Path) -> Callable[..., RunSummary]:
    """Return run() with defaults; keywords: attacks, targets, where (a name for cache and results), others."""
    from benchbench_stega.photographs import Colors
    from benchbench_stega.shift import Shift
    from benchbench_stega.toys import Toy

    def call(
        attacks: list[Any] | None = None,
        targets: list[Any] | None = None,
        splits: tuple[str, ...] = ("in", "out"),
        *,
        where: str = "a",
        workers: int = 1,
        batch: int = 4,
        protocols: list[Protocol] | None = None,
        source: Any = None,
        **more: Any,
    ) -> RunSummary:
        options = more.pop("options", None) or RunOptions(
            workers=workers, batch=batch, cache=tmp_path / where / "c", results=tmp_path / where / "r"
        )
        return run(
            attacks or [Shift()],
            targets or [Toy(look="rgb", overlap="complete"), Toy(look="gray", overlap="partial")],
            splits,  # type: ignore[arg-type]
            protocols=protocols or [Protocol()],
            profile=load_profile("smoke"),
            source=source or Colors(),
            options=options,
            **more,
        )

    return call


def facts(results: Path) -> dict[str, Any]:
    """Return all cells by file, without what may differ between runs: provenance and the digest that covers it."""
    found = {}
    for path in sorted(results.rglob("cells/*/*.json")):
        record = json.loads(path.read_text())
        del record["provenance"], record["content"]
        found[path.name] = record
    return found


@pytest.fixture
def cell_facts() -> Callable[[Path], dict[str, Any]]:
    return facts
