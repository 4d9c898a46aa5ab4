"""Test photographs alone are enough where the zoo has compared them with what its networks were trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchbench.base.progress import Quiet
from benchbench.harness.options import RunOptions
from benchbench.harness.photographs import make_photographs
from benchbench.records.zoo import Zoo

APART = {"pictures": 0, "devices": 0, "scenes": 0}


@pytest.mark.parametrize(
    ("shared", "rendered", "whole"),
    [
        (APART, "same", False),
        (APART, "rounded otherwise", False),
        ({**APART, "scenes": None}, "same", False),
        ({**APART, "scenes": None}, "rounded otherwise", True),
        ({**APART, "scenes": 3}, "rounded otherwise", True),
        ({**APART, "devices": 1}, "rounded otherwise", True),
        (None, "same", True),
    ],
)
def test_the_rest_is_rendered_where_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared: Any, rendered: str, whole: bool
) -> None:
    known = {"shared": shared, "fingerprints": {"test": "same"}} if shared is not None else None
    monkeypatch.setattr(Zoo, "photographs", lambda self, data_id: known)

    def build(cache: Path, workers: int, progress: Any, test_alone: bool) -> Any:
        return SimpleNamespace(whole=not test_alone, data_id="d", fingerprint=lambda role: rendered)

    plan: Any = SimpleNamespace(setup=SimpleNamespace(data_id="d"))
    options = RunOptions(cache=tmp_path, zoo=tmp_path)
    made = make_photographs(plan, Any, SimpleNamespace(build=build), options, Quiet(), enough=True)  # type: ignore[arg-type]
    assert made.whole is whole
