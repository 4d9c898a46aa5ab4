"""Classifier fits: targets trained on p, evaluator streams trained on q, with one recipe format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.base.errors import BenchError
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.contracts.profile import Recipe
from benchbench.contracts.section import Section
from benchbench.forensics import ConstrainedConv
from benchbench.learn.arrays import Role, WholeImages
from benchbench.learn.classifier import Classifier
from benchbench.learn.course import Course
from benchbench.learn.folding import fold_batch_norm
from benchbench.learn.memory_format import memory_format
from benchbench.learn.operations import per_pixel, training
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast

Band = Literal["all", "high", "low"]
"""What a classifier sees: the photograph, its residual x_H = E0(x), or the rest x_L = x - x_H."""


def parts(data: Dataset, role: Role, known_only: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions in `data.photos(role)` of the training and of the validation photographs."""
    labels = data.labels(role)
    used = labels["camera"] < data.known if known_only else np.ones(len(labels["camera"]), bool)
    return np.flatnonzero(used & ~labels["validation"]), np.flatnonzero(used & labels["validation"])


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return SGD groups: no decay on biases and batch norm; a tenth of the rate on constrained filters."""
    constrained = {id(p) for m in network.modules() if isinstance(m, ConstrainedConv) for p in m.parameters()}
    weights = [p for p in network.parameters() if id(p) not in constrained]
    return [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
        {
            "params": [p for p in network.parameters() if id(p) in constrained],
            "weight_decay": recipe.weight_decay,
            "lr": recipe.learning_rate / 10,
        },
    ]


@dataclass(frozen=True, kw_only=True)
class ClassifierFit(Fit):
    """A preprocessor and a backbone trained on patches of q or p.

    Source: Andrews et al. 2020, section 4.1; NLL, SGD with Nesterov momentum, class-balanced patches, Dih4.
    """

    kind: ClassVar[str] = "benchbench.learn.training.ClassifierFit"
    version: ClassVar[int] = 2
    stands_alone: ClassVar[bool] = True
    imports: ClassVar[tuple[str, ...]] = ("timm.models",)

    role: Role
    backbone: str
    preprocessor: str
    classes: int
    shape: Section
    """The backbone's widths, as `Profile.backbones.shape` gives them."""
    dropout: float
    recipe: Recipe
    patch: int
    name: str
    """For people only, but part of the identity, so that two targets never share a file by accident."""
    band: Band = "all"
    residuals: Fit | None = None
    """Stack of whole-image residuals that replaces (a whole-image preprocessor, high) or is taken from (low) the
    photograph."""

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return self.name

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        recipe = self.recipe
        return training(self.operations, self.patch, recipe.epochs * recipe.patches_per_epoch, recipe.batch)

    @property
    def operations(self) -> float:
        """See `Fit.operations`; of the backbone."""
        # What comes before and after the backbone is next to nothing, so that one count stands for all of its networks.
        key = f"{self.backbone} {self.shape!r}"
        return per_pixel(key, lambda: BACKBONES.create(self.backbone).build(self.shape, 3, 6, 0.0), 3)

    def needs(self) -> Mapping[str, Fit]:
        """The residual stack, where the classifier does not see the photograph itself."""
        return {"residuals": self.residuals} if self.residuals is not None else {}

    def spec(self) -> dict[str, Any]:
        """See `Fit.spec`; the versions of backbone and preprocessor are in it once they are above 1."""
        versions = {
            "backbone": BACKBONES.get(self.backbone).version,
            "preprocessor": PREPROCESSORS.get(self.preprocessor).version,
        }
        raised = {part: version for part, version in versions.items() if version != 1}
        return super().spec() | ({"versions": raised} if raised else {})

    def build(self) -> Classifier:
        """Return the untrained network.

        Raises:
            UnknownNameError: no such backbone or preprocessor.
            BenchError: the shape is another backbone's, or a whole-image preprocessor has no `residuals`.
        """
        kind = PREPROCESSORS.get(self.preprocessor)
        if kind.stands_for:
            raise BenchError(
                f"preprocessor '{self.preprocessor}' stands for '{kind.stands_for}'; the fit '{self.name}' trains "
                f"behind that one, and `Behind` puts the other before it."
            )
        if kind.whole_image and self.residuals is None:
            raise BenchError(
                f"preprocessor '{self.preprocessor}' sees whole photographs, never patches; the fit '{self.name}' "
                f"needs residuals=WholeImages(role='{self.role}', preprocessor='{self.preprocessor}')."
            )
        return Classifier(self.backbone, self.preprocessor, self.classes, self.shape, self.dropout)

    def inputs(self, network: Classifier, stacks: list[Tensor]) -> Tensor:
        """Return what the backbone sees, from aligned batches of the stacks of `run`."""
        if network.preprocessor.whole_image or self.band == "high":
            return stacks[0]
        if self.band == "low":
            return stacks[0] * 2 - 1 - stacks[1]
        return network.preprocessor(stacks[0])  # type: ignore[no-any-return]

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the state of the best validation epoch."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        known_only = self.classes == context.data.known
        photos = context.data.photos(self.role)
        train, validation = parts(context.data, self.role, known_only)
        # A target may know some of the classes alone: the first.
        train, validation = (rows[photos.camera[rows] < self.classes] for rows in (train, validation))
        stacks: list[np.ndarray] = [photos.images]
        if self.residuals is not None:
            residuals = context.needs["residuals"]
            stacks = [photos.images, residuals] if self.band == "low" else [residuals]
        source = PatchSource(stacks, photos.camera, train, self.patch, device)
        network = self.build().to(device)
        layout = memory_format(network)
        network.to(memory_format=layout)
        optimizer = torch.optim.SGD(
            parameter_groups(network, recipe),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=True,
            fused=True,
        )

        def loss(generator: torch.Generator) -> Tensor:
            batch, labels = source.sample(recipe.batch, generator)
            with autocast(device, recipe.precision):
                features = self.inputs(network, batch).contiguous(memory_format=layout)
                logits = network.classify(features)
            return F.cross_entropy(logits.float(), labels)

        def project() -> None:
            for module in network.modules():
                if isinstance(module, ConstrainedConv):
                    module.project_()

        def score() -> tuple[float, float]:
            return self.validate(network, stacks, photos.camera, validation, device)

        return Course.of(recipe).train(context, network, optimizer, loss, score, self.seed, after=project)

    def validate(
        self, network: Classifier, stacks: list[np.ndarray], labels: np.ndarray, index: np.ndarray, device: torch.device
    ) -> tuple[float, float]:
        """Return (accuracy, -mean loss) over the whole photographs `index`."""
        correct, loss = 0.0, 0.0
        for start in range(0, len(index), 16):
            rows = index[start : start + 16]
            batch = [torch.from_numpy(np.array(s[rows])).to(device).permute(0, 3, 1, 2) for s in stacks]
            batch = [b.float() / 255 if b.dtype == torch.uint8 else b.float() for b in batch]
            truth = torch.from_numpy(labels[rows]).to(device)
            with torch.inference_mode(), autocast(device, self.recipe.precision):
                logits = network.classify(self.inputs(network, batch)).float()
            correct += float((logits.argmax(1) == truth).sum())
            loss += float(F.cross_entropy(logits, truth, reduction="sum"))
        return correct / max(1, len(index)), -loss / max(1, len(index))

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Classifier:
        """Return the trained classifier in eval mode, its weights frozen."""
        network = self.build()
        network.load_state_dict(state)
        network = network.eval().requires_grad_(False)
        network.backbone = fold_batch_norm(network.backbone)
        return network


def classifier(setup: Setup, *, backbone: str, preprocessor: str, name: str, role: Role = "q") -> ClassifierFit:
    """Return the fit of a classifier of the attacker's camera models: any backbone behind any preprocessor.

    It has the profile's width and its recipe for evaluators.

    Args:
        name: for people, and part of the identity: 'my-attack/vgg16-hp'.
        role: q, or p for a target.
    """
    profile = setup.profile
    return ClassifierFit(
        role=role,
        backbone=backbone,
        preprocessor=preprocessor,
        classes=setup.known,
        shape=profile.backbones.shape(backbone),
        dropout=profile.backbones.dropout,
        recipe=profile.evaluator_recipe(name),
        patch=profile.patch,
        name=name,
        residuals=WholeImages(role=role, preprocessor=preprocessor)
        if PREPROCESSORS.get(preprocessor).whole_image
        else None,
        seed=setup.seed,
    )
