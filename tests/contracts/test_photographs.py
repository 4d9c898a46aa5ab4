"""What stands in meta.json beside what it must say is of its kind, or the data set is damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchbench.contracts.photographs import DamagedError, Dataset

WHOLE = {"format": 1, "data_id": "d", "name": "n", "camera_models": ["a", "b"], "known": 1, "size": 32}
WHOLE |= {"fingerprints": {"test": "0"}, "recipe": {}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cameras", None),
        ("cameras", []),
        ("cameras", {"q": None}),
        ("cameras", {"q": ["a"]}),
        ("cameras", {"q": [2**63]}),
        ("jpeg", 3),
        ("content", {}),
        ("split_rule", []),
        ("source", 1),
        ("warning", ["a"]),
    ],
)
def test_a_value_of_another_kind_is_damage(tmp_path: Path, key: str, value: Any) -> None:
    (tmp_path / "meta.json").write_text(json.dumps(WHOLE | {key: value}))
    with pytest.raises(DamagedError, match=f"are damaged .meta.json says something else as {key}.$"):
        Dataset(tmp_path)


@pytest.mark.parametrize("more", [{}, {"cameras": {"q": [0, 1]}, "jpeg": None}, {"source": "folder", "content": "x"}])
def test_what_may_stand_there_is_read(tmp_path: Path, more: dict[str, Any]) -> None:
    (tmp_path / "meta.json").write_text(json.dumps(WHOLE | more))
    found = Dataset(tmp_path)
    assert found.whole is ("cameras" not in more) and found.scenes_apart is ("source" not in more)
