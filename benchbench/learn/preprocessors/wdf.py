"""Wiener residuals as a network gives them."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.preprocessor import Preprocessor
from benchbench.learn.arrays import Role, WholeImages
from benchbench.learn.residual import ResidualNetworkFit


class Wdf(Preprocessor):
    """Wiener residual as a network learned it; what is behind it was trained on the filter's own.

    Source: Andrews, Zhang & Griffin, Camera model anonymisation with augmented cGANs, 2020, section 3.3.1.
    """

    key = "wdf"
    stands_for = "ww"

    def __init__(self) -> None:
        super().__init__()
        self.network: nn.Module | None = None

    @classmethod
    def fit(cls, role: Role, setup: Setup) -> Fit:
        """Return the network's fit: Johnson et al.'s with two residual blocks where a profile says nothing else."""
        return ResidualNetworkFit(
            role=role,
            shape=setup.profile.residual_network,
            recipe=setup.profile.residual_recipe("wdf"),
            patch=setup.profile.patch,
            residuals=WholeImages(role=role, preprocessor=cls.stands_for),
            seed=setup.seed,
        )

    def learned(self, network: nn.Module) -> Wdf:
        """Take the network and return the preprocessor."""
        self.network = network
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, H, W).

        Raises:
            BenchError: it was not given its network.
        """
        if self.network is None:
            raise BenchError("preprocessor 'wdf' has no network yet; its `fit` says what is to be trained.")
        return cast(Tensor, self.network(x * 2 - 1))
