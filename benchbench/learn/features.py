"""A classifier without its end: what its convolutions say of a photograph, averaged over all places."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from benchbench.base.errors import BenchError


class PooledFeatures(nn.Module):
    """The features that a trained network's first linear layer is given.

    Args:
        network: (N, C, H, W) to logits through global pooling and linear layers. It is copied: weights are shared with
            nobody.

    Shape:
        (N, C, H, W) -> (N, features).

    Raises:
        BenchError: it has no linear layer.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        names = [name for name, module in self.network.named_modules() if isinstance(module, nn.Linear)]
        if not names:
            raise BenchError("a network without a linear layer has no features in front of it.")
        for name in names:
            _put(self.network, name, nn.Identity())
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        return cast(Tensor, self.network(x)).flatten(1)


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
