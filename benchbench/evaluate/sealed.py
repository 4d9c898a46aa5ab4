"""An attack as whoever judges it sees it: its card and its identity. Its code stays closed until it crafts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cloudpickle

from benchbench.base.identity import digest
from benchbench.contracts.attack import Attack, AttackCard
from benchbench.contracts.fit import Setup, collect


def fit_ids(attack: Attack, setup: Setup) -> Mapping[str, str]:
    """Return the ids of an attack's fits, by name."""
    return {name: fit.fit_id(setup.data_id) for name, fit in attack.fits(setup).items()}


class Sealed:
    """Travels to a process without importing the attack's module there; `payload` is for the one that crafts."""

    def __init__(self, attack: Attack, setup: Setup) -> None:
        """Seal an attack of this process.

        Args:
            setup: of the run, to name what the attack may load.
        """
        kind = type(attack)
        self._attack: Attack | None = attack
        self._bytes = b""
        self.card: AttackCard = attack.card
        self.name = attack.name
        self.fits = fit_ids(attack, setup)
        """Its fits' ids, by name."""
        self.reaches = frozenset(collect(attack.fits(setup), setup.data_id))
        """Their ids, and those of what they are built on: what it may load."""
        self.evaluates = kind.surrogate is not Attack.surrogate
        """Whether it has evaluators to ask."""
        self.key = digest("sealed", [kind.__module__, kind.__qualname__, attack.spec()])
        """Equal for equal attacks."""

    @property
    def payload(self) -> bytes:
        """The attack, pickled; whatever cannot be raises as `pickle.dumps` does."""
        return self._bytes or bytes(cloudpickle.dumps(self._attack))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_attack": None, "_bytes": self.payload}
