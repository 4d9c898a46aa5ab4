"""What moves numbers (Protocol, part of every identity) and what must not (RunOptions)."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchbench.base.errors import BenchError
from benchbench.base.identity import since

HIGHEST_BUDGET = 60.0
"""dB. Above it rounding to 8 bits removes a perturbation."""
LAST_SEED = 2**63 - 1
"""The largest that torch takes."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How crafted photographs are judged. Every field is part of `craft_id`."""

    condition: str = "uint8"
    """What targets see, by the name of a `Condition`: uint8, rounded 8-bit photographs, is what a file can hold."""
    budget: float | None = None
    """None: each attack's own distortion; a number: every perturbation is rescaled to this PSNR in dB first."""
    seed: int = 0
    """Seed of the attacks' randomness while crafting; each image derives its own from it."""
    wanted: int | None = field(default=None, metadata=since("0.3"))
    """Wanted models of a photograph; None: all that it can be taken for, or as many as the profile says."""
    limit: int | None = field(default=None, metadata=since("0.3"))
    """Test photographs attacked of each camera model, spread over those that there are; None: all."""
    version: int = 1
    """Raised when the harness's own steps change results."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LAST_SEED:
            raise BenchError(f"seed {self.seed}; 0 to {LAST_SEED} is expected.")
        if self.wanted is not None and self.wanted < 1:
            raise BenchError(f"wanted {self.wanted}; at least one wanted model a photograph is expected.")
        if self.limit is not None and self.limit < 1:
            raise BenchError(f"limit {self.limit}; at least one photograph of each camera model is expected.")
        if self.budget is not None and not 0 < self.budget <= HIGHEST_BUDGET:
            raise BenchError(f"budget {self.budget:g} dB; a PSNR above 0 and up to {HIGHEST_BUDGET:g} dB is expected.")

    @property
    def track(self) -> str:
        """Return 'native', or '35 dB' where perturbations are rescaled: results of two tracks never mix."""
        return "native" if self.budget is None else f"{self.budget:g} dB"
