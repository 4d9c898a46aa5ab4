"""Faster frozen networks: batch norm folded into convolutions, weights stored channels-last."""

from __future__ import annotations

from typing import cast

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_pairs: dict[tuple[tuple[str, type], ...], list[tuple[str, str]]] = {}
"""Convolutions and the batch norms that follow them, by names, of each architecture seen by this process."""


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Fold each batch norm that follows a convolution into it, in place, and return the network.

    Its outputs stay the same to floating-point rounding.

    Args:
        network: in eval mode; one whose forward torch.fx cannot trace stays as it is.
    """
    key = tuple((name, type(module)) for name, module in network.named_modules())
    if key not in _pairs:
        try:
            _pairs[key] = _find(network)
        except Exception:  # a stranger's forward may branch on what it sees; folding saves time and nothing else
            _pairs[key] = []
    for convolution, norm in _pairs[key]:
        folded = cast(nn.BatchNorm2d, network.get_submodule(norm))
        whole = cast(nn.Conv2d, network.get_submodule(convolution))
        _replace(network, convolution, fuse_conv_bn_eval(whole, folded))
        # timm has batch norms with the activation inside.
        _replace(network, norm, getattr(folded, "act", None) or nn.Identity())
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d | nn.Conv2d) or super().is_leaf_module(m, module_qualified_name)


def _find(network: nn.Module) -> list[tuple[str, str]]:
    """Return the pairs: a convolution whose output goes to one batch norm and nowhere else, each used once."""
    calls = [node for node in _Tracer().trace(network).nodes if node.op == "call_module"]
    modules = dict(network.named_modules())
    used = [node.target for node in calls]
    return [
        (str(source.target), str(node.target))
        for node in calls
        if isinstance(modules[str(node.target)], nn.BatchNorm2d)
        and isinstance(source := node.args[0], fx.Node)
        and source.op == "call_module"
        and isinstance(modules[str(source.target)], nn.Conv2d)
        and len(source.users) == 1
        and used.count(node.target) == used.count(source.target) == 1
    ]


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
