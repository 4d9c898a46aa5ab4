"""Memory of a crossing: how many photographs at a time, and when freed memory goes back to the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


USUAL_SIZE = 128
"""Side of the photographs, px, that `RunOptions.batch` counts on a CPU: with the default, four of 256 px stay in its
caches between two layers, and sixteen take a tenth longer each."""


TRIM_SECONDS = 3.0
"""Between two returns of freed memory to the system. glibc (2.36 at least) seldom finds torch's aligned blocks again
once they are freed and takes new memory instead: 2 GB in a worker after 300 batches of one target, 0.3 GB in one batch
of 48. A return costs about a tenth of a second, because pages that come back are zeroed first."""


def at_a_time(batch: int, size: int, device: torch.device) -> int:
    """Return how many photographs a batch has: on a CPU fewer than `batch` of those larger than 128 px.

    Memory then does not grow with their size, and on a CPU large batches are slower. Four at least (or `batch`): torch
    lays out a photograph alone differently, so that its logits differ in the last bit from those in company.

    Args:
        batch: photographs, on a CPU those of 128 px.
        size: side of the photographs, px.
    """
    if device.type != "cpu" or size <= USUAL_SIZE:
        return batch
    return min(batch, max(4, batch * USUAL_SIZE**2 // size**2))
