"""Networks that an attack calls, watched: one that writes into its input would spoil the photographs of the attack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class InputGuard:
    """Networks get a copy of what they are called with; who writes into it is named, and the attack is not blamed."""

    def __init__(self, networks: Mapping[str, Any]) -> None:
        """Watch those that are modules, and what a target offers beside itself: `preprocessor` and `classify`."""
        self.offender: str | None = None
        """The first network that wrote into its input."""
        self._lent: list[list[tuple[torch.Tensor, torch.Tensor]]] = []
        self._named: dict[int, tuple[str, torch.nn.Module]] = {}
        for name, network in networks.items():
            for part in (network, *(getattr(network, part, None) for part in ("preprocessor", "classify"))):
                if isinstance(part, torch.nn.Module):
                    self._named.setdefault(id(part), (name, part))

    def __deepcopy__(self, memo: object) -> InputGuard:
        """Be the guard of copies too: an attack may copy a network of its own, and the hooks with it."""
        return self

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Watch the calls made inside the block."""
        handles = []
        for name, part in self._named.values():

            def returned(*_: Any, name: str = name) -> None:
                self._take_back(name)

            handles.append(part.register_forward_pre_hook(self._lend, with_kwargs=True))
            handles.append(part.register_forward_hook(returned, always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _lend(
        self, module: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        lent: list[tuple[torch.Tensor, torch.Tensor]] = []

        def copied(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or not value.is_floating_point():
                return value
            copy = value.clone()  # not a leaf either: writing into one raises, which would look like the attack's fault
            lent.append((value, copy))
            return copy

        given = tuple(map(copied, arguments)), {name: copied(value) for name, value in keywords.items()}
        self._lent.append(lent)
        return given

    def _take_back(self, name: str) -> None:
        for value, copy in self._lent.pop():
            if not _alike(value.detach(), copy.detach()):
                self.offender = self.offender or name


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    try:
        return torch.equal(one, other) or torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
    except RuntimeError:  # inside torch.func.vmap, where values cannot be asked for
        return True
