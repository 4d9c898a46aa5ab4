"""Targets at work: one preprocessor for all that share it, and a count of calls while an attack crafts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

Predictions = dict[str, NDArray[np.int64]]


def _shared_key(module: torch.nn.Module) -> str:
    """Return the key of a target's preprocessor, or nothing for a target that is called as a whole."""
    preprocessor = getattr(module, "preprocessor", None)
    key = getattr(preprocessor, "key", None)
    whole = not callable(preprocessor) or not callable(getattr(module, "classify", None))
    return "" if whole or not isinstance(key, str) else key


class Panel:
    """Loaded targets that classify the same photographs.

    A target that raises or returns something other than finite logits is dropped and named in `failures`; the others
    go on.
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
        features: dict[str, torch.Tensor] = {}
        x = x.contiguous(memory_format=torch.channels_last)  # once, not once a network
        with torch.no_grad():
            # Those that share a preprocessor follow one another, so that one output is in memory at a time.
            for name, module in sorted(self.targets.items(), key=lambda item: _shared_key(item[1])):
                if names is not None and name not in names:
                    continue
                try:
                    logits = self._logits(module, x, features)
                    self._check(name, logits, len(x))
                except Exception as error:  # a stranger's network may raise anything; it is named and dropped
                    self._drop(name, error)
                else:
                    found[name] = logits.argmax(dim=1).cpu().numpy()
        return found

    def _logits(self, module: torch.nn.Module, x: torch.Tensor, features: dict[str, torch.Tensor]) -> torch.Tensor:
        key = _shared_key(module)
        result: torch.Tensor
        if not key:
            result = module(x)
        else:
            if key not in features:
                features.clear()
                features[key] = cast(Any, module).preprocessor(x)
            result = cast(Any, module).classify(features[key])
        return result

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
