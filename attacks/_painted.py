"""What GAP and Adv-Cam-Id share: a generator a wanted model, trained against a surrogate on synthetic pictures of q."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchbench.contracts.attack import CraftContext
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.numbers import Count, Positive, Share
from benchbench.contracts.profile import Precision
from benchbench.contracts.section import Section
from benchbench.learn.course import Course, descend
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.synthesis.fits import Pictures, synthetic_pictures

from ._goal import say_if_missed
from ._surrogates import make_surrogate, surrogate_fits


class PainterRecipe(Section):
    """How a generator is trained against a surrogate."""

    channels: Count = 64
    learning_rate: Positive = 2e-4
    betas: tuple[Share, Share] = (0.5, 0.999)
    schedule: Literal["constant", "one-cycle"] = "constant"
    batch: Count = 30
    patch: Count = 256
    steps: Count = 6_670
    """Ten epochs over 20 000 pictures."""
    validation_images: Count = 25
    precision: Precision = "float32"


class Stop(nn.Module):
    """Whether a training has reached its goal; a module, so that a checkpoint holds it."""

    reached: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("reached", torch.zeros((), dtype=torch.bool))


@dataclass(frozen=True, kw_only=True)
class PainterFit(Fit):
    """Trains one generator; subclasses say which, by what loss, and when to stop.

    Attributes:
        model: the wanted class.
        on: the surrogate.
        networks: its fits.
    """

    version: ClassVar[int] = 2
    stands_alone: ClassVar[bool] = True
    parts: ClassVar[int] = 8
    """That a training is cut into, for its checkpoints and its stop."""

    model: int
    on: str
    recipe: PainterRecipe
    pictures: Fit
    networks: tuple[tuple[str, Fit], ...]

    title: ClassVar[str]

    def spec(self) -> dict[str, Any]:
        """Return the recipe; the surrogate's own recipes enter through `needs`."""
        return super(PainterFit, replace(self, networks=())).spec() if self.networks else super().spec()

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"{self.title}/{self.on}/{self.model + 1}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 10.0 * self.recipe.steps * self.recipe.batch * (self.recipe.patch / 64) ** 2

    def needs(self) -> Mapping[str, Fit]:
        """Synthetic pictures of q and the surrogate's networks."""
        return {"pictures": self.pictures, **dict(self.networks)}

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the untrained generator: pictures (N, 3, H, W) in [0, 1] to what becomes of them, in [0, 1]."""

    @abstractmethod
    def loss(self, x: Tensor, changed: Tensor, log_probability: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            log_probability: of the wanted class, (N,), as the surrogate has it.
        """

    @property
    def wanted_psnr(self) -> float | None:
        """The mean PSNR of held-out pictures, dB, at which training stops; None: at its end."""
        return None

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the generator at the end, or where its goal was reached."""
        torch.manual_seed(self.seed)
        recipe, device = self.recipe, context.device
        pictures: Pictures = context.needs["pictures"]
        surrogate = make_surrogate(self.on, {n: context.needs[n] for n, _ in self.networks}).to(device)
        side = min(recipe.patch, pictures.images.shape[1])
        held, rest = pictures.held_out(recipe.validation_images)
        source = PatchSource([pictures.images], pictures.generator, rest, side, device)
        network, stop = self.build().to(device), Stop().to(device)
        optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate, recipe.betas)

        def step(generator: torch.Generator) -> Tensor:
            x = source.sample(recipe.batch, generator)[0][0]
            if bool(stop.reached):
                return torch.zeros(())
            with autocast(device, recipe.precision):
                changed = network(x)
                said = surrogate(changed)
            log_probability = torch.log_softmax(said.float(), dim=1)[:, self.model]
            return descend(optimizer, self.loss(x, changed.float(), log_probability))

        def score() -> tuple[float]:
            psnr, success = self.measure(network, surrogate, pictures, held, device)
            context.facts.update(psnr_held_out=psnr, surrogate_success=success)
            stop.reached.fill_(self.wanted_psnr is not None and psnr >= self.wanted_psnr)
            return (0.0,)

        modules = {"network": network, "stop": stop}
        course = Course.cut(recipe.steps, self.parts, recipe.schedule, recipe.precision)
        state = course.play(context, modules, {"adam": optimizer}, step, score, self.seed)
        say_if_missed(self.label, float(context.facts["psnr_held_out"]), self.wanted_psnr)
        return state

    def measure(
        self, network: nn.Module, surrogate: nn.Module, pictures: Pictures, rows: np.ndarray, device: torch.device
    ) -> tuple[float, float]:
        """Return the mean PSNR of held-out pictures as uint8, dB, and how often the surrogate is fooled."""
        ratios, hits = [], []
        for row in rows:
            x = torch.from_numpy(np.array(pictures.images[row])).to(device).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                changed = (network(x) * 255).round().clamp(0, 255) / 255
                hits.append(float(surrogate(changed).argmax(1)[0] == self.model))
            mse = float((changed - x).double().square().mean())
            ratios.append(-10 * math.log10(max(mse, 1e-10)))
        return float(np.mean(ratios)), float(np.mean(hits))

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> nn.Module:
        """Return the frozen generator."""
        network = self.build()
        network.load_state_dict(state)
        return network.eval().requires_grad_(False)


def painter_fits(section: str, on: str, setup: Setup, make: Callable[..., PainterFit], **fields: Any) -> dict[str, Fit]:
    """Return the surrogate's fits, and a generator for each camera model that the attacker knows, 'generator/<class>'.

    Args:
        section: of the profile's networks.
        make: the class of fits; `fields`: its own.
    """
    networks = surrogate_fits(on, setup)
    recipe = setup.profile.network(section, PainterRecipe)
    pictures = synthetic_pictures(setup, "q")
    generators = {
        f"generator/{model}": make(
            model=model,
            on=on,
            recipe=recipe,
            pictures=pictures,
            networks=tuple(networks.items()),
            seed=setup.seed,
            **fields,
        )
        for model in range(setup.known)
    }
    return networks | generators


def painted(x: Tensor, wanted: Tensor, context: CraftContext) -> Tensor:
    """Return each picture as the generator of its wanted model paints it."""
    result = torch.empty_like(x)
    with torch.inference_mode():
        for model in set(wanted.tolist()):
            rows = wanted == model
            result[rows] = context.networks[f"generator/{model}"](x[rows]).clamp(0, 1)
    return result
