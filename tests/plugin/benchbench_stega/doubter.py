"""A target of the plugin's own task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchbench import Fit, Setup, Target, TargetCard


class Rough(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.diff(dim=-1).abs().mean((1, 2, 3))[:, None]


@dataclass(frozen=True, kw_only=True)
class Doubter(Target):
    card = TargetCard(name="doubter", backbone="none", preprocessor="none", overlap="complete", task="doubt")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {}

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        return Rough().to(device)
