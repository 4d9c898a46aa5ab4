"""The fit of a detector: a classifier of two classes, photographs of p and synthetic pictures of p."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.base.identity import since
from benchbench.contracts.fit import Fit, FitContext
from benchbench.contracts.profile import Recipe
from benchbench.contracts.section import Section
from benchbench.learn.classifier import Classifier
from benchbench.learn.course import Course
from benchbench.learn.folding import fold_batch_norm
from benchbench.learn.memory_format import memory_format
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import parameter_groups, parts
from benchbench.synthesis.fits import Pictures

HELD_OUT = 10
"""Each tenth synthetic picture is for validation, as a tenth of the photographs is."""


class CentralCrop(nn.Module):
    """A classifier that is shown the centre of pictures, `side` px, which is what it was trained on.

    A Fourier transform is not that of a part: a detector on spectra sees one size alone.
    """

    def __init__(self, network: Classifier, side: int) -> None:
        super().__init__()
        self.network, self.side = network, side

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, 2) for pictures (N, 3, H, W) in [0, 1]."""
        top, left = (max(0, (length - self.side) // 2) for length in x.shape[2:])
        logits: Tensor = self.network(x[..., top : top + self.side, left : left + self.side].contiguous())
        return logits


@dataclass(frozen=True, kw_only=True)
class DetectorFit(Fit):
    """Trains a detector on as many photographs as synthetic pictures a batch; the generators weigh the same."""

    kind: ClassVar[str] = "benchbench_targets.spoc2019/detector"
    stands_alone: ClassVar[bool] = True

    backbone: str
    preprocessor: str
    shape: Section
    dropout: float
    recipe: Recipe
    patch: int
    name: str
    pictures: Fit
    begins: Fit | None = field(default=None, metadata=since("0.3"))
    """A classifier of the same backbone and shape: training goes on from its weights, all but the last layer's."""

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return self.name

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 2.0 * self.recipe.epochs * self.recipe.patches_per_epoch * (self.patch / 64) ** 2

    def needs(self) -> Mapping[str, Fit]:
        """Synthetic pictures of p, and the classifier that training goes on from."""
        return {"pictures": self.pictures} | ({} if self.begins is None else {"begins": self.begins})

    def build(self) -> Classifier:
        """Return the untrained network."""
        return Classifier(self.backbone, self.preprocessor, 2, self.shape, self.dropout)

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the state of the epoch with the best mean of both accuracies on held-out pictures."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        photos = context.data.photos("p")
        pictures: Pictures = context.needs["pictures"]
        side = min(self.patch, photos.images.shape[1])
        train, validation = parts(context.data, "p", known_only=False)
        made = np.arange(len(pictures))
        held = made % HELD_OUT == HELD_OUT - 1 if len(pictures) >= 2 * HELD_OUT else np.zeros(len(made), bool)
        real = PatchSource([photos.images], photos.camera, train, side, device)
        synthetic = PatchSource([pictures.images], pictures.generator, made[~held], side, device)
        network = self.build()
        if self.begins is not None:
            last = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
            learned = {k: v for k, v in context.states["begins"].items() if not k.startswith(f"{last}.")}
            network.load_state_dict(network.state_dict() | learned)
        network.to(device)
        layout = memory_format(network)
        network.to(memory_format=layout)
        optimizer = torch.optim.SGD(
            parameter_groups(network, recipe), lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=True
        )
        half = max(1, recipe.batch // 2)
        labels = torch.tensor([0] * half + [1] * half, device=device)

        def loss(generator: torch.Generator) -> Tensor:
            batch = torch.cat([source.sample(half, generator)[0][0] for source in (real, synthetic)])
            with autocast(device, recipe.precision):
                features = network.preprocessor(batch).contiguous(memory_format=layout)
                logits = network.classify(features)
            return F.cross_entropy(logits.float(), labels)

        def score() -> tuple[float, float]:
            whole = CentralCrop(network, side)
            found = [
                self._right(whole, photos.images, validation, 0, device),
                self._right(whole, pictures.images, made[held] if held.any() else made, 1, device),
            ]
            context.facts["accuracies"] = [round(right, 4) for right, _ in found]
            return sum(right for right, _ in found) / 2, -sum(loss for _, loss in found)

        return Course.of(recipe).train(context, network, optimizer, loss, score, self.seed)

    @staticmethod
    def _right(
        network: nn.Module, images: np.ndarray, rows: np.ndarray, label: int, device: torch.device
    ) -> tuple[float, float]:
        """Return the share of pictures that are decided rightly, and their mean loss."""
        right, loss = 0.0, 0.0
        for start in range(0, len(rows), 16):
            x = torch.from_numpy(np.array(images[rows[start : start + 16]])).to(device).permute(0, 3, 1, 2)
            with torch.inference_mode():
                logits = network(x.float() / 255).float()
            truth = torch.full((len(x),), label, device=device)
            right += float((logits.argmax(1) == label).sum())
            loss += float(F.cross_entropy(logits, truth, reduction="sum"))
        return right / max(1, len(rows)), loss / max(1, len(rows))

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> nn.Module:
        """Return the frozen detector: pictures (N, 3, H, W) in [0, 1] to logits (N, 2)."""
        network = self.build()
        network.load_state_dict(state)
        network = network.eval().requires_grad_(False)
        network.backbone = fold_batch_norm(network.backbone)
        return CentralCrop(network, self.patch).eval()
