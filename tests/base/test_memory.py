"""What a job may take of the memory that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.base import memory


@pytest.mark.parametrize(("said", "taken"), [("1048576\n", 2**20), ("max\n", None), (f"{2**63 - 4096}\n", None)])
@pytest.mark.parametrize("version", [2, 1])
def test_the_limit_of_a_container_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: int, said: str, taken: int | None
) -> None:
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (tmp_path / "2", tmp_path / "1"))
    whole = memory.machine_memory()
    (tmp_path / str(version)).write_text(said)
    assert memory.machine_memory() == (taken or whole) and whole is not None and whole > 2**20
