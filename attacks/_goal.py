"""What becomes of a PSNR goal: a word to the user where it is missed."""

from __future__ import annotations

import logging

TOLERANCE = 1.0
"""dB that the mean PSNR of held-out photographs may be off its goal."""


def say_if_missed(label: str, psnr: float, goal: float | None) -> None:
    """Warn of what ended more than `TOLERANCE` off its goal.

    Args:
        label: of the fit. psnr: of held-out photographs, as uint8, dB. goal: dB, or None: any will do.
    """
    if goal is not None and abs(psnr - goal) > TOLERANCE:
        logging.getLogger("benchbench").warning(
            "'%s' misses its PSNR goal: held-out photographs have %.1f dB where %.1f +- %.0f was expected; its results "
            "cannot be compared with those of attacks that met theirs. Train for longer, or set another psnr.",
            label, psnr, goal, TOLERANCE,
        )  # fmt: skip
