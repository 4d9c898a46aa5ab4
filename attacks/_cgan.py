"""The conditional GAN that Cama, MISL-cGAN and SpoC-cGAN share; they differ in settings only.

Source: Andrews et al. 2020, section 3.3 and equations 1 to 5; protocol.md for the released settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.profile import CganRecipe, GeneratorShape
from benchbench.forensics import remosaic
from benchbench.learn.arrays import Remosaiced
from benchbench.learn.image_to_image import ImageToImage, PatchCritic, frozen
from benchbench.learn.loop import Loop, make_schedule
from benchbench.learn.memory_format import memory_format
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.learn.training import parts

from ._evaluator import Evaluator, evaluator_fits, make_evaluator

WEIGHT_RATE = 0.003
"""Change of the pixel weight, in nepers a step, for each dB that the mean PSNR is off its goal."""


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


class Losses(nn.Module):
    """The weights of the generator's loss; a module, so that an adapted pixel weight is part of the checkpoint."""

    pixel: Tensor
    psnr: Tensor
    offset: Tensor

    def __init__(self, pixel_weight: float, goal: float | None) -> None:
        super().__init__()
        self.goal = goal
        self.register_buffer("pixel", torch.tensor(pixel_weight))
        self.register_buffer("psnr", torch.tensor(goal or 0.0))
        self.register_buffer("offset", torch.tensor(0.0))

    def correct(self, psnr: float) -> None:
        """Aim so that whole photographs, found at `psnr` dB, reach the goal: patches differ from them by an offset."""
        self.offset.copy_(psnr - self.psnr)

    def adapt(self, x: Tensor, y: Tensor) -> None:
        """Move the pixel weight towards the PSNR goal (dual ascent on a constraint, instead of a grid of runs)."""
        if self.goal is None:
            return
        mse = ((x - y) / 2).square().mean((1, 2, 3)).clamp_min(1e-8)
        self.psnr.lerp_((-10 * mse.log10()).mean(), 0.05)
        self.pixel.mul_(torch.exp(WEIGHT_RATE * (self.goal - self.offset - self.psnr).clamp(-5, 5)))
        self.pixel.clamp_(0.05, 1000.0)


@dataclass(frozen=True, kw_only=True)
class GeneratorFit(Fit):
    """Trains one generator on q against a frozen evaluator and a critic."""

    kind: ClassVar[str] = "benchbench_attacks._cgan.GeneratorFit"
    version: ClassVar[int] = 3
    stands_alone: ClassVar[bool] = True

    name: str
    shape: GeneratorShape
    recipe: CganRecipe
    patch: int
    classes: int
    critic: Literal["cc", "rgb+fd"]
    evaluator: Evaluator
    evaluators: tuple[tuple[str, Fit], ...]
    adversarial_weight: float
    pixel_weight: float
    classifier_weight: float
    psnr: float | None
    remosaiced: Fit

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
        return 14.0 * self.recipe.epochs * self.recipe.patches_per_epoch

    def needs(self) -> Mapping[str, Fit]:
        """The evaluator's networks and the re-mosaiced q."""
        return {**dict(self.evaluators), "remosaiced": self.remosaiced}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the generator of the epoch with the highest mean evaluator success."""
        torch.manual_seed(self.seed)
        device, recipe = context.device, self.recipe
        photos = context.data.photos("q")
        train, validation = parts(context.data, "q", known_only=True)
        stacks = [photos.images, context.needs["remosaiced"]]
        source = PatchSource(stacks, photos.camera, train, self.patch, device)
        evaluator = make_evaluator({k: v for k, v in context.needs.items() if k != "remosaiced"}).to(device)
        generator_network = ImageToImage(self.shape, self.classes, bounded=True).to(device)
        critic = PatchCritic(self.classes, recipe.discriminator_channels, self.critic, recipe.discriminator_gain).to(
            device
        )
        layout = memory_format(generator_network, critic)
        for module in (generator_network, critic, evaluator):
            module.to(memory_format=layout)
        losses = Losses(self.pixel_weight, self.psnr).to(device)
        steps = max(1, recipe.patches_per_epoch // recipe.batch)
        optimizers: dict[str, torch.optim.Optimizer] = {
            "generator": torch.optim.Adam(generator_network.parameters(), recipe.learning_rate, recipe.betas),
            "critic": torch.optim.Adam(
                critic_groups(critic, recipe.discriminator_learning_rate),
                recipe.discriminator_learning_rate,
                recipe.betas,
            ),
        }
        schedules = {
            k: make_schedule(o, recipe.schedule, [g["lr"] for g in o.param_groups], steps * recipe.epochs)
            for k, o in optimizers.items()
        }
        adversarial = self.adversarial_weight > 0

        def step(rng: torch.Generator) -> Tensor:
            (x, mosaiced), label = source.sample(recipe.batch, rng)
            x, mosaiced = ((t * 2 - 1).contiguous(memory_format=layout) for t in (x, mosaiced))
            wanted = wrong_labels(label, self.classes, rng)
            wrong = wrong_labels(label, self.classes, rng)
            with autocast(device, recipe.precision):
                changed = generator_network(mosaiced, wanted)
                if adversarial:
                    # Three calls, because batch norm sees generated images alone in the generator's step too.
                    real, mislabeled = critic(x, label).float(), critic(x, wrong).float()
                    fake = critic(changed.detach(), wanted).float()
                    loss_critic = 0.5 * (
                        F.mse_loss(real, torch.ones_like(real))
                        + 0.5 * (mislabeled.square().mean() + fake.square().mean())
                    )
            if adversarial:
                optimizers["critic"].zero_grad(set_to_none=True)
                loss_critic.backward()
                optimizers["critic"].step()
                if critic.constrained is not None:
                    critic.constrained.project_()
            changed = changed.float()
            loss = losses.pixel * F.l1_loss(changed, x)
            with autocast(device, recipe.precision):
                logits = evaluator.streams((changed + 1) / 2)
                if adversarial:
                    critic.requires_grad_(False)
                    verdict = critic(changed, wanted).float()
                    critic.requires_grad_(True)
                    loss = loss + self.adversarial_weight * F.mse_loss(verdict, torch.ones_like(verdict))
            for stream in logits:
                loss = loss + self.classifier_weight * F.cross_entropy(stream.float(), wanted)
            optimizers["generator"].zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizers["generator"].step()
            losses.adapt(x, changed.detach())
            return loss.detach()

        def score() -> tuple[float]:
            images, labels = self._held_out(context.data, validation)
            success, psnr = self.evaluate(generator_network, evaluator, images, labels, context)
            context.facts.update(evaluator_success=success, psnr_held_out=psnr, pixel_weight=float(losses.pixel))
            losses.correct(psnr)
            if self.psnr is not None and psnr < self.psnr - 1:
                # An epoch over the distortion budget is no candidate, however often it succeeds.
                return (float(np.mean(success)) - 1,)
            return (float(np.mean(success)),)

        return Loop(
            modules={"generator": generator_network, "critic": critic, "losses": losses},
            optimizers=optimizers,
            schedules=schedules,
            keep="generator",
            step=step,
            score=score,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validate_every=recipe.validate_every,
            precision=recipe.precision,
            seed=self.seed,
        ).run(context)

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
    ) -> tuple[list[float], float]:
        """Return each evaluator stream's targeted success on held-out q, every wrong class wanted, and PSNR in dB."""
        hits: list[Tensor] = []
        ratios: list[float] = []
        for image, label in zip(images, labels, strict=True):
            x = torch.from_numpy(image).to(context.device).permute(2, 0, 1)[None].float() / 255
            wanted = torch.tensor([c for c in range(self.classes) if c != int(label)], device=context.device)
            with torch.inference_mode():
                changed = (network(remosaic(x).expand(len(wanted), -1, -1, -1) * 2 - 1, wanted) + 1) / 2
                changed = (changed * 255).round().clamp(0, 255) / 255
                logits = cast(Any, evaluator).streams(changed)
                hits.append(torch.stack([(s.argmax(1) == wanted).float() for s in logits]))
                mse = (changed - x).square().mean((1, 2, 3)).clamp_min(1e-10)
                ratios += (-10 * mse.log10()).tolist()
        return [round(float(s), 4) for s in torch.cat(hits, dim=1).mean(1)], sum(ratios) / max(1, len(ratios))

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> ImageToImage:
        """Return the frozen generator."""
        return frozen(self.shape, self.classes, bounded=True, state=state)


