"""A fit: something trained or computed once, kept under its `fit_id`, and used by attacks and targets.

Networks (targets, evaluators, generators), numbers (a calibrated epsilon) and whole arrays (Wiener residuals,
re-mosaiced photographs) are all fits, so that the planner sees one graph and trains each node once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchbench.base.errors import BenchError
from benchbench.base.identity import digest, plain_fields

if TYPE_CHECKING:
    import numpy as np
    import torch

    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.profile import Profile

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, a short text such as 'loss 0.31')."""


def silent(done: int, total: int, text: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Setup:
    """What an attack or target is told when it says which fits it needs."""

    profile: Profile
    data_id: str
    known: int
    """Camera models that the attacker knows: classes 0 to known - 1."""
    classes: int
    """Camera models in all."""
    seed: int = 0
    camera_models: tuple[str, ...] = ()
    """Their names, in class order; for targets whose own order has to be brought into this one."""


@dataclass
class FitContext:
    """What a fit may use while it runs. Nothing in here may move the result beyond floating-point rounding."""

    data: Dataset
    device: torch.device
    needs: Mapping[str, Any]
    """Loaded results of the fits named by `Fit.needs`."""
    folder: Path
    """Scratch folder of this fit; arrays written here with `numpy.lib.format.open_memmap` as `NAME.npy` are kept."""
    checkpoint: Path
    """File for the training state; removed when the fit is done."""
    progress: Progress = silent
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON facts for the record, such as a learning curve or clean accuracy."""
    states: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    """By name, what the fits of `Fit.needs` have stored: where a training that goes on from another network begins,
    because what is loaded may have been changed for use, its batch norms folded."""
    earlier_seconds: float = 0.0
    """What earlier processes took for the part that this one found in the checkpoint; whoever reads it says so here."""


@dataclass(frozen=True, kw_only=True)
class Fit(ABC):
    """A recipe. Its fields are its identity; a change of the code that moves results raises `version`."""

    kind: ClassVar[str]
    """The recipe's name in every identity. Declared by each class, because files and classes may get other names."""
    version: ClassVar[int] = 1
    stands_alone: ClassVar[bool] = False
    """Whether `load` can do without the fits that this one builds on: once computed, it is then used without them."""
    imports: ClassVar[tuple[str, ...]] = ()
    """Modules that its use imports and that take long: workers import them once for all that they start. Of
    benchbench's own fits alone, because an attack's module is never imported where it is judged."""
    seed: int = 0

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for progress bars, e.g. 'resnet18/rgb/complete'."""

    @property
    def cost(self) -> float:
        """Rough work in narrow-ResNet-18 training patches, for estimates and for starting the longest first.

        See `benchbench.learn.operations`, which counts it.
        """
        return 0.0

    @property
    def operations(self) -> float:
        """Floating-point operations of using it on one pixel of a photograph, for estimates; 0: not known, or none."""
        return 0.0

    def needs(self) -> Mapping[str, Fit]:
        """Return the fits that this one builds on."""
        return {}

    @abstractmethod
    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        """Compute and return the state (stored as safetensors); arrays go to `context.folder`."""

    @abstractmethod
    def load(self, state: dict[str, torch.Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Any:
        """Turn what was stored into what users of this fit receive: a module in eval mode, a number, an array.

        Args:
            state: what `run` returned.
            arrays: by name, what `run` wrote to the folder of its context; memory-mapped.
            needs: the loaded results of the fits in `needs`, each loaded when it is asked for.
        """

    def spec(self) -> dict[str, Any]:
        """Return the JSON of this recipe; the fits that it builds on enter its identity through `needs`.

        Raises:
            BenchError: the class declares no `kind` of its own.
        """
        kind = vars(type(self)).get("kind")
        if not kind:  # an inherited one would make two recipes one
            raise BenchError(
                f"the fit '{type(self).__qualname__}' declares no kind; write for example "
                f"kind: ClassVar[str] = 'my-package/{type(self).__qualname__.lower()}', a name that never changes."
            )
        own = plain_fields(self, lambda value: isinstance(value, Fit))
        return {"fit": kind, "version": self.version, "fields": own}

    def fit_id(self, data_id: str) -> str:
        """Return H(recipe, data_id, seed, ids of the fits it builds on)."""
        needs = {name: fit.fit_id(data_id) for name, fit in self.needs().items()}
        return digest("fit", {"spec": self.spec(), "data": data_id, "needs": needs})


def collect(
    roots: Mapping[str, Fit], data_id: str, there: Callable[[str], bool] = lambda fit_id: False
) -> dict[str, Fit]:
    """Return all fits reachable from `roots` by fit_id, parents before children.

    Args:
        there: says whether a fit is computed already. Those that such a fit builds on are left out if it
            `stands_alone`.
    """
    found: dict[str, Fit] = {}

    def visit(fit: Fit) -> None:
        fit_id = fit.fit_id(data_id)
        if fit_id not in found:
            if not (fit.stands_alone and there(fit_id)):
                for need in fit.needs().values():
                    visit(need)
            found[fit_id] = fit

    for fit in roots.values():
        visit(fit)
    return found
