"""Processes that render or read photographs, and die of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.base.errors import DataError
from benchbench.data.shards import Crew


@pytest.mark.slow
def test_calls_of_a_process_that_was_killed_are_made_again_once(plugin: Path, tmp_path: Path) -> None:
    from benchbench_stega.hostile import commit

    shown: list[tuple[str, int, int]] = []
    kill = (commit, ("killed-once", str(tmp_path / "marker")), 2)
    fine = [(Path.touch, (tmp_path / str(i),), 1) for i in range(12)]
    with Crew(2, lambda *news: shown.append(news)) as crew:
        crew.run("shots", [*fine[:3], kill, *fine[3:]], 1)
    assert (tmp_path / "marker").exists() and all((tmp_path / str(i)).exists() for i in range(12))
    assert shown[-1] == ("shots", 15, 15) and [s[1] for s in shown] == sorted(s[1] for s in shown)
    with (
        Crew(2, lambda *news: None) as crew,
        pytest.raises(DataError, match=r"^worker processes died twice, at shots "),
    ):
        crew.run("shots", [(commit, ("dies",), 1), *fine], 0)
