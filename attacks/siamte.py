"""SiamTE: a network that takes camera traces out of photographs, whatever camera they are of (Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.profile import DilatedShape, ErasingRecipe
from benchbench.learn.course import Course
from benchbench.learn.dilated import DilatedDense, frozen_dilated
from benchbench.learn.features import PooledFeatures
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import ClassifierFit, parts

from ._siamese import cross_identity, embedded_similarity, truncated_fidelity

PAPER = "Chen et al., Camera trace erasing, CVPR 2020"
HELD_OUT = 8
"""Batches of held-out patches that an epoch is judged by."""


def classifier_fit(setup: Setup) -> ClassifierFit:
    """Return the fit of C, a ResNet-18 trained on q; its convolutions are E."""
    profile = setup.profile
    return ClassifierFit(
        role="q",
        backbone="resnet18",
        preprocessor=profile.examiner_preprocessor,
        classes=setup.known,
        shape=profile.backbones.shape("resnet18"),
        dropout=profile.backbones.dropout,
        recipe=profile.evaluator_recipe("erasing"),
        patch=profile.patch,
        name="evaluator/erasing",
        seed=setup.seed,
    )


def distinct(classes: int, group: int, groups: int, generator: torch.Generator) -> Tensor:
    """Return `group` different classes for each group, one group after another; int64 (groups * group,)."""
    return torch.rand(groups, classes, generator=generator).argsort(dim=1)[:, :group].flatten()


@dataclass(frozen=True, kw_only=True)
class EraserFit(Fit):
    """Trains F on q, against the frozen C and E.

    Attributes:
        similarity, fidelity, identity: weights of the three terms; 0 leaves one out.
        margin: Euclidean distance of normalized features. threshold: gray levels. group: patches a group.
    """

    kind: ClassVar[str] = "benchbench_attacks.siamte.EraserFit"
    stands_alone: ClassVar[bool] = True

    shape: DilatedShape
    recipe: ErasingRecipe
    similarity: float
    fidelity: float
    identity: float
    margin: float
    threshold: float
    group: int
    classifier: Fit

    @property
    def label(self) -> str:
        """The name in progress bars."""
        weights = "-".join(f"{w:g}" for w in (self.similarity, self.fidelity, self.identity))
        return f"eraser/{weights}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 12.0 * self.recipe.epochs * self.recipe.patches_per_epoch

    def needs(self) -> Mapping[str, Fit]:
        """The classifier of cameras."""
        return {"classifier": self.classifier}

    def loss(
        self, x: Tensor, erased: Tensor, labels: Tensor, classify: Callable[[Tensor], Tensor], embed: nn.Module
    ) -> Tensor:
        """Return the hybrid loss of groups (N, G, 3, H, W) with labels (N, G); terms without weight cost nothing."""
        total = torch.zeros((), device=x.device)
        if self.similarity:
            features = embed(erased.flatten(0, 1)).view(*labels.shape, -1)
            total = total + self.similarity * embedded_similarity(features, self.margin)
        if self.fidelity:
            total = total + self.fidelity * truncated_fidelity(x, erased, self.threshold / 255)
        if self.identity:
            total = total + self.identity * cross_identity(classify, x, erased, labels)
        return total

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the network of the epoch with the smallest loss on held-out photographs."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        photos = context.data.photos("q")
        train, validation = parts(context.data, "q", known_only=True)
        side = min(recipe.patch, *photos.images.shape[1:3])
        source = PatchSource([photos.images], photos.camera, train, side, device)
        held_out = PatchSource([photos.images], photos.camera, validation, side, device)
        classify = context.needs["classifier"].to(device)
        embed = PooledFeatures(classify).to(device)
        network = DilatedDense(self.shape).to(device)
        network.to(memory_format=torch.channels_last)
        size = min(self.group, len(source.classes))
        groups = max(1, recipe.batch // size)
        optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, fused=True)

        def loss_of(patches: PatchSource, generator: torch.Generator) -> Tensor:
            which = distinct(len(patches.classes), size, groups, generator)
            (flat,), labels = patches.sample(len(which), generator, which)
            x = flat.contiguous(memory_format=torch.channels_last)
            with autocast(device, recipe.precision):
                erased = network(x)
            shape = (groups, size, *x.shape[1:])
            with autocast(device, recipe.precision):
                return self.loss(
                    x.reshape(shape), erased.float().reshape(shape), labels.view(shape[:2]), classify, embed
                )

        def score() -> tuple[float]:
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                losses = [loss_of(held_out, generator) for _ in range(HELD_OUT)]
            return (-float(torch.stack(losses).mean()),)

        course = Course.of(recipe, batch=groups * size)
        state = course.train(context, network, optimizer, lambda rng: loss_of(source, rng), score, self.seed)
        self._note(self.load(state, {}, {}).to(device), classify, validation, context)
        return state

    def _note(self, network: nn.Module, classify: nn.Module, validation: np.ndarray, context: FitContext) -> None:
        """Note among the facts how often C is right about held-out photographs before and after, and the change."""
        photos = context.data.photos("q")
        before, after, change = 0, 0, 0.0
        for row in validation:
            x = torch.from_numpy(np.array(photos.images[row])).to(context.device).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                y = (network(x).clamp(0, 1) * 255).round() / 255
                before += int(classify(x).argmax() == photos.camera[row])
                after += int(classify(y).argmax() == photos.camera[row])
            change += float((y - x).abs().mean()) * 255
        count = max(1, len(validation))
        context.facts.update(
            accuracy_before=before / count, accuracy_after=after / count, l1_held_out=change / count, held_out=count
        )

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> DilatedDense:
        """Return the frozen network."""
        return frozen_dilated(self.shape, state)


@dataclass(frozen=True, kw_only=True)
class Siamte(Attack):
    """Takes away what tells cameras apart: erased photographs of different cameras shall look alike to a classifier.

    Attributes:
        similarity, fidelity, identity: whether each of the three terms takes part in training.
        similarity_weight, fidelity_weight, identity_weight: their weights; the paper has 3 : 1000 : 1 and 3 : 500 : 1.
        margin: distance of normalized features that is near enough. threshold: gray levels that a value may change for
            nothing. group: camera models that are compared with each other.
        strength: factor on what is taken away, at least 0; 1 is what was trained.
    """

    similarity: bool = True
    fidelity: bool = True
    identity: bool = True
    similarity_weight: float = 3.0
    fidelity_weight: float = 1000.0
    identity_weight: float = 1.0
    margin: float = 0.5
    threshold: float = 3.0
    group: int = 4
    strength: float = 1.0

    card: ClassVar[AttackCard] = AttackCard(
        name="siamte",
        title="SiamTE",
        version=1,
        knowledge="surrogate",
        needs_fit=True,
        targeted=False,
        goal="erase",
        paper=PAPER,
        paper_url="https://arxiv.org/abs/2003.06951",
        code_url="https://github.com/ngchc/CameraTE",
    )

    def __post_init__(self) -> None:
        if not (self.similarity or self.fidelity or self.identity):
            raise ValueError("no term is left to train with")
        if self.group < 2:
            raise ValueError(f"group is {self.group}; at least 2 camera models are compared")
        if not 0 <= self.strength < float("inf"):
            raise ValueError(f"strength is {self.strength}; a finite number of at least 0 is expected")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the network and the classifier that it is trained against."""
        return {
            "eraser": EraserFit(
                shape=setup.profile.eraser,
                recipe=setup.profile.erasing,
                similarity=self.similarity_weight * self.similarity,
                fidelity=self.fidelity_weight * self.fidelity,
                identity=self.identity_weight * self.identity,
                margin=self.margin,
                threshold=self.threshold,
                group=self.group,
                classifier=classifier_fit(setup),
                seed=setup.seed,
            )
        }

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Take away the trace, x - F(x), times the strength."""
        with torch.inference_mode():
            erased: Tensor = context.networks["eraser"](x)
            return (x + self.strength * (erased - x)).clamp(0, 1)
