"""What a run did, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchbench.harness.plan import PlannedCell

if TYPE_CHECKING:
    pass


@dataclass
class RunSummary:
    """What a run did, cell by cell."""

    computed: list[PlannedCell] = field(default_factory=list)
    present: list[PlannedCell] = field(default_factory=list)
    skipped: list[tuple[PlannedCell, str]] = field(default_factory=list)
    """With the reason: an impossible cell, or one whose network failed."""
    failed: list[tuple[PlannedCell, str]] = field(default_factory=list)
    """With the reason: the attack or the target broke its contract."""
    failures: dict[str, str] = field(default_factory=dict)
    """What went wrong, by what it happened to: each fit, attack and target once."""

    @property
    def exit_code(self) -> int:
        """0 where all that was asked for is there, or 1."""
        return 1 if self.failures or self.failed or self.skipped else 0

    @property
    def sentence(self) -> str:
        """'48 computed, 48 already there, 2 skipped (why), 0 failed'."""
        reasons = list(dict.fromkeys(reason for _, reason in self.skipped))
        why = f" ({'; '.join(reasons)})" if reasons else ""
        return (
            f"{len(self.computed)} computed, {len(self.present)} already there, "
            f"{len(self.skipped)} skipped{why}, {len(self.failed)} failed"
        )
