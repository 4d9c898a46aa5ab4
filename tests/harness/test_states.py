"""A fit that goes on from what another has stored, and not from what that one loads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch

from benchbench.contracts.fit import Fit, FitContext, silent
from benchbench.harness.fits import FitCall
from benchbench.records.cache import Cache


@dataclass(frozen=True, kw_only=True)
class First(Fit):
    kind: ClassVar[str] = "tests/first"
    label: ClassVar[str] = "first"  # type: ignore[assignment]

    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        return {"w": torch.tensor([2.0])}

    def load(self, state: Any, arrays: Any, needs: Any) -> str:
        return "changed for use"


@dataclass(frozen=True, kw_only=True)
class Second(First):
    kind: ClassVar[str] = "tests/second"
    label: ClassVar[str] = "second"  # type: ignore[assignment]

    def needs(self) -> Mapping[str, Fit]:
        return {"first": First()}

    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        assert context.needs["first"] == "changed for use"
        return {"w": context.states["first"]["w"] + 1}


def test_states_are_what_another_fit_has_stored(tmp_path: Path) -> None:
    setup, source = SimpleNamespace(data_id="data"), SimpleNamespace(open=lambda place: None)
    for fit in (First(), Second()):
        FitCall(fit, setup, source, tmp_path / "c", "cpu")(silent)  # type: ignore[arg-type]
    cache = Cache(tmp_path / "c")

    @dataclass(frozen=True, kw_only=True)
    class Third(First):
        kind: ClassVar[str] = "tests/third"

        def needs(self) -> Mapping[str, Fit]:
            return {"second": Second()}

    assert cache.states(Third(), "data")["second"]["w"].tolist() == [3.0]
