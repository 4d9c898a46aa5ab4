"""A bridge to another library, which has one attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchbench.base.errors import UnknownNameError
from benchbench.contracts.attack import Attack
from benchbench_stega.shift import Shift


class Bridge:
    def names(self) -> list[str]:
        return ["Shove"]

    def create(self, name: str, params: Mapping[str, Any]) -> Attack:
        if name != "Shove":
            raise UnknownNameError(f"unknown attack 'toybox:{name}'.")
        return Shift(**params)


bridge = Bridge()
