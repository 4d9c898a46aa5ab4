"""The conditional GAN that Cama, MISL-cGAN, SpoC-cGAN and the augmented cGAN share; they differ in settings only.

Source: Andrews et al. 2020, section 3.3 and equations 1 to 5; protocol.md for the released settings.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.base.identity import since
from benchbench.contracts.attack import WHOLE, Attack, CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.numbers import Decibel, NotNegative
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import CganRecipe, GeneratorShape
from benchbench.forensics import remosaic
from benchbench.learn.arrays import Remosaiced
from benchbench.learn.course import Course, descend
from benchbench.learn.image_to_image import FirstLayer, ImageToImage, PatchCritic, frozen, operations
from benchbench.learn.losses import Classification, Generated, LeastSquares, Pixel, PixelByClass, Term, total
from benchbench.learn.memory_format import memory_format
from benchbench.learn.operations import per_pixel, training
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import parts

from ._evaluator import Auxiliaries, DualStream, Evaluator, SingleStream, evaluator_fits, make_evaluator
from ._goal import TOLERANCE, say_if_missed

Judge = DualStream | SingleStream | Auxiliaries
"""An evaluator at work."""


def wrong_labels(labels: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Return labels drawn uniformly from the classes that are not `labels`."""
    shift = torch.randint(1, classes, labels.shape, generator=generator).to(labels.device)
    return (labels + shift) % classes


def critic_groups(critic: PatchCritic, rate: float) -> list[dict[str, Any]]:
    """Return Adam's groups: a tenth of the rate on constrained filters (protocol.md, CC)."""
    if critic.constrained is None:
        return [{"params": list(critic.parameters())}]
    constrained = list(critic.constrained.parameters())
    others = [p for p in critic.parameters() if all(p is not c for c in constrained)]
    return [{"params": others}, {"params": constrained, "lr": rate / 10}]


@dataclass(frozen=True, kw_only=True)
class Game:
    """A generator G against a critic D: x' = G(remosaic(x), y') or G(x, y'), all pictures in [-1, 1].

    Attributes:
        source: gives patches of photographs, and aligned ones of re-mosaiced photographs where G is given those.
        pixel: the term whose weight follows the PSNR; also in `terms`.
        adversarial: the term that D stands behind; also in `terms`. None: D is not trained.
        terms: the loss of G.
        optimizers: of the players, `generator` and, where it is trained, `critic`.
    """

    recipe: CganRecipe
    layout: torch.memory_format
    source: PatchSource
    generator: ImageToImage
    critic: PatchCritic
    pixel: Pixel
    adversarial: LeastSquares | None
    terms: Sequence[Term]
    optimizers: dict[str, torch.optim.Optimizer]

    def step(self, rng: torch.Generator) -> Tensor:
        """Train D, then G, on one batch; return the loss of G, a float32 scalar.

        Args:
            rng: a CPU generator; it draws the batch, then y', then the wrong labels.
        """
        patches, label = self.source.sample(self.recipe.batch, rng)
        patches = [(t * 2 - 1).contiguous(memory_format=self.layout) for t in patches]
        x, given = patches[0], patches[-1]
        wanted = wrong_labels(label, self.critic.classes, rng)
        wrong = wrong_labels(label, self.critic.classes, rng)
        device = self.source.device
        with autocast(device, self.recipe.precision):
            changed = self.generator(given, wanted)
        if self.adversarial is not None:
            with autocast(device, self.recipe.precision):
                loss = self.adversarial.critic_loss(x, label, wrong, changed.detach(), wanted)  # equation 2
            descend(self.optimizers["critic"], loss)
            if self.critic.constrained is not None:
                self.critic.constrained.project_()
        made = Generated(x, changed.float(), wanted)
        with autocast(device, self.recipe.precision):
            loss = total(self.terms, made)  # equation 5
        found = descend(self.optimizers["generator"], loss)
        self.pixel.adapt(x, made.changed.detach(), wanted)
        return found


