"""Floating-point operations of what a campaign runs: counted on the built networks, without computing anything.

A network is built and called on torch's meta device, where `FlopCounterMode` counts the multiplications and additions
of convolutions and linear layers. Filters, batch norm, JPEG and distortion are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchbench.contracts.attack import Attack
from benchbench.contracts.fit import Fit, Setup
from benchbench.contracts.profile import GeneratorShape, Profile
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.recipe import VirtualRecipe
from benchbench.learn.arrays import NetworkResiduals
from benchbench.learn.image_to_image import ImageToImage, PatchCritic
from benchbench.learn.training import ClassifierFit
from benchbench_attacks._cgan import Cgan, GeneratorFit
from benchbench_attacks._evaluator import ResidualNetworkFit
from benchbench_attacks._white_box import EpsilonFit
from benchbench_attacks.ddn import Ddn
from benchbench_attacks.fgsm import Fgsm
from benchbench_attacks.pgd import Pgd

TRAINING = 3
"""Forward passes that a training step is worth: forward, gradients of the features, gradients of the weights."""
FROZEN = 2
"""The same where the weights are frozen and gradients only pass through."""
ROUNDS = 20
"""Rounds of the bisection for an epsilon: rounding to 8 bits makes PSNR jump, and all of them are used."""
E0_VALIDATION = 256
"""Patches that E0 is validated on, an epoch."""


@dataclass(frozen=True)
class Photographs:
    """How many photographs a data set has."""

    size: int
    """Side in px."""
    q: int
    p: int
    p_known: int
    """Those of p that show a camera model which the attacker knows."""
    test_known: int
    test_unknown: int
    known: int
    """Camera models that the attacker knows."""

    @classmethod
    def of(cls, profile: Profile) -> Photographs:
        """Return the numbers of a profile's virtual cameras."""
        recipe = VirtualRecipe(**profile.data)
        items = virtual.plan(recipe)
        known = {role: sum(item.camera < recipe.known for item in found) for role, found in items.items()}
        return cls(
            size=recipe.size,
            q=len(items["q"]),
            p=len(items["p"]),
            p_known=known["p"],
            test_known=known["test"],
            test_unknown=len(items["test"]) - known["test"],
            known=recipe.known,
        )

    @property
    def all(self) -> int:
        """Photographs of all three sets."""
        return self.q + self.p + self.test_known + self.test_unknown

    def trials(self, targeted: bool) -> tuple[int, int]:
        """Return how many photographs an attack crafts on the splits in and out."""
        wrong, any_class = (self.known - 1, self.known) if targeted else (1, 1)
        return self.test_known * wrong, self.test_unknown * any_class


@dataclass(frozen=True)
class Work:
    """Floating-point operations."""

    training: float = 0.0
    validation: float = 0.0

    @property
    def total(self) -> float:
        """Both."""
        return self.training + self.validation


def count(network: nn.Module, *inputs: Tensor) -> int:
    """Return the operations of one forward pass."""
    with FlopCounterMode(display=False) as counter:
        network(*inputs)
    return int(counter.get_total_flops())


@cache
def classifier(fit: ClassifierFit, size: int) -> int:
    """Return the operations of classifying one photograph or patch of `size` px a side."""
    with torch.device("meta"):
        network = fit.build().eval()
        if network.preprocessor.whole_image:  # a filter without a layer
            return count(network.backbone, torch.zeros(1, network.preprocessor.channels, size, size))
        return count(network, torch.zeros(1, 3, size, size))


def weights(network: nn.Module) -> int:
    """Return the bytes of a network's state."""
    return sum(t.numel() * t.element_size() for t in network.state_dict().values())


@cache
def classifier_bytes(fit: ClassifierFit) -> int:
    """Return the bytes of a classifier's state."""
    with torch.device("meta"):
        return weights(fit.build())