@dataclass(frozen=True, kw_only=True)
class Cgan(Attack):
    """A generator that re-mosaics the photograph and repaints it as the wanted class.

    Attributes:
        adversarial_weight, pixel_weight, classifier_weight: weights of the least-squares critic, of the L1 distance
            in [-1, 1] and of each evaluator stream's NLL.
        psnr: when set, the pixel weight adapts in training until the mean PSNR of held-out photographs is this many dB.
    """

    adversarial_weight: float = 1.0
    pixel_weight: float = 10.0
    classifier_weight: float = 0.01
    psnr: float | None = None

    evaluator: ClassVar[Evaluator]
    critic: ClassVar[Literal["cc", "rgb+fd"]]

    def __post_init__(self) -> None:
        for name in ("adversarial_weight", "pixel_weight", "classifier_weight"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; a finite weight of at least 0 is expected")

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        """Return the generator and its evaluator."""
        profile = setup.profile
        evaluators = evaluator_fits(self.evaluator, setup)
        return evaluators | {
            "generator": GeneratorFit(
                name=self.name,
                shape=profile.generator,
                recipe=profile.cgan,
                patch=profile.patch,
                classes=setup.known,
                critic=self.critic,
                evaluator=self.evaluator,
                evaluators=tuple(evaluators.items()),
                adversarial_weight=self.adversarial_weight,
                pixel_weight=self.pixel_weight,
                classifier_weight=self.classifier_weight,
                psnr=self.psnr,
                remosaiced=Remosaiced(role="q"),
                seed=setup.seed,
            )
        }

    def perturb(self, x: Tensor, source: Tensor | None, target: Tensor, context: CraftContext) -> Tensor:
        """Re-mosaic, generate."""
        generator: ImageToImage = context.networks["generator"]
        with torch.inference_mode():
            changed: Tensor = generator(remosaic(x) * 2 - 1, target)
            return ((changed + 1) / 2).clamp(0, 1)

    def surrogate(self, x: Tensor, context: CraftContext) -> Tensor:
        """Return what the evaluator that the generator was trained against says."""
        if "evaluator" not in context.cache:
            networks = {name: found for name, found in context.networks.items() if name != "generator"}
            context.cache["evaluator"] = make_evaluator(networks).to(context.device)
        logits: Tensor = context.cache["evaluator"](x)
        return logits
