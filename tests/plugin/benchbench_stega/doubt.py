"""A task: how sure is the target that the photograph was attacked?"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from benchbench import Contributions, Judged, Metric, Task, TaskContext, Trials


def _mean(judged: Judged) -> Contributions:
    return Contributions(judged.sums(judged.outcomes["doubt"] / len(judged.true)))


class Doubt(Task):
    """The target returns one number a photograph, (N, 1)."""

    name, title = "doubt", "Doubt"
    columns = {"doubt": float}
    metrics = (
        Metric(
            key="doubt",
            title="Doubt",
            unit="-",
            higher=False,
            text="mean doubt of the target",
            value=lambda judged: float(_mean(judged).values.sum()),
            contributions=_mean,
        ),
    )

    def examine(self, module: Callable[..., Any], x: torch.Tensor, trials: Trials, context: TaskContext) -> Mapping:
        return {"doubt": module(x)[:, 0].double().cpu().numpy()}