@cache
def image_to_image(shape: GeneratorShape, planes: int, size: int) -> int:
    """Return the operations of a generator, or of E0 (no planes), on one photograph or patch."""
    with torch.device("meta"):
        network = ImageToImage(shape, planes, bounded=planes > 0).eval()
        x = torch.zeros(1, 3, size, size)
        return count(network, x, torch.zeros(1, dtype=torch.int64)) if planes else count(network, x)


@cache
def generator_bytes(shape: GeneratorShape, planes: int) -> int:
    """Return the bytes of a generator's state."""
    with torch.device("meta"):
        return weights(ImageToImage(shape, planes, bounded=True))


@cache
def critic(fit: GeneratorFit) -> int:
    """Return the operations of a discriminator on one patch."""
    with torch.device("meta"):
        network = PatchCritic(fit.classes, fit.recipe.discriminator_channels, fit.critic)
        x, label = torch.zeros(1, 3, fit.patch, fit.patch), torch.zeros(1, dtype=torch.int64)
        return count(network, x, label)


def evaluator(fits: Mapping[str, Fit], size: int) -> int:
    """Return the operations of an attack's own evaluator on one photograph or patch."""
    found = 0
    for fit in fits.values():
        if isinstance(fit, ClassifierFit):
            found += classifier(fit, size)
        elif isinstance(fit, ResidualNetworkFit):
            found += image_to_image(fit.shape, 0, size)
    return found


def work(fit: Fit, photographs: Photographs) -> Work:
    """Return the operations of a fit; 0 for one that is filters alone."""
    size = photographs.size
    if isinstance(fit, ClassifierFit):
        recipe = fit.recipe
        patches = recipe.epochs * (recipe.patches_per_epoch // recipe.batch) * recipe.batch
        looks = -(-recipe.epochs // recipe.validate_every)
        photos = photographs.q if fit.role == "q" else photographs.p
        if fit.role == "p" and fit.classes == photographs.known:
            photos = photographs.p_known
        return Work(TRAINING * patches * classifier(fit, fit.patch), looks * photos / 10 * classifier(fit, size))
    if isinstance(fit, ResidualNetworkFit):
        residual = fit.recipe
        patches = residual.epochs * (residual.patches_per_epoch // residual.batch) * residual.batch
        one = image_to_image(fit.shape, 0, fit.patch)
        return Work(TRAINING * patches * one, residual.epochs * E0_VALIDATION * one)
    if isinstance(fit, GeneratorFit):
        cgan = fit.recipe
        patches = cgan.epochs * (cgan.patches_per_epoch // cgan.batch) * cgan.batch
        fits = dict(fit.evaluators)
        # The critic sees real, mislabeled and generated patches, and again generated ones in the generator's step.
        step = TRAINING * image_to_image(fit.shape, fit.classes, fit.patch) + FROZEN * evaluator(fits, fit.patch)
        step += (3 * TRAINING + FROZEN) * critic(fit)
        looks = -(-cgan.epochs // cgan.validate_every) * cgan.validation_images * (fit.classes - 1)
        return Work(patches * step, looks * (image_to_image(fit.shape, fit.classes, size) + evaluator(fits, size)))
    if isinstance(fit, EpsilonFit):
        steps = int(getattr(fit.attack, "steps", 1))
        return Work(FROZEN * ROUNDS * fit.images * steps * evaluator(dict(fit.evaluators), size))
    if isinstance(fit, NetworkResiduals):
        return Work(photographs.q * evaluator(fit.needs(), size))
    return Work()


def crafting(attack: Attack, setup: Setup, size: int) -> int:
    """Return the operations of crafting one photograph and asking the attack's own evaluator; 0 without networks."""
    fits = attack.fits(setup)
    own = evaluator(fits, size)
    if isinstance(attack, Cgan):
        return image_to_image(setup.profile.generator, setup.known, size) + own
    if isinstance(attack, Fgsm):
        return FROZEN * own + own
    if isinstance(attack, Pgd):
        return FROZEN * int(attack.steps) * own + own
    if isinstance(attack, Ddn):
        return FROZEN * int(attack.steps) * own + own + own
    return 0
