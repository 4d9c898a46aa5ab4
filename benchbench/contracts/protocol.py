"""What moves numbers (Protocol, part of every identity) and what must not (RunOptions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchbench.base.errors import BenchError

Condition = Literal["uint8", "float", "jpeg-90", "jpeg-75", "jpeg-target"]


HIGHEST_BUDGET = 60.0
"""dB. Above it rounding to 8 bits removes a perturbation."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How crafted photographs are judged. Every field is part of `craft_id`."""

    condition: Condition = "uint8"
    """What targets see. uint8: rounded 8-bit photographs, what a file can hold; float: the paper's, unrounded; jpeg-90,
    jpeg-75: saved at that quality; jpeg-target: saved with the quantization tables of the wanted camera model
    (Cozzolino et al. 2019, table 4)."""
    budget: float | None = None
    """None: each attack's own distortion; a number: every perturbation is rescaled to this PSNR in dB first."""
    seed: int = 0
    """Seed of the attacks' randomness while crafting; each image derives its own from it."""
    version: int = 1
    """Raised when the harness's own steps change results."""

    def __post_init__(self) -> None:
        if self.budget is not None and not 0 < self.budget <= HIGHEST_BUDGET:
            raise BenchError(f"budget {self.budget:g} dB; a PSNR above 0 and up to {HIGHEST_BUDGET:g} dB is expected.")

    @property
    def track(self) -> str:
        """Return 'native', or '35 dB' where perturbations are rescaled: results of two tracks never mix."""
        return "native" if self.budget is None else f"{self.budget:g} dB"
