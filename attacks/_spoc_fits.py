"""What SpoC trains: an embedder of camera traces on drawn camera models, and a generator for each wanted one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.numbers import Count, Positive, Share
from benchbench.contracts.profile import Precision
from benchbench.contracts.section import Section
from benchbench.learn.course import Course, descend
from benchbench.learn.losses import FeatureMatching, Generated, Pixel, Term, total
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast, no_autocast
from benchbench.learn.training import parts
from benchbench.synthesis.fits import Pictures, drawn_photographs, synthetic_pictures

from ._goal import say_if_missed
from ._perceptual import perceptual_trunk
from ._spoc_losses import (
    MARGIN,
    Adversarial,
    AnchorDistance,
    Perceptual,
    anchor_of,
    answers,
    critic_loss,
    distances,
    triplet_loss,
)
from ._spoc_networks import Embedder, SpocCritic, SpocGenerator, SpocShape, frozen_network

EPOCHS = 8
"""Parts that a training is cut into, for its checkpoints and its PSNR goal."""
ANCHOR_PATCHES = 512
"""Patches of photographs that the anchor is the mean of."""


class EmbedderRecipe(Section):
    """The embedder and its training; the defaults are the published ones."""

    channels: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    gain: Positive = 1.0
    """Of its fixed layer."""
    cameras: Count = 600
    """Drawn camera models."""
    photographs: Count = 34
    """Of each."""
    models: Count = 20
    """Camera models in a batch."""
    patches: Count = 4
    """Of each model in a batch."""
    learning_rate: Positive = 1e-4
    schedule: Literal["constant", "one-cycle"] = "constant"
    patch: Count = 256
    steps: Count = 50_000
    precision: Precision = "float32"


class SpocRecipe(Section):
    """Generator, critic and their game; the defaults are the published ones."""

    shape: SpocShape = SpocShape()
    learning_rate: Positive = 1e-4
    betas: tuple[Share, Share] = (0.5, 0.999)
    schedule: Literal["constant", "one-cycle"] = "constant"
    batch: Count = 10
    """Pictures; the critic sees as many photographs, pictures before and pictures after."""
    patch: Count = 256
    steps: Count = 50_000
    validation_images: Count = 25
    """Pictures of q that the PSNR goal is held against."""
    precision: Precision = "float32"


def held_out_apart(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of all photographs but each tenth camera model's, and of those; both of two models or more.

    Args:
        labels: camera model of each photograph, (N,).
    """
    held = labels % 10 == 9 if labels.max() >= 19 else np.zeros(len(labels), bool)
    return np.flatnonzero(~held), np.flatnonzero(held if held.any() else ~held)


@dataclass(frozen=True, kw_only=True)
class EmbedderFit(Fit):
    """Trains the embedder by triplets of photographs by drawn camera models."""

    kind: ClassVar[str] = "benchbench_attacks.spoc/embedder"
    stands_alone: ClassVar[bool] = True

    recipe: EmbedderRecipe
    photographs: Fit

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return "spoc/embedder"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        recipe = self.recipe
        return 2.0 * recipe.steps * recipe.models * recipe.patches * (recipe.patch / 64) ** 2

    def needs(self) -> Mapping[str, Fit]:
        """Photographs by drawn camera models."""
        return {"photographs": self.photographs}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the embedder of the epoch that tells camera models it was not trained on apart best."""
        torch.manual_seed(self.seed)
        recipe, device = self.recipe, context.device
        images, labels = context.needs["photographs"]
        side = min(recipe.patch, images.shape[1])
        train, rest = held_out_apart(labels)
        source = PatchSource([images], labels, train, side, device)
        held_out = PatchSource([images], labels, rest, side, device)
        network = Embedder(recipe.channels, recipe.gain).to(device)
        optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate)

        def embedded(source: PatchSource, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            models = torch.randperm(len(source.classes), generator=generator)[: recipe.models]
            which = models.repeat_interleave(recipe.patches)
            (x,), label = source.sample(len(which), generator, which)
            with autocast(device, recipe.precision):
                found = network(x * 2 - 1)
            return found.float(), label

        def loss(generator: torch.Generator) -> Tensor:
            return triplet_loss(*embedded(source, generator))

        def score() -> tuple[float]:
            generator = torch.Generator().manual_seed(0)
            with torch.inference_mode():
                found = [told_apart(*embedded(held_out, generator)) for _ in range(8)]
            return (sum(found) / len(found),)

        course = Course.cut(recipe.steps, EPOCHS, recipe.schedule, recipe.precision)
        state = course.train(context, network, optimizer, loss, score, self.seed)
        context.facts["triplets_right"] = context.facts["score"][0]
        return state

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Embedder:
        """Return the frozen embedder."""
        return cast(Embedder, frozen_network(Embedder(self.recipe.channels, self.recipe.gain), state))


def told_apart(embeddings: Tensor, labels: Tensor) -> float:
    """Return the share of a batch's triplets whose positive lies nearer than the negative; chance is 0.5."""
    d = distances(embeddings, embeddings)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    triplet = positive[:, :, None] & ~same[:, None, :]
    right = (d[:, :, None] < d[:, None, :])[triplet].float()
    return float(right.mean()) if len(right) else 0.5


