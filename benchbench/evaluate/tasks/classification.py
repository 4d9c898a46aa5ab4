"""Classification: which camera model took the photograph? Source: Andrews et al. 2020, section 4.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from benchbench.contracts.task import Metric, Outcomes, Task, TaskContext
from benchbench.metrics.rates import TSR, USR

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.trials import Trials


class Classification(Task):
    """The target returns logits, (N, classes); the largest is its prediction."""

    name = "classification"
    title = "Classification"
    synthetic = True
    columns: ClassVar[Mapping[str, type]] = {"predicted": int}
    metrics: ClassVar[tuple[Metric, ...]] = (TSR, USR)

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the predicted class of each photograph."""
        logits = answer(module, x, (len(x), context.classes), "logits")
        return {"predicted": logits.argmax(dim=1).cpu().numpy()}


def answer(module: Callable[[Tensor], Tensor], x: Tensor, expected: tuple[int | None, ...], what: str) -> Tensor:
    """Return what a target says of photographs, checked.

    Args:
        expected: its shape; None for any size.
        what: for messages, e.g. 'logits'.

    Raises:
        ValueError: no tensor, another shape, or a value that is not finite.
    """
    import torch

    found = module(x)
    shape = tuple(getattr(found, "shape", ()))
    fits = len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))
    if not isinstance(found, torch.Tensor) or not fits:
        shown = str(expected).replace("None", "any")
        raise ValueError(f"it returned {what} of shape {shape}; {shown} is expected")
    if not bool(torch.isfinite(found).all()):
        raise ValueError(f"it returned NaN or infinite {what}")
    return found
