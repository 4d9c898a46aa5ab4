"""What a task is: the question that a target answers of photographs, and the rates that the answers add up to.

A task says what is recorded of each trial (named columns of integers or floats) and how a batch is asked. Metrics are
pure functions of recorded trials and outcomes, so that a report needs neither torch nor the target.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    import torch

    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.trials import Trials

Outcomes = Mapping[str, NDArray[Any]]
"""By column, an array whose first axis is the trials."""


@dataclass
class TaskContext:
    """What a task may know beside photographs."""

    known: int
    """Camera models that the attacker knows: classes 0 to known - 1."""
    classes: int
    """Camera models that the target tells apart."""
    target: str = ""
    """Its name."""
    dataset: Dataset | None = None
    """Labels of the test photographs, such as devices; None where a test asks without photographs."""
    state: dict[str, Any] = field(default_factory=dict)
    """Kept between batches: for what is slow to build, never for outcomes."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a metric sees of one cell: trials and outcomes, (T,) each, in one order."""

    photograph: NDArray[np.int64]
    """Number of the trial's photograph, from 0; a photograph's trials follow one another."""
    true: NDArray[np.int64]
    wanted: NDArray[np.int64]
    """What an attack that is not targeted made of a photograph stands here for each wrong class."""
    outcomes: Outcomes
    known: int
    classes: int
    """Classes that the target tells apart."""
    true_classes: tuple[int, ...]
    """True classes of the scenario, ascending."""

    @property
    def photographs(self) -> int:
        """How many photographs were attacked."""
        return int(self.photograph[-1]) + 1 if len(self.photograph) else 0

    @property
    def stratum(self) -> NDArray[np.int64]:
        """The true class of each photograph."""
        return self.true[np.unique(self.photograph, return_index=True)[1]]

    def sums(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add one number a trial up to one a photograph: (T,) to (photographs,), or (cells, T) of several targets."""
        if weights.ndim > 1:
            apart = self.photographs * np.arange(len(weights))[:, None] + self.photograph
            every = np.bincount(apart.ravel(), weights=weights.ravel(), minlength=len(weights) * self.photographs)
            return every.reshape(len(weights), -1)
        found: NDArray[np.float64] = np.bincount(self.photograph, weights=weights, minlength=self.photographs)
        return found


@dataclass(frozen=True)
class Contributions:
    """What each photograph adds to a value, so that an interval knows that its trials go together."""

    values: NDArray[np.float64]
    """(photographs,); their sum is the value."""
    full: NDArray[np.float64] | None = None
    """The values if every trial succeeded, for a rate in [0, 1]; None for a mean without such a bound."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Metric:
    """A number of a cell. Its functions are pure, and return None where `undefined` says why."""

    key: str
    title: str
    unit: str
    """'%' for a rate in [0, 1], which is shown in percent."""
    higher: bool
    """Whether more is better for the attack."""
    text: str
    """What it counts."""
    value: Callable[[Judged], float | None]
    contributions: Callable[[Judged], Contributions | None]
    bounded: bool = False
    """Whether it lies in [0, 1] and is no rate, as an area under a curve: its interval stays there, too."""
    undefined: Callable[[int, tuple[int, ...]], str] = lambda classes, true_classes: ""
    """Why there is none, of the classes that a target tells apart and the scenario's true classes; or nothing."""


class Task(ABC):
    """A question to a target; registered under the entry points `benchbench.tasks`.

    Subclasses are stateless. A target names its task in its card.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised when a change of the code moves outcomes."""
    columns: ClassVar[Mapping[str, type]]
    """What is recorded of a trial: {"predicted": int}, {"pce": float}. A float may be NaN: not defined."""
    metrics: ClassVar[tuple[Metric, ...]]
    synthetic: ClassVar[bool] = False
    """Whether it can be asked about pictures that no camera took."""
    seconds: ClassVar[float] = 0.0
    """Of a core, beside the target's networks, for a photograph of 256 px; for estimates."""
    elsewhere: ClassVar[bool] = True
    """Whether it can be asked about photographs that are none of the data set's: it knows no device by its number."""

    @abstractmethod
    def examine(
        self, module: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, trials: Trials, context: TaskContext
    ) -> Outcomes:
        """Ask a target about one batch.

        Args:
            module: the target. It may be called any number of times, with `x` itself or parts of it.
            x: float32 (N, 3, H, W) in [0, 1], what the target is shown; do not change it in place.
            trials: of the N photographs.

        Returns:
            Arrays of first axis N: the columns, or what `finish` makes columns of.

        Raises:
            ValueError: the target's answer is not what the task asks for; the target is dropped by name.
        """

    def finish(self, outcomes: Outcomes, trials: Trials, context: TaskContext) -> Outcomes:
        """Return the columns, (T,) each, of all trials of the cell; the same as `examine` gave where it gives columns.

        Called once, without a GPU, after all batches.
        """
        return outcomes

    def shown(self, size: int) -> float:
        """Return how much of the target's work a photograph of that side costs, in whole photographs; for estimates."""
        return 1.0

    def metric(self, key: str) -> Metric:
        """Return the metric of that key; KeyError if there is none."""
        return {metric.key: metric for metric in self.metrics}[key]


def recorded(task: Task, outcomes: Outcomes, trials: int) -> dict[str, tuple[int | float | None, ...]]:
    """Return what a cell records: each column as JSON's numbers, None for NaN.

    Raises:
        ValueError: a column is missing or unknown, of another length or type, or infinite.
    """
    if set(outcomes) != set(task.columns):
        raise ValueError(f"columns {', '.join(sorted(outcomes))}; {', '.join(sorted(task.columns))} are expected")
    found: dict[str, tuple[int | float | None, ...]] = {}
    for name, kind in task.columns.items():
        column = np.asarray(outcomes[name])
        if column.shape != (trials,):
            raise ValueError(f"column '{name}' has shape {column.shape}; ({trials},) is expected")
        if kind is int:
            if column.dtype.kind not in "iu":
                raise ValueError(f"column '{name}' holds {column.dtype}; integers are expected")
            found[name] = tuple(int(v) for v in column)
        else:
            values = column.astype(np.float64)
            if np.isinf(values).any():
                raise ValueError(f"column '{name}' holds an infinite value")
            found[name] = tuple(None if np.isnan(v) else float(v) for v in values)
    return found


TASKS: Registry[Task] = Registry("task", "benchbench.tasks", Task, "the task of a target")
