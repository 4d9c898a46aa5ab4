"""The evaluators of the built-in attacks under names of their own, for attacks of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.network import Network

from ._evaluator import DualStream, Evaluator, evaluator_fits, make_evaluator


class _Stream(nn.Module):
    """One stream of the dual-stream evaluator: photographs to its logits."""

    def __init__(self, both: DualStream, stream: int) -> None:
        super().__init__()
        self.both, self.stream = both, stream

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (N, known), for photographs, (N, 3, H, W) in [0, 1]."""
        return self.both.streams(x)[self.stream]


class _Evaluator(Network):
    """An evaluator, or one stream of it."""

    def __init__(self, kind: Evaluator, name: str, text: str, stream: int | None = None) -> None:
        self.kind, self.stream = kind, stream
        self.name, self.text = name, text  # type: ignore[misc]  # one class, several names

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return its networks, which the built-in attacks train too."""
        return evaluator_fits(self.kind, setup)

    def assemble(self, parts: Mapping[str, Any]) -> nn.Module:
        """Return a module: float32 (N, 3, H, W) in [0, 1] to (N, known)."""
        whole = make_evaluator(parts)
        return (
            _Stream(whole, self.stream).eval() if self.stream is not None and isinstance(whole, DualStream) else whole
        )


_KNOWN: tuple[tuple[Evaluator, str, str, int | None], ...] = (
    ("dual", "evaluator/dual", "Cama's evaluator of two streams: photographs to log probabilities", None),
    ("dual", "evaluator/high", "its stream of high frequencies: photographs to logits", 0),
    ("dual", "evaluator/low", "its stream of low frequencies: photographs to logits", 1),
    (
        "cc",
        "evaluator/cc",
        "MISL's evaluator, behind a constrained convolution: photographs to log probabilities",
        None,
    ),
    (
        "rgb+fd",
        "evaluator/rgb+fd",
        "SpoC's evaluator, of color and its differences: photographs to log probabilities",
        None,
    ),
)


def networks() -> dict[str, Callable[[], Network]]:
    """Return the evaluators by name."""

    def maker(kind: Evaluator, name: str, text: str, stream: int | None) -> Callable[[], Network]:
        return lambda: _Evaluator(kind, name, text, stream)

    return {name: maker(kind, name, text, stream) for kind, name, text, stream in _KNOWN}
