"""Vote: which camera model do most of four crops name? Ten times, with other crops.

Source: Chen et al. 2020 (SiamTE), section 4.2, classification. Lower accuracy is better for an attack that erases.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Contributions, Judged, Metric, Outcomes, Task, TaskContext
from benchbench.evaluate.tasks.classification import answer
from benchbench.evaluate.tasks.crops import crops, share_of
from benchbench.metrics.rates import no_true_class

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.trials import Trials

CROPS = 4
REPEATS = 10
COLUMNS = tuple(f"named_{r}" for r in range(REPEATS))


def hits(judged: Judged, columns: tuple[str, ...]) -> NDArray[np.float64]:
    """Return whether each trial was named correctly in each repetition, 0 or 1, (T, repetitions)."""
    found = [judged.outcomes[name] == judged.true for name in columns]
    return np.stack(found, axis=1).astype(np.float64)


def accuracies(judged: Judged, columns: tuple[str, ...] = COLUMNS) -> tuple[float, ...]:
    """Return the accuracy of each repetition; nothing without trials or where a true class cannot be named."""
    if not len(judged.true) or no_true_class(judged.classes, judged.true_classes):
        return ()
    return tuple(float(v) for v in hits(judged, columns).mean(axis=0))


def share_of_hits(judged: Judged, columns: tuple[str, ...]) -> Contributions | None:
    """Return what each photograph adds to the mean accuracy over repetitions."""
    if not len(judged.true):
        return None
    weight = np.full(len(judged.true), 1 / len(judged.true))
    return Contributions(judged.sums(weight * hits(judged, columns).mean(axis=1)), judged.sums(weight))


def _accuracy(judged: Judged) -> Contributions | None:
    return None if no_true_class(judged.classes, judged.true_classes) else share_of_hits(judged, COLUMNS)


def _value(judged: Judged) -> float | None:
    found = _accuracy(judged)
    return float(found.values.sum()) if found is not None else None


def _parts(module: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return who is asked about crops, and what they are cropped from: photographs, or what a target made of them."""
    preprocessor = getattr(module, "preprocessor", None)
    if not getattr(preprocessor, "whole", False):
        return module, x
    return module.classify, preprocessor(x)  # type: ignore[attr-defined, misc]


class Vote(Task):
    """The target returns logits, (N, classes), for crops; of equally many votes the smaller class wins.

    A target whose `preprocessor` has an attribute `whole` that is true is given whole photographs to preprocess, and
    its `classify` crops of what that made of them.
    """

    name = "vote"
    title = "Classification by vote"
    seconds = 0.1  # crops, and passes of many small pictures
    columns: ClassVar[Mapping[str, type]] = dict.fromkeys(COLUMNS, int)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            key="accuracy",
            title="accuracy",
            unit="%",
            higher=False,
            text=f"photographs whose camera model most of {CROPS} crops name, mean of {REPEATS} draws of them",
            value=_value,
            contributions=_accuracy,
            undefined=no_true_class,
        ),
    )

    def shown(self, size: int) -> float:
        """Return what its crops amount to."""
        return REPEATS * CROPS * share_of(size)

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the class that each photograph's crops elect, by repetition."""
        found = {}
        asks, seen = _parts(module, x)
        for repeat, name in enumerate(COLUMNS):
            asked = crops(seen, trials.image.tolist(), "vote", repeat, CROPS)
            logits = answer(asks, asked, (len(asked), context.classes), "logits")
            votes = logits.argmax(dim=1).view(len(x), CROPS).cpu().numpy()
            # argmax gives the first of equals.
            found[name] = np.array([int(np.argmax(np.bincount(row))) for row in votes], np.int64)
        return found
