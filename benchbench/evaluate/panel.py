"""Targets at work: one preprocessor for all that share it, and a count of calls while an attack crafts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from benchbench.base.whereabouts import at
from benchbench.contracts.task import Outcomes, Task, TaskContext
from benchbench.contracts.trials import ANY, Trials
from benchbench.evaluate.global_state import as_it_was
from benchbench.evaluate.tasks.classification import Classification

CHANGED = "it changed its input in place; work on a copy, or use inplace=False"
"""The sentence for a module that wrote into what it was given."""


def _shared_key(module: torch.nn.Module) -> str:
    """Return the key of a target's preprocessor, or nothing for a target that is called as a whole."""
    preprocessor = getattr(module, "preprocessor", None)
    # One that inherits a key need not compute what its parent does.
    key = (dict(vars(type(preprocessor))) | getattr(preprocessor, "__dict__", {})).get("key")
    whole = not callable(preprocessor) or not callable(getattr(module, "classify", None))
    return "" if whole or not isinstance(key, str) else f"{type(preprocessor).__qualname__} {key}"


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


@dataclass
class Member:
    """A loaded target with its task."""

    module: torch.nn.Module
    task: Task
    context: TaskContext


class Panel:
    """Loaded targets that are asked about the same photographs.

    A target that raises, answers something other than its task asks for, or writes into what it is given is dropped and
    named in `failures`; the others go on, and see what they would have seen without it.
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        """Take targets by name, on one device."""
        self.members = dict(members)
        self.failures: dict[str, str] = {}

    def examine(self, x: torch.Tensor, trials: Trials, names: Collection[str] | None = None) -> dict[str, Outcomes]:
        """Return what each target's task found, by target.

        Args:
            x: float32 (N, 3, H, W) in [0, 1].
            trials: of the N photographs.
            names: of the targets to ask; None asks all.
        """
        found: dict[str, Outcomes] = {}
        features: dict[str, Lent] = {}
        # Channels-last once, not once a network; a copy, because the caller goes on with its own.
        photographs = Lent(x.clone(memory_format=torch.channels_last))
        with torch.no_grad():
            # Those that share a preprocessor follow one another, so that one output is in memory at a time.
            for name, member in sorted(self.members.items(), key=lambda item: _shared_key(item[1].module)):
                if names is not None and name not in names:
                    continue
                asked = Asked(member.module, photographs, features)
                try:
                    with at(f"target '{name}'"), as_it_was():
                        outcomes = member.task.examine(asked, photographs.value, trials, member.context)
                    if not photographs.taken_back():
                        raise ValueError(CHANGED)
                    lengths = {len(column) for column in outcomes.values()}
                    if lengths != {len(x)}:
                        raise ValueError(
                            f"task '{member.task.name}' gave {sorted(lengths)} outcomes for {len(x)} trials"
                        )
                except (
                    Exception,
                    SystemExit,
                ) as error:  # a stranger's network may raise anything; it is named and dropped
                    photographs.taken_back()
                    self._drop(name, error)
                else:
                    found[name] = outcomes
        return found

    @classmethod
    def of(cls, modules: Mapping[str, torch.nn.Module], classes: Mapping[str, int]) -> Panel:
        """Return a panel of classifiers, each with how many classes it tells apart."""
        task = Classification()
        members = {n: Member(m, task, TaskContext(known=classes[n], classes=classes[n])) for n, m in modules.items()}
        return cls(members)

    def classify(self, x: torch.Tensor, names: Collection[str] | None = None) -> dict[str, NDArray[np.int64]]:
        """Return the predicted classes, int64 (N,), by target; all of them classifiers."""
        rows = np.arange(len(x))
        found = self.examine(x, Trials(rows, rows * 0, rows * 0 + ANY), names)
        return {name: outcomes["predicted"] for name, outcomes in found.items()}

    def _drop(self, name: str, error: BaseException) -> None:
        del self.members[name]
        self.failures[name] = f"target '{name}' failed: {str(error) or type(error).__name__}."


class Asked:
    """A target as its task sees it: called with photographs, it answers, and cannot change them for anybody else.

    The output of a preprocessor that several targets share is computed once, where the task asks about the photographs
    as they are; of parts of them it is computed for each.
    """

    def __init__(self, module: torch.nn.Module, photographs: Lent, features: dict[str, Lent]) -> None:
        """Take a target, the batch, and the outputs of preprocessors that are known of it."""
        self._module, self._photographs, self._features = module, photographs, features

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the target's answer."""
        if x is not self._photographs.value:
            return cast(torch.Tensor, _asked(self._module, Lent(x.clone())))
        key = _shared_key(self._module)
        if not key:
            return cast(torch.Tensor, _asked(self._module, self._photographs))
        parts = cast(Any, self._module)
        if key not in self._features:
            self._features.clear()
            made = _asked(parts.preprocessor, self._photographs)
            if not isinstance(made, torch.Tensor):
                # Not to be lent; and the photographs themselves may be in it.
                whole = _asked(lambda lent: parts.classify(parts.preprocessor(lent)), self._photographs)
                return cast(torch.Tensor, whole)
            self._features[key] = Lent(made.clone())  # it may be a part of the photographs
        return cast(torch.Tensor, _asked(parts.classify, self._features[key]))


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
