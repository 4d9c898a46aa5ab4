"""One way to choose a surrogate: networks of the attacker's own, trained on q, by name.

dual                the evaluator of Cama, two streams
cc, rgb+fd          the evaluators of MISL-cGAN and SpoC-cGAN
xception            any backbone, behind its preprocessor: rgb, where it is not tuama2016
resnet18/fd         any backbone behind any preprocessor that needs no whole photograph
bondi2017+xception  several of them: the mean of their log-probabilities, as Dong et al. 2018 join networks

"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.base.errors import BenchError
from benchbench.contracts.attack import CraftContext
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.learn.training import ClassifierFit

from ._evaluator import evaluator_fits, make_evaluator

DEFAULT = "dual"
EVALUATORS: tuple[Literal["dual", "cc", "rgb+fd"], ...] = ("dual", "cc", "rgb+fd")
BEHIND = {"tuama2016": "hp"}
"""Preprocessors of backbones that are not meant for the photograph itself."""


def surrogate_fits(surrogate: str, setup: Setup) -> dict[str, Fit]:
    """Return the fits of a surrogate.

    Raises:
        BenchError: a name is neither an evaluator nor a backbone, or its preprocessor sees whole photographs.
    """
    if surrogate == DEFAULT:
        return evaluator_fits("dual", setup)  # under the names that they have always had
    found: dict[str, Fit] = {}
    for name in surrogate.split("+") if surrogate not in EVALUATORS else [surrogate]:
        for part, fit in _fits_of(name, setup).items():
            found[f"{name}:{part}"] = fit
    return found


def surrogate_of(surrogate: str, context: CraftContext) -> nn.Module:
    """Return a surrogate, photographs (N, 3, H, W) in [0, 1] to log-probabilities (N, known); made once a context."""
    key = "evaluator" if surrogate == DEFAULT else f"evaluator {surrogate}"
    if key not in context.cache:
        context.cache[key] = make_surrogate(surrogate, context.networks).to(context.device)
    module: nn.Module = context.cache[key]
    return module


def make_surrogate(surrogate: str, networks: Mapping[str, Any]) -> nn.Module:
    """Return the surrogate made of the loaded results of `surrogate_fits`; others among them are left alone."""
    if surrogate == DEFAULT:
        return make_evaluator({name: networks[name] for name in ("residual", "high", "low")})
    members = []
    for name in surrogate.split("+") if surrogate not in EVALUATORS else [surrogate]:
        parts = {k.removeprefix(f"{name}:"): v for k, v in networks.items() if k.startswith(f"{name}:")}
        members.append(make_evaluator(parts))
    return members[0] if len(members) == 1 else Ensemble(members).eval()


class Ensemble(nn.Module):
    """The mean of the log-probabilities of several surrogates."""

    def __init__(self, members: list[Any]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """Return log-probabilities, not normalized, (N, classes)."""
        return torch.stack([F.log_softmax(member(x).float(), dim=1) for member in self.members]).mean(0)


def _fits_of(name: str, setup: Setup) -> dict[str, Fit]:
    if name in EVALUATORS:
        return evaluator_fits(name, setup)
    backbone, _, preprocessor = name.partition("/")
    preprocessor = preprocessor or BEHIND.get(backbone, "rgb")
    if backbone not in BACKBONES:
        raise BenchError(
            f"surrogate '{name}' is neither an evaluator ({', '.join(EVALUATORS)}) nor a backbone.  "
            "See: bench list backbones; several are joined by '+'."
        )
    behind = PREPROCESSORS.get(preprocessor)
    if behind.whole_image or behind.stands_for:
        raise BenchError(
            f"surrogate '{name}': preprocessor '{preprocessor}' has no gradient that reaches a photograph."
            if behind.whole_image
            else f"surrogate '{name}': preprocessor '{preprocessor}' is a network of the targets'."
        )
    profile = setup.profile
    recipe = profile.evaluator_recipe(name)
    return {
        "classifier": ClassifierFit(
            role="q",
            backbone=backbone,
            preprocessor=preprocessor,
            classes=setup.known,
            shape=profile.backbones.shape(backbone),
            dropout=profile.backbones.dropout,
            recipe=recipe,
            patch=recipe.patch or profile.patch,
            name=f"surrogate/{name}",
            seed=setup.seed,
        )
    }