@dataclass(frozen=True, kw_only=True)
class SpocGeneratorFit(Fit):
    """Trains the generator of one wanted camera model on synthetic pictures and the attacker's photographs by it.

    Attributes:
        model: the wanted class.
        pixel_weight, perceptual_weight, embedder_weight, matching_weight, adversarial_weight: see `Spoc`.
        perceptual: whether the network that the perceptual term asks is installed.
    """

    kind: ClassVar[str] = "benchbench_attacks.spoc/generator"
    version: ClassVar[int] = 3
    stands_alone: ClassVar[bool] = True

    model: int
    recipe: SpocRecipe
    pixel_weight: float
    perceptual_weight: float
    embedder_weight: float
    matching_weight: float
    adversarial_weight: float
    psnr: float | None
    perceptual: bool
    pictures: Fit
    embedder: Fit | None
    name: str = "spoc"

    def spec(self) -> dict[str, Any]:
        """Return the recipe without the name in progress bars."""
        found = super(SpocGeneratorFit, replace(self, name="")).spec() if self.name else super().spec()
        return found

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"{self.name}/{self.model + 1}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 20.0 * self.recipe.steps * self.recipe.batch * (self.recipe.patch / 64) ** 2

    def needs(self) -> Mapping[str, Fit]:
        """Synthetic pictures of q, and the embedder where it has a part."""
        return {"pictures": self.pictures} | ({"embedder": self.embedder} if self.embedder is not None else {})

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the generator at the end."""
        torch.manual_seed(self.seed)
        recipe, device = self.recipe, context.device
        photos = context.data.photos("q")
        train, _ = parts(context.data, "q", known_only=True)
        mine = train[photos.camera[train] == self.model]
        pictures: Pictures = context.needs["pictures"]
        held, rest = pictures.held_out(recipe.validation_images)
        side = min(recipe.patch, photos.images.shape[1])
        real = PatchSource([photos.images], photos.camera, mine, side, device)
        synthetic = PatchSource([pictures.images], pictures.generator, rest, side, device)
        generator, critic = SpocGenerator(recipe.shape).to(device), SpocCritic(recipe.shape).to(device)
        # With less than the weight that it begins with, a generator that aims at a PSNR leaves the pictures for good.
        pixel = Pixel(self.pixel_weight, self.psnr, least=self.pixel_weight or 0.05).to(device)
        terms = self.terms(context, real, critic, pixel)
        players = {"generator": generator, "critic": critic} if self.adversarial_weight else {"generator": generator}
        optimizers = {
            name: torch.optim.Adam(player.parameters(), recipe.learning_rate, recipe.betas)
            for name, player in players.items()
        }

        def step(rng: torch.Generator) -> Tensor:
            z = real.sample(recipe.batch, rng)[0][0] * 2 - 1
            x = synthetic.sample(recipe.batch, rng)[0][0] * 2 - 1
            with autocast(device, recipe.precision):
                changed = generator(x)
            if self.adversarial_weight:
                with autocast(device, recipe.precision):
                    loss = critic_loss(*answers(critic, z, x, changed.detach()))
                descend(optimizers["critic"], loss)
            made = Generated(x, changed, torch.full((len(x),), self.model, device=device), z)
            with autocast(device, recipe.precision):
                loss = total(terms, made)
            found = descend(optimizers["generator"], loss)
            pixel.adapt(x, made.changed.detach())
            return found

        def score() -> tuple[float]:
            psnr = self.measure(generator, pictures, held, context)
            pixel.correct(psnr)
            context.facts["pixel_weight"] = float(pixel.weight)
            return (0.0,)  # the last: the attacker has no classifier that could say which is the best

        modules = {**players, "losses": pixel}
        course = Course.cut(recipe.steps, EPOCHS, recipe.schedule, recipe.precision)
        state = course.play(context, modules, optimizers, step, score, self.seed, keep="generator")
        say_if_missed(self.label, float(context.facts["psnr_held_out"]), self.psnr)
        return state

    def terms(self, context: FitContext, real: PatchSource, critic: SpocCritic, pixel: Pixel) -> Sequence[Term]:
        """Return the terms of the generator's loss, those without weight left out."""
        terms: list[Term] = [pixel]
        if self.perceptual_weight and self.perceptual:
            trunk = perceptual_trunk()
            assert trunk is not None
            terms.append(Perceptual(self.perceptual_weight, trunk.to(context.device)))
        if self.embedder_weight:
            embedder: Embedder = context.needs["embedder"].to(context.device)
            maps = _on_unit_range(embedder)
            anchor, reference = self.anchor(embedder, real)
            context.facts["reference_distance"] = reference
            terms.append(AnchorDistance(self.embedder_weight, maps, anchor, reference, MARGIN))
            terms.append(FeatureMatching(self.embedder_weight * self.matching_weight, maps))
        if self.adversarial_weight:
            terms.append(Adversarial(self.adversarial_weight, critic))
        return terms

    @staticmethod
    def anchor(embedder: nn.Module, real: PatchSource) -> tuple[Tensor, float]:
        """Return e_M and d_ref, from patches as large as those that the generator is trained on."""
        rng = torch.Generator().manual_seed(0)
        with torch.inference_mode():
            found = [embedder(real.sample(32, rng)[0][0] * 2 - 1) for _ in range(ANCHOR_PATCHES // 32)]
        anchor, reference = anchor_of(torch.cat(found))
        return anchor.clone(), reference

    def measure(self, network: nn.Module, pictures: Pictures, rows: np.ndarray, context: FitContext) -> float:
        """Note the mean PSNR of whole pictures among the facts, as uint8, and return it, dB."""
        found = []
        for row in rows:
            x = torch.from_numpy(np.array(pictures.images[row])).to(context.device).permute(2, 0, 1)[None].float()
            with torch.inference_mode():
                changed = ((network(x / 127.5 - 1) + 1) * 127.5).round().clamp(0, 255)
            mse = float((changed - x).double().square().mean())
            found.append(10 * math.log10(255**2 / max(mse, 1e-6)))
        context.facts["psnr_held_out"] = float(np.mean(found))
        return float(np.mean(found))

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> nn.Module:
        """Return the frozen generator: (N, 3, H, W) in [-1, 1] to the like."""
        return frozen_network(SpocGenerator(self.recipe.shape), state)


def _on_unit_range(embedder: Embedder) -> Callable[[Tensor], list[Tensor]]:
    """Return the embedder's maps of pictures in [0, 1]; one function a game, so that it is asked once a batch."""

    def maps(x: Tensor) -> list[Tensor]:
        with no_autocast(x.device):  # embeddings differ by less than what bfloat16 rounds off
            return embedder.maps(x * 2 - 1)

    return maps


def embedder_fit(setup: Setup) -> EmbedderFit:
    """Return the fit of the embedder."""
    recipe = setup.profile.network("embedder", EmbedderRecipe)
    photographs = drawn_photographs("spoc/embedder", recipe.cameras, recipe.photographs, setup.seed)
    return EmbedderFit(recipe=recipe, photographs=photographs, seed=setup.seed)


def generator_fits(name: str, weights: Mapping[str, float], psnr: float | None, setup: Setup) -> dict[str, Fit]:
    """Return the generator of each camera model that the attacker knows, by 'generator/<class>'.

    Args:
        weights: of the terms, by the fields of `SpocGeneratorFit`.
    """
    recipe = setup.profile.network("spoc", SpocRecipe)
    embedder = embedder_fit(setup) if weights["embedder_weight"] else None
    pictures = synthetic_pictures(setup, "q")
    perceptual = bool(weights["perceptual_weight"]) and perceptual_trunk() is not None
    return {
        f"generator/{model}": SpocGeneratorFit(
            model=model,
            recipe=recipe,
            **weights,
            psnr=psnr,
            perceptual=perceptual,
            pictures=pictures,
            embedder=embedder,
            name=name,
            seed=setup.seed,
        )
        for model in range(setup.known)
    }
