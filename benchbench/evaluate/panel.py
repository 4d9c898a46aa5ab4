"""Targets at work: one preprocessor for all that share it, and a count of calls while an attack crafts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

Predictions = dict[str, NDArray[np.int64]]
CHANGED = "it changed its input in place; work on a copy, or use inplace=False"
"""The sentence for a module that wrote into what it was given."""


def _shared_key(module: torch.nn.Module) -> str:
    """Return the key of a target's preprocessor, or nothing for a target that is called as a whole."""
    preprocessor = getattr(module, "preprocessor", None)
    key = getattr(preprocessor, "key", None)
    whole = not callable(preprocessor) or not callable(getattr(module, "classify", None))
    return "" if whole or not isinstance(key, str) else key


class Lent:
    """A tensor that a stranger's code is given, and what it was before: a layer may write into its input."""

    def __init__(self, value: torch.Tensor) -> None:
        """Lend `value`, which nobody else may hold."""
        self.value = value
        self._kept = value.clone()

    def taken_back(self) -> bool:
        """Say whether the tensor is as it was; afterwards it is."""
        now, before = self.value, self._kept
        # Type and layout first: half precision may hold equal values, and the others would compute in it.
        intact = (now.dtype, now.shape, now.stride(), now.device) == (
            before.dtype,
            before.shape,
            before.stride(),
            before.device,
        ) and (torch.equal(now, before) or torch.allclose(now, before, rtol=0, atol=0, equal_nan=True))
        if not intact:
            self.value = self._kept.clone()
        return intact


class Panel:
    """Loaded targets that classify the same photographs.

    A target that raises, returns something other than finite logits, or writes into what it is given is dropped and
    named in `failures`; the others go on, and see what they would have seen without it.
    """

    def __init__(self, targets: Mapping[str, torch.nn.Module], classes: Mapping[str, int]) -> None:
        """Take targets by name, on one device, and how many classes each tells apart."""
        self.targets = dict(targets)
        self.classes = dict(classes)
        self.failures: dict[str, str] = {}

    def classify(self, x: torch.Tensor, names: Collection[str] | None = None) -> Predictions:
        """Return the predicted classes, int64 (N,), by target.

        Args:
            x: float32 (N, 3, H, W) in [0, 1].
            names: of the targets to ask; None asks all.
        """
        found: Predictions = {}
        features: dict[str, Lent] = {}
        # Channels-last once, not once a network; a copy, because the caller goes on with its own.
        photographs = Lent(x.clone(memory_format=torch.channels_last))
        with torch.no_grad():
            # Those that share a preprocessor follow one another, so that one output is in memory at a time.
            for name, module in sorted(self.targets.items(), key=lambda item: _shared_key(item[1])):
                if names is not None and name not in names:
                    continue
                try:
                    logits = self._logits(module, photographs, features)
                    self._check(name, logits, len(x))
                except Exception as error:  # a stranger's network may raise anything; it is named and dropped
                    self._drop(name, error)
                else:
                    found[name] = logits.argmax(dim=1).cpu().numpy()
        return found

    def _logits(self, module: torch.nn.Module, x: Lent, features: dict[str, Lent]) -> torch.Tensor:
        key = _shared_key(module)
        if not key:
            return cast(torch.Tensor, _asked(module, x))
        parts = cast(Any, module)
        if key not in features:
            features.clear()
            made = _asked(parts.preprocessor, x)
            if not isinstance(made, torch.Tensor):
                # Not to be lent; and the photographs themselves may be in it.
                return cast(torch.Tensor, _asked(lambda lent: parts.classify(parts.preprocessor(lent)), x))
            features[key] = Lent(made.clone())  # it may be a part of the photographs
        return cast(torch.Tensor, _asked(parts.classify, features[key]))

    def _check(self, name: str, logits: Any, images: int) -> None:
        expected = (images, self.classes[name])
        if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != expected:
            shape = tuple(getattr(logits, "shape", ()))
            raise ValueError(f"it returned logits of shape {shape}; {expected} is expected")
        if not bool(torch.isfinite(logits).all()):
            raise ValueError("it returned NaN or infinite logits")

    def _drop(self, name: str, error: Exception) -> None:
        del self.targets[name]
        self.failures[name] = f"target '{name}' failed: {error}."


def _asked(part: Any, lent: Lent) -> Any:
    """Return what a module makes of a tensor, which is as it was afterwards, whatever the module did to it.

    Raises:
        ValueError: the module has changed it.
    """
    intact = False
    try:
        result = part(lent.value)
    finally:
        intact = lent.taken_back()
    if not intact:
        raise ValueError(CHANGED)
    return result


class CallCounter:
    """Counts calls of the targets' networks; an attack that is not white-box must leave it at 0."""

    def __init__(self, modules: Mapping[str, torch.nn.Module], networks: Mapping[str, Mapping[str, Any]]) -> None:
        """Watch each target, its `classify`, and every network that it was loaded from."""
        self.calls = 0
        self._watching = False
        watched: dict[int, torch.nn.Module] = {}
        for name, module in modules.items():
            parts = [module, getattr(module, "classify", None), *networks[name].values()]
            watched |= {id(part): part for part in parts if isinstance(part, torch.nn.Module)}
        self._handles = [part.register_forward_pre_hook(self._count) for part in watched.values()]

    def _count(self, module: torch.nn.Module, arguments: Any) -> None:
        self.calls += self._watching

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count the calls made inside the block."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
