"""Targets whose weights come from elsewhere: nothing is trained, and the order of their classes is checked by name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from benchbench.base.errors import BenchError
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.target import Target

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ClassOrder(Fit):
    """Where each class of the data set stands among a network's logits. Nothing is trained."""

    kind: ClassVar[str] = "external/class-order"
    name: str
    order: tuple[int, ...]

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"classes of {self.name}"

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Return the order as a tensor."""
        import torch

        return {"order": torch.tensor(self.order)}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Tensor:
        """Return the order, int64 (classes,)."""
        return state["order"]


@dataclass(frozen=True, kw_only=True)
class ExternalTarget(Target):
    """A classifier with weights from elsewhere. Subclasses say what network they belong to."""

    weights: Path
    """A state dict: safetensors, or what torch.save wrote. Its content is part of the identity, its place is not."""
    class_order: tuple[str, ...]
    """Names of camera models in the order of the network's logits; exactly those that the target is to know."""

    @abstractmethod
    def network(self, classes: int) -> nn.Module:
        """Return the network, untrained: float32 (N, 3, H, W) in [0, 1] to logits (N, classes)."""

    def state(self, stored: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Return the network's state dict from what the file holds; here, the file is one."""
        return cast("Mapping[str, Tensor]", stored)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the order of classes alone.

        Raises:
            BenchError: `class_order` does not name the camera models that the target is to know.
        """
        names = setup.camera_models[: self.classes(setup)]
        if sorted(names) != sorted(self.class_order):
            lacking = [name for name in names if name not in self.class_order]
            foreign = [name for name in self.class_order if name not in names]
            told = [f"lacks {', '.join(map(repr, lacking))}"] if lacking else []
            told += [f"names {', '.join(map(repr, foreign))}, which is none of them"] if foreign else []
            why = " and ".join(told) or "names one twice"
            raise BenchError(
                f"class_order of target '{self.name}' {why}; a target of overlap {self.card.overlap} knows "
                f"{', '.join(names) or 'models that this data set does not name'}."
            )
        order = tuple(self.class_order.index(name) for name in names)
        return {"order": ClassOrder(name=self.name, order=order)}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> nn.Module:
        """Return the network with its weights, its logits in the data set's order.

        Raises:
            BenchError: the weights cannot be read safely, or are another network's.
        """
        module = self.network(len(self.class_order))
        state = self.state(_stored(self.weights))
        try:
            module.load_state_dict(dict(state))
        except RuntimeError as error:
            why = str(error).splitlines()[-1].strip()
            raise BenchError(f"'{self.weights}' does not hold the weights of target '{self.name}': {why}") from error
        return ordered(module, networks["order"]).to(device).eval()


def ordered(module: nn.Module, order: Tensor) -> nn.Module:
    """Return a module whose logits are those of `module` at the places `order`, (N, len(order))."""
    import torch

    class Ordered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module
            self.register_buffer("order", order.clone())

        def forward(self, x: Tensor) -> Tensor:
            return cast("Tensor", self.inner(x)[:, self.order])

    return Ordered()


def _stored(path: Path) -> Mapping[str, Any]:
    """What a file of weights holds, read without running anything that a pickle may hold."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        import torch

        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle that is refused says so in a page of text
        raise BenchError(f"'{path}' holds no weights that can be read safely ({type(error).__name__}).") from error
    if not isinstance(found, Mapping):
        raise BenchError(f"'{path}' holds a {type(found).__name__}; a state dict is expected.")
    return found
