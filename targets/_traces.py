"""Classifiers of what an attack takes away, x - F(x)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.base.identity import plain
from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Fit, FitContext
from benchbench.learn.arrays import Role, write_stack
from benchbench.learn.classifier import Classifier
from benchbench.learn.examiner import ExaminerFit

GAIN = 32.0
"""Factor on traces, which are a few gray levels, so that they are as large as photographs in [-1, 1]."""


def trace(attack: Attack, x: Tensor, known: int, networks: Mapping[str, Any]) -> Tensor:
    """Return GAIN (x - F(x)) for photographs (N, 3, H, W) in [0, 1], rounded as an attacker hands them over."""
    context = CraftContext(device=x.device, known=known, networks=networks, seeds=tuple(range(len(x))))
    wanted = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    erased = (attack.perturb(x, None, wanted, context) * 255).round() / 255
    return GAIN * (x - erased)


@dataclass(frozen=True, kw_only=True)
class TraceStack(Fit):
    """The traces of all photographs of a role, float16 (N, H, W, 3)."""

    kind: ClassVar[str] = "benchbench_targets._traces.TraceStack"
    stands_alone: ClassVar[bool] = True

    attack: Attack
    fits: tuple[tuple[str, Fit], ...] = field(default=())
    role: Role = "p"

    def spec(self) -> dict[str, Any]:
        """Return the recipe; the attack's fits enter through `needs`."""
        own = {"attack": plain(self.attack.spec()), "role": self.role, "gain": GAIN}
        return {"fit": self.kind, "version": self.version, "fields": own}

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"what {self.attack.name} takes from {self.role}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 12_000.0

    def needs(self) -> Mapping[str, Fit]:
        """What the attack needs."""
        return dict(self.fits)

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Compute and write the stack."""
        known = context.data.known
        networks = {name: context.needs[name] for name, _ in self.fits}
        write_stack(context, self.role, lambda x: trace(self.attack, x, known, networks), np.float16)
        return {}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> np.ndarray:
        """Return the stack."""
        return arrays["stack"]


class Taken(nn.Module):
    """What an attack takes away from photographs; it is shown them whole, as it is when it attacks."""

    whole = True

    def __init__(self, attack: Attack, networks: Mapping[str, nn.Module], known: int) -> None:
        super().__init__()
        self.attack, self.known = attack, known
        self.networks = nn.ModuleDict(networks)

    def forward(self, x: Tensor) -> Tensor:
        """Return the traces."""
        return trace(self.attack, x, self.known, dict(self.networks.items()))


class OfTraces(nn.Module):
    """Names the camera model of a photograph by what an attack takes away: (N, 3, H, W) in [0, 1] to logits."""

    def __init__(self, preprocessor: Taken, classifier: Classifier) -> None:
        super().__init__()
        self.preprocessor, self.classifier = preprocessor, classifier

    def classify(self, traces: Tensor) -> Tensor:
        """Return the logits of traces."""
        return self.classifier.classify(traces)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.classify(self.preprocessor(x))


@dataclass(frozen=True, kw_only=True)
class TraceExaminerFit(ExaminerFit):
    """An examiner trained on traces, with a copy of the networks that take them away.

    The copy keeps it whole by itself, and apart from what the attack crafts with.
    """

    kind: ClassVar[str] = "benchbench_targets._traces.TraceExaminerFit"

    stack: TraceStack

    def needs(self) -> Mapping[str, Fit]:
        """The stack, and the attack's networks."""
        return {"residuals": self.stack} | {f"attack/{name}": fit for name, fit in self.stack.fits}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the states of the classifier and of the attack's networks."""
        state = {f"classifier/{key}": value for key, value in super().run(context).items()}
        for name, _ in self.stack.fits:
            for key, value in context.needs[f"attack/{name}"].state_dict().items():
                state[f"attack/{name}/{key}"] = value.cpu()
        return state

    def load(  # type: ignore[override]  # a module that holds the classifier
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> OfTraces:
        """Return the classifier behind the attack."""

        def below(prefix: str) -> dict[str, Tensor]:
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

        classifier = super().load(below("classifier/"), arrays, needs)
        networks = {name: fit.load(below(f"attack/{name}/"), {}, {}) for name, fit in self.stack.fits}
        return OfTraces(Taken(self.stack.attack, networks, self.classes), classifier).eval()
