"""Any attack of the package torchattack by name, on Cama's evaluator: `torchattack:BSR[eps=0.02]`.

It is an extra and is imported when one of its attacks is asked for. Its name is that of torchattacks but for the last
letter; the two have nothing to do with each other.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, Setup

from ._one_by_one import one_by_one, true_or_taken_for
from ._surrogates import DEFAULT, surrogate_fits, surrogate_of

LAYER = "high.backbone.layer2"
"""What attacks on features look at unless they are told: the second stage of E_H, as their papers do in ResNets."""

_VIT = "it attacks the attention of a vision transformer, and the evaluator is a ResNet"
_GENERATOR = "it downloads a generator that was trained on ImageNet and knows no camera model"
_LAYERS = "it exchanges layers of torchvision's networks, by names that the evaluator does not have"
REFUSED = {
    **dict.fromkeys(("ATT", "PNAPatchOut", "TGR", "VDC"), _VIT),
    **dict.fromkeys(("BIA", "CDA", "GAMA", "LTP"), _GENERATOR),
    **dict.fromkeys(("BPA", "SGM"), _LAYERS),
    "SSP": "it downloads a VGG-16 that was trained on ImageNet",
    "GeoDA": "its basis of cosines takes 3 GB at 256 px and is kept among the files of the package",
    "MIG": "torchattack 1.7.2 has its sign wrong: it leads to the true class, and away from a wanted one",
    "MuMoDIG": "it pads photographs to 245 px and fails with larger ones",
}
"""What cannot work here, and why."""
HALF_AIMED = {"GRA": "of its two gradients one goes on away from the wanted class"}
"""What has a parameter `targeted` that does not do what it says, and is given true classes instead."""
_OURS = ("model", "normalize", "device", "targeted")
"""Parameters that the bridge sets."""


@dataclass(frozen=True, kw_only=True)
class NamedAttack(Attack):
    """One attack of torchattack on Cama's evaluator.

    One that can be targeted gets the wanted class. One that cannot gets the true class and wants it to be named no
    more: its goal is `erase`. Of a camera model that the evaluator does not know, it gets what the evaluator takes it
    for.

    Attributes:
        attack: name of the class in torchattack.
        arguments: its keyword arguments, sorted by name.
    """

    attack: str
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def card(self) -> AttackCard:  # type: ignore[override]  # it depends on the attack
        """The card."""
        targeted = is_targeted(self.attack)
        title, url = _paper(self.attack)
        return AttackCard(
            name=f"torchattack:{self.attack}",
            title=f"{self.attack} (torchattack)",
            version=1,
            knowledge="surrogate",
            needs_fit=True,
            targeted=targeted,
            reads_source=not targeted,
            goal="forge" if targeted else "erase",
            paper=title,
            paper_url=url,
            code_url="https://github.com/spencerwooo/torchattack",
            licence="MIT",
        )

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return Cama's evaluator."""
        return surrogate_fits(DEFAULT, setup)

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Run the attack image by image, each with its own random state, so that batches cannot matter."""
        evaluator = surrogate_of(DEFAULT, context)
        # A copy, since many leave hooks behind; with gradients of its weights where hooks must see some.
        own = copy.deepcopy(evaluator).requires_grad_("feature_layer_cfg" in _signature(self.attack))
        attack = _class(self.attack)(own, None, context.device, **self._settings(context.known))
        labels = wanted if self.card.targeted else true_or_taken_for(x, true, evaluator, context)
        with _any_size():
            return one_by_one(attack, x, labels, context)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what Cama's evaluator says."""
        return cast(Tensor, surrogate_of(DEFAULT, context)(x))

    def _settings(self, known: int) -> dict[str, Any]:
        own = {"targeted": is_targeted(self.attack), "num_classes": known, "feature_layer_cfg": LAYER}
        return {n: v for n, v in own.items() if n in _signature(self.attack)} | dict(self.arguments)


