"""How far a run is: what shows it implements `Display`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Protocol as Interface

if TYPE_CHECKING:
    pass


class Display(Interface):
    """Shows how far a run is. `benchbench.cli.display` has one for terminals and one for logs."""

    def start(self, seconds: Mapping[str, float]) -> None:
        """Take the stages in their order and the wall-clock seconds that each is expected to take."""

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        """Take how far a stage is."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Quiet:
    """Shows nothing."""

    def start(self, seconds: Mapping[str, float]) -> None:
        """Take the stages."""

    def update(self, stage: str, done: float, total: float, text: str) -> None:
        """Take how far a stage is."""

    def close(self) -> None:
        """Do nothing."""