@dataclass(frozen=True, kw_only=True)
class GeneratorFit(Fit):
    """Trains one generator on q against a frozen evaluator and a critic."""

    kind: ClassVar[str] = "benchbench_attacks._cgan.GeneratorFit"
    version: ClassVar[int] = 4
    stands_alone: ClassVar[bool] = True

    name: str
    shape: GeneratorShape
    recipe: CganRecipe
    patch: int
    classes: int
    critic: FirstLayer
    evaluator: Evaluator
    evaluators: tuple[tuple[str, Fit], ...]
    adversarial_weight: float
    pixel_weight: float
    classifier_weight: float
    psnr: float | None
    remosaiced: Fit | None
    """The stack that G is given; None: it is given photographs as they are."""
    pixel_weight_by_class: bool = field(default=False, metadata=since("0.3"))

    def spec(self) -> dict[str, Any]:
        """Return the recipe; the evaluators' own recipes enter through `needs`."""
        from dataclasses import replace

        return super(GeneratorFit, replace(self, evaluators=())).spec() if self.evaluators else super().spec()

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"generator/{self.name}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        recipe = self.recipe
        channels = recipe.discriminator_channels
        critic = per_pixel(
            ("critic", channels, self.critic, self.classes),
            lambda: PatchCritic(self.classes, channels, self.critic, recipe.discriminator_gain),
            3,
            lambda: torch.zeros(1, dtype=torch.long),
        )
        # The critic learns from photographs under both labels and from forgeries, and judges what the generator makes.
        whole = self.operations + 3 * critic + sum(fit.operations for _, fit in self.evaluators)
        return training(whole, self.patch, recipe.epochs * recipe.patches_per_epoch, recipe.batch)

    @property
    def operations(self) -> float:
        """See `Fit.operations`."""
        return operations(self.shape, self.classes)

    def needs(self) -> Mapping[str, Fit]:
        """The evaluator's networks and, where G is given it, the re-mosaiced q."""
        remosaiced = {} if self.remosaiced is None else {"remosaiced": self.remosaiced}
        return {**dict(self.evaluators), **remosaiced}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the generator of the epoch with the highest mean evaluator success."""
        torch.manual_seed(self.seed)
        recipe = self.recipe
        photos = context.data.photos("q")
        train, validation = parts(context.data, "q", known_only=True)
        stacks = [photos.images]
        if self.remosaiced is not None:
            stacks.append(context.needs["remosaiced"])
        source = PatchSource(stacks, photos.camera, train, self.patch, context.device)
        evaluator = make_evaluator({k: v for k, v in context.needs.items() if k != "remosaiced"}).to(context.device)
        game = self.game(source, evaluator)
        state = Course.of(recipe).play(
            context,
            {"generator": game.generator, "critic": game.critic, "losses": game.pixel},
            game.optimizers,
            game.step,
            lambda: self.score(game, evaluator, validation, context),
            self.seed,
            keep="generator",
        )
        kept = self.load(state, {}, {}).to(context.device)
        say_if_missed(self.label, self.measure(kept, evaluator, validation, context), self.psnr)
        return state

    def game(self, source: PatchSource, evaluator: Judge) -> Game:
        """Return both untrained networks, their optimizers and the generator's loss, on the device of `source`."""
        recipe, device = self.recipe, source.device
        generator = ImageToImage(self.shape, self.classes, bounded=True).to(device)
        critic = PatchCritic(self.classes, recipe.discriminator_channels, self.critic, recipe.discriminator_gain)
        critic = critic.to(device)
        layout = memory_format(generator, critic)
        for module in (generator, critic, evaluator):
            module.to(memory_format=layout)
        pixel = Pixel(self.pixel_weight, self.psnr)
        if self.pixel_weight_by_class and self.psnr is not None:
            pixel = PixelByClass(self.pixel_weight, self.psnr, self.classes)
        pixel.to(device)
        adversarial = LeastSquares(self.adversarial_weight, critic) if self.adversarial_weight > 0 else None
        rate = recipe.discriminator_learning_rate
        optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(generator.parameters(), recipe.learning_rate, recipe.betas, fused=True)
        }
        if adversarial is not None:
            optimizers["critic"] = torch.optim.Adam(critic_groups(critic, rate), rate, recipe.betas, fused=True)
        return Game(
            recipe=recipe,
            layout=layout,
            source=source,
            generator=generator,
            critic=critic,
            pixel=pixel,
            adversarial=adversarial,
            terms=self.terms(pixel, adversarial, evaluator),
            optimizers=optimizers,
        )

    def terms(self, pixel: Pixel, adversarial: LeastSquares | None, evaluator: Judge) -> list[Term]:
        """Return equation 5, in the order in which the packaged networks were trained."""
        terms: list[Term] = [pixel]
        if adversarial is not None:
            terms.append(adversarial)
        return terms + [Classification(self.classifier_weight, evaluator.streams, i) for i in range(evaluator.count)]

    def score(self, game: Game, evaluator: nn.Module, validation: np.ndarray, context: FitContext) -> tuple[float]:
        """Return the evaluator's mean success on held-out photographs; correct the PSNR goal by theirs.

        Args:
            validation: positions in q of the held-out photographs.
        """
        psnr = self.measure(game.generator, evaluator, validation, context)
        success = context.facts["evaluator_success"]
        context.facts["pixel_weight"] = float(game.pixel.weight)
        by_class = torch.tensor(context.facts["psnr_by_wanted"], device=context.device)
        if isinstance(game.pixel, PixelByClass):
            context.facts["pixel_weights"] = game.pixel.pixel.tolist()
        game.pixel.correct(by_class if isinstance(game.pixel, PixelByClass) else psnr)
        if self.psnr is not None and psnr < self.psnr - TOLERANCE:
            # An epoch over the distortion budget is no candidate, however often it succeeds.
            return (float(np.mean(success)) - 1,)
        return (float(np.mean(success)),)

    def measure(
        self, network: ImageToImage, evaluator: nn.Module, validation: np.ndarray, context: FitContext
    ) -> float:
        """Note the evaluator's success on held-out photographs and their PSNR among the facts; return the PSNR, dB."""
        images, labels = self._held_out(context.data, validation)
        success, ratios = self.evaluate(network, evaluator, images, labels, context)
        psnr = sum(value for _, value in ratios) / max(1, len(ratios))
        mine = [[value for c, value in ratios if c == wanted] or [psnr] for wanted in range(self.classes)]
        by_class = [sum(values) / len(values) for values in mine]
        context.facts.update(evaluator_success=success, psnr_held_out=psnr, psnr_by_wanted=by_class)
        return psnr

    def _held_out(self, data: Dataset, validation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Evenly spread over the classes, which lie one after the other.
        spread = np.linspace(0, len(validation) - 1, min(len(validation), self.recipe.validation_images))
        rows = validation[spread.astype(int)]
        photos = data.photos("q")
        return np.array(photos.images[rows]), photos.camera[rows]

    def evaluate(
        self,
        network: ImageToImage,
        evaluator: nn.Module,
        images: np.ndarray,
        labels: np.ndarray,
        context: FitContext,
    ) -> tuple[list[float], list[tuple[int, float]]]:
        """Return each evaluator stream's targeted success on held-out q, every wrong class wanted, and of each trial
        the wanted class and the PSNR, dB.
        """
        hits: list[Tensor] = []
        ratios: list[tuple[int, float]] = []
        for image, label in zip(images, labels, strict=True):
            x = torch.from_numpy(image).to(context.device).permute(2, 0, 1)[None].float() / 255
            wanted = torch.tensor([c for c in range(self.classes) if c != int(label)], device=context.device)
            with torch.inference_mode():
                given = x if self.remosaiced is None else remosaic(x)
                changed = (network(given.expand(len(wanted), -1, -1, -1) * 2 - 1, wanted) + 1) / 2
                changed = (changed * 255).round().clamp(0, 255) / 255
                logits = cast(Any, evaluator).streams(changed)
                hits.append(torch.stack([(s.argmax(1) == wanted).float() for s in logits]))
                mse = (changed - x).square().mean((1, 2, 3)).clamp_min(1e-10)
                ratios += zip(wanted.tolist(), (-10 * mse.log10()).tolist(), strict=True)
        return [round(float(s), 4) for s in torch.cat(hits, dim=1).mean(1)], ratios

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> ImageToImage:
        """Return the frozen generator."""
        return frozen(self.shape, self.classes, bounded=True, state=state)


@dataclass(frozen=True, kw_only=True)
class Cgan(Attack):
    """A generator that repaints the photograph as the wanted class.

    Attributes:
        adversarial_weight, pixel_weight, classifier_weight: weights of the least-squares critic, of the L1 distance
            in [-1, 1] and of each evaluator stream's NLL.
        psnr: when set, the pixel weight adapts in training until the mean PSNR of held-out photographs is this many dB.
        pixel_weight_by_class: one weight a wanted class, which adapts until the mean of that class is `psnr`.
    """

    adversarial_weight: NotNegative = 1.0
    pixel_weight: NotNegative = 10.0
    classifier_weight: NotNegative = 0.01
    psnr: Decibel | None = None
    pixel_weight_by_class: bool = field(default=False, metadata=since("0.3"))

    @property
    @abstractmethod
    def evaluator(self) -> Evaluator:
        """What the generator is trained to fool."""

    @property
    @abstractmethod
    def critic(self) -> FirstLayer:
        """What the critic's first layer makes of a picture."""

    @property
    def remosaics(self) -> bool:
        """Whether the generator is given a re-mosaiced photograph, which has lost its own demosaicing's traces."""
        return True

    def __post_init__(self) -> None:
        for name in ("adversarial_weight", "pixel_weight", "classifier_weight"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; a finite weight of at least 0 is expected")
        if self.pixel_weight_by_class and self.psnr is None:
            raise ValueError("pixel_weight_by_class is set and psnr, the goal that each weight follows, is not")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the generator and its evaluator."""
        profile = setup.profile
        evaluators = evaluator_fits(self.evaluator, setup)
        return evaluators | {
            "generator": GeneratorFit(
                name=self.name,
                shape=profile.generator,
                recipe=profile.cgan_recipe(self.name),
                patch=profile.patch,
                classes=setup.known,
                critic=self.critic,
                evaluator=self.evaluator,
                evaluators=tuple(evaluators.items()),
                adversarial_weight=self.adversarial_weight,
                pixel_weight=self.pixel_weight,
                classifier_weight=self.classifier_weight,
                psnr=self.psnr,
                pixel_weight_by_class=self.pixel_weight_by_class,
                remosaiced=Remosaiced(role="q") if self.remosaics else None,
                seed=setup.seed,
            )
        }

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Re-mosaic where the generator was trained so, generate."""
        generator: ImageToImage = context.networks["generator"]
        with torch.inference_mode():
            changed: Tensor = generator((remosaic(x) if self.remosaics else x) * 2 - 1, wanted)
            return ((changed + 1) / 2).clamp(0, 1)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor | Mapping[str, Tensor]:
        """Return what the evaluator that the generator was trained against says, and each stream where it has two."""
        if "evaluator" not in context.cache:
            networks = {name: found for name, found in context.networks.items() if name != "generator"}
            context.cache["evaluator"] = make_evaluator(networks).to(context.device)
        evaluator: nn.Module = context.cache["evaluator"]
        if isinstance(evaluator, DualStream):
            high, low = evaluator.streams(x)
            return {WHOLE: evaluator.together([high, low]), "E_H": high, "E_L": low}
        logits: Tensor = evaluator(x)
        return logits