def _package() -> Any:
    """Return torchattack.

    Raises:
        BenchError: it is not installed.
    """
    if importlib.util.find_spec("torchattack") is None:
        raise BenchError(
            "attacks of torchattack need the package torchattack, which is not installed. "
            "In a checkout of benchbench: pip install '.[torchattack]'"
        )
    return importlib.import_module("torchattack")


def all_names() -> list[str]:
    """Return the names of all attacks of torchattack; none where it is not installed."""
    try:
        registered: dict[str, Any] = _package().ATTACK_REGISTRY
    except BenchError:
        return []
    return sorted(registered, key=str.casefold)


def _class(name: str) -> Any:
    found = _package().ATTACK_REGISTRY[name]
    if name != "SSA":
        return found

    # SSA (Long et al. 2022, algorithm 1) draws its noise for 224 px and for no other size.
    def transform(self: Any, x: Tensor) -> Tensor:
        return _other_spectrum(x, self.eps, self.rho, self._dct_2d, self._idct_2d)

    return type(name, (found,), {"transform": transform})


@contextmanager
def _any_size() -> Iterator[None]:
    """Let one of the hundred transformations of L2T take any size and any device; it asks for 224 px and CUDA."""
    step: Any = importlib.import_module("torchattack.l2t").SSM

    def spectra(self: Any, x: Tensor) -> Tensor:
        each = (_other_spectrum(x, self.epsilon, self.rho, self.dct_2d, self.idct_2d) for _ in range(self.num_spectrum))
        return torch.cat(list(each))

    before = step.__call__
    step.__call__ = spectra
    try:
        yield
    finally:
        step.__call__ = before


def _other_spectrum(x: Tensor, noise: float, rho: float, there: Any, back: Any) -> Tensor:
    factors = 1 + rho * (2 * torch.rand_like(x) - 1)
    return cast(Tensor, back(there(x + noise * torch.randn_like(x)) * factors))


def _signature(name: str) -> list[str]:
    return list(inspect.signature(_package().ATTACK_REGISTRY[name]).parameters)


def is_targeted(name: str) -> bool:
    """Say whether an attack of torchattack can be aimed at a class."""
    return "targeted" in _signature(name) and name not in HALF_AIMED


@cache
def _paper(name: str) -> tuple[str, str]:
    """Return title and address of the paper that the attack's docstring names."""
    text = " ".join((_package().ATTACK_REGISTRY[name].__doc__ or "").split())
    found = re.search(r"\[([^\]]+)\]\((https?://[^)\s]+)\)", text)
    return (found[1], found[2]) if found else ("", "")


class Bridge:
    """Makes `NamedAttack`s by name for the registry."""

    def names(self) -> list[str]:
        """Return the names of torchattack's attacks that work here; none where it is not installed."""
        return [name for name in all_names() if name not in REFUSED]

    def create(self, name: str, params: Mapping[str, Any]) -> NamedAttack:
        """Return the attack called `name`, in any case of letters, with `params` as its keyword arguments.

        Raises:
            UnknownNameError: torchattack has no such attack.
            BenchError: torchattack is not installed; the attack takes no such argument, or cannot work here.
        """
        _package()
        name = next((known for known in all_names() if known.casefold() == name.casefold()), name)
        if name in REFUSED:
            raise BenchError(f"attack 'torchattack:{name}' cannot be used here: {REFUSED[name]}.")
        if name not in self.names():
            raise UnknownNameError(
                f"unknown attack 'torchattack:{name}'.{did_you_mean(name, self.names())}\n  available: "
                + ", ".join(self.names())
            )
        known = [parameter for parameter in _signature(name) if parameter not in _OURS]
        for param in params:
            if param not in known:
                raise BenchError(
                    f"attack 'torchattack:{name}' has no parameter '{param}'.{did_you_mean(param, known)}"
                    f"  parameters: {', '.join(sorted(known))}"
                )
        return NamedAttack(attack=name, arguments=tuple(sorted(params.items())))


bridge = Bridge()
