"""Verification: was it this device? The target scores a photograph against the fingerprint of its enrolled device.

The score is the peak-to-correlation energy (PCE) of the photograph's noise residual and the fingerprint; an attack
that erases traces lowers it. Source: Goljan et al. 2009; Andrews et al. 2020 (SiamTE), section on verification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.contracts.task import Contributions, Judged, Metric, Outcomes, Task, TaskContext
from benchbench.evaluate.tasks.classification import answer

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.trials import Trials

THRESHOLD = 60.0
"""A PCE above it is taken for a match (Goljan et al. 2009: false alarms of about 1e-5)."""
NOT_ENROLLED = "the devices of these photographs are not enrolled"


def _per_photograph(judged: Judged, trial: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each photograph's share of the mean over trials of enrolled devices; (photographs,)."""
    known = ~np.isnan(trial)
    return judged.sums(np.where(known, trial, 0.0) / max(1, int(known.sum())))


def _pce(judged: Judged) -> Contributions | None:
    pce = judged.outcomes["pce"]
    return None if np.isnan(pce).all() else Contributions(_per_photograph(judged, pce))


def _escaped(judged: Judged) -> Contributions | None:
    pce = judged.outcomes["pce"]
    known = ~np.isnan(pce)
    if not known.any():
        return None
    away = np.where(known, (pce < THRESHOLD).astype(np.float64), np.nan)
    return Contributions(_per_photograph(judged, away), _per_photograph(judged, np.where(known, 1.0, np.nan)))


def _sum(contributions: Callable[[Judged], Contributions | None]) -> Callable[[Judged], float | None]:
    def value(judged: Judged) -> float | None:
        found = contributions(judged)
        return float(found.values.sum()) if found is not None else None

    return value


class Verification(Task):
    """The target returns a score for each enrolled device, (N, devices), in the order of its attribute `devices`.

    A photograph is scored against its own device; one of a device that is not enrolled has no score.
    """

    name = "verification"
    title = "Verification"
    columns: ClassVar[Mapping[str, type]] = {"pce": float}
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            key="pce",
            title="PCE",
            unit="-",
            higher=False,
            text="mean peak-to-correlation energy against the photograph's own device",
            value=_sum(_pce),
            contributions=_pce,
        ),
        Metric(
            key="escaped",
            title="not verified",
            unit="%",
            higher=True,
            text=f"PCE below {THRESHOLD:g} against the photograph's own device",
            value=_sum(_escaped),
            contributions=_escaped,
        ),
    )

    def examine(self, module: Callable[[Tensor], Tensor], x: Tensor, trials: Trials, context: TaskContext) -> Outcomes:
        """Return each photograph's score against its own device, NaN where that is not enrolled."""
        enrolled = [str(d) for d in getattr(module, "devices", ())]
        if not enrolled:
            raise ValueError("it has no attribute 'devices', the names of those that are enrolled")
        if context.dataset is None:
            raise ValueError("the devices of the photographs are not known")
        if "device" not in context.state:
            context.state["device"] = [str(d) for d in context.dataset.photos("test").device]
        scores = answer(module, x, (len(x), len(enrolled)), "scores").double().cpu().numpy()
        own = [context.state["device"][i] for i in trials.image]
        found = [row[enrolled.index(d)] if d in enrolled else np.nan for row, d in zip(scores, own, strict=True)]
        return {"pce": np.array(found, np.float64)}
