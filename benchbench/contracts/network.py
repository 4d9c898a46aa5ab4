"""The attacker's networks by name: what an attack may use of q without training anything of its own.

def fits(self, setup):
    return networks("evaluator/high", setup)

def perturb(self, x, true, wanted, context):
    logits = context.network("evaluator/high")(x)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from benchbench.contracts.registry import Registry

if TYPE_CHECKING:
    from benchbench.contracts.fit import Fit, Setup


class Network(ABC):
    """A network that was trained on q; registered under the entry points `benchbench.networks`."""

    name: ClassVar[str]
    text: ClassVar[str]
    """What it is and what it maps photographs to, for `bench list networks`."""

    @abstractmethod
    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return what it is made of, by the names that `assemble` finds it under."""

    @abstractmethod
    def assemble(self, parts: Mapping[str, Any]) -> Any:
        """Return the network, in eval mode, of the loaded results of `fits`."""


NETWORKS: Registry[Network] = Registry("network", "benchbench.networks", Network)


def networks(names: str | Iterable[str], setup: Setup) -> dict[str, Fit]:
    """Return the fits of networks by name, for `Attack.fits`; `CraftContext.network` has them ready for use.

    Raises:
        UnknownNameError: there is no such network. See: bench list networks
    """
    return {
        f"{network.name}:{part}": fit
        for network in NETWORKS.resolve(names)
        for part, fit in network.fits(setup).items()
    }


def assembled(name: str, loaded: Mapping[str, Any]) -> Any:
    """Return a network of what was loaded of `networks`.

    Args:
        loaded: `CraftContext.networks`.

    Raises:
        KeyError: the attack did not ask for it in `fits`.
    """
    parts = {key.rpartition(":")[2]: value for key, value in loaded.items() if key.rpartition(":")[0] == name}
    if not parts:
        raise KeyError(f"network '{name}' was not asked for; return networks('{name}', setup) in fits()")
    return NETWORKS.create(name).assemble(parts)
