"""Fits of pictures beside the data set: simulators and what they paint, a folder's pictures, drawn photographs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchbench.base.errors import DataError
from benchbench.base.files import file_digest
from benchbench.base.identity import digest
from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.layout import FORMATS
from benchbench.contracts.roles import Role
from benchbench.contracts.section import Section
from benchbench.data.virtual.drawn import drawn_cameras
from benchbench.data.virtual.recipe import RENDERING
from benchbench.data.virtual.renderings import photographs_by, rendering
from benchbench.learn.course import Course, descend
from benchbench.learn.patches import PatchSource
from benchbench.learn.precision import autocast
from benchbench.synthesis.simulator import (
    KINDS,
    Kind,
    Simulator,
    SimulatorRecipe,
    critic_loss,
    generator_loss,
    patch_gan,
)

EPOCHS = 4
"""Parts that a training is cut into, for its checkpoints."""
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})


class SyntheticRecipe(Section):
    """The pictures that no camera took. q, p, test: how many of each generator."""

    q: int = 20_000
    p: int = 20_000
    test: int = 2_000
    off: tuple[str, ...] = ("anti-aliased",)
    """Generators that nobody is trained on: q and p have none of their pictures."""
    folder: str = ""
    """A folder of synthetic pictures in place of the six simulators, one subfolder a generator."""


@dataclass(frozen=True)
class Pictures:
    """Synthetic pictures: images uint8 (N, H, W, 3), memory-mapped; generator int64 (N,), by its place in `names`."""

    images: NDArray[np.uint8]
    generator: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.generator)

    def held_out(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the positions of `count` pictures, evenly spread, and of the rest; of all, where few were left."""
        every = np.arange(len(self))
        held = np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64)
        return held, np.setdiff1d(every, held) if len(self) > 2 * len(held) else every


@dataclass(frozen=True, kw_only=True)
class SimulatorFit(Fit):
    """Trains one simulator on renderings that no camera took."""

    kind: ClassVar[str] = "benchbench.synthesis/simulator"
    stands_alone: ClassVar[bool] = True

    up: Kind
    recipe: SimulatorRecipe
    rendering: int = RENDERING

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"simulator/{self.up}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 4.0 * self.recipe.steps * self.recipe.batch * (self.recipe.patch / 64) ** 2

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train; return the generator at the end."""
        torch.manual_seed(self.seed)
        recipe, device, size = self.recipe, context.device, context.data.size
        count = recipe.renderings
        pictures = np.stack([rendering(size, self.seed, "simulator", "q", n) for n in range(count)])
        labels = np.zeros(count, np.int64)
        source = PatchSource([pictures], labels, np.arange(count), min(recipe.patch, size), device)
        network = Simulator(self.up, recipe.channels, recipe.blocks, recipe.instance_norm).to(device)
        critic = patch_gan(recipe.critic_channels).to(device)
        optimizers = {
            name: torch.optim.Adam(player.parameters(), recipe.learning_rate, recipe.betas)
            for name, player in (("network", network), ("critic", critic))
        }

        def step(generator: torch.Generator) -> Tensor:
            x = source.sample(recipe.batch, generator)[0][0] * 2 - 1
            with autocast(device, recipe.precision):
                made = network(x)
                loss = critic_loss(critic, x, made.detach())
            descend(optimizers["critic"], loss)
            critic.requires_grad_(False)
            with autocast(device, recipe.precision):
                loss = generator_loss(critic, x, made, recipe.pixel_weight)
            found = descend(optimizers["network"], loss)
            critic.requires_grad_(True)
            return found

        def score() -> tuple[float]:
            return (0.0,)  # the last: nothing says which generator is the best one

        course = Course.cut(recipe.steps, EPOCHS, recipe.schedule, recipe.precision, validate_every=EPOCHS)
        return course.play(context, {"network": network, "critic": critic}, optimizers, step, score, self.seed)

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Simulator:
        """Return the simulator: (N, 3, H, W) in [-1, 1] to the like."""
        network = Simulator(self.up, self.recipe.channels, self.recipe.blocks, self.recipe.instance_norm)
        network.load_state_dict(state)
        return network.eval().requires_grad_(False)


@dataclass(frozen=True, kw_only=True)
class SimulatedPictures(Fit):
    """What the simulators make of renderings of a role, each of pictures of its own."""

    kind: ClassVar[str] = "benchbench.synthesis/pictures"
    stands_alone: ClassVar[bool] = True

    part: Role
    each: int
    simulators: tuple[SimulatorFit, ...]

    def spec(self) -> dict[str, Any]:
        """Return the recipe; the simulators' own recipes enter through `needs`."""
        return super(SimulatedPictures, replace(self, simulators=())).spec() if self.simulators else super().spec()

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"synthetic pictures of {self.part}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 100.0 * self.each * len(self.simulators)

    def needs(self) -> Mapping[str, Fit]:
        """The simulators."""
        return {fit.up: fit for fit in self.simulators}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Paint."""
        size, total = context.data.size, self.each * len(self.simulators)
        shape = (total, size, size, 3)
        stack = np.lib.format.open_memmap(context.folder / "stack.npy", mode="w+", dtype=np.uint8, shape=shape)
        for place, fit in enumerate(self.simulators):
            network = context.needs[fit.up].to(context.device)
            for number in range(place * self.each, (place + 1) * self.each):
                picture = rendering(size, self.seed, "synthetic", self.part, number)
                x = torch.from_numpy(picture).to(context.device).permute(2, 0, 1)[None].float() / 127.5 - 1
                with torch.inference_mode():
                    made = (network(x)[0] + 1) * 127.5
                stack[number] = made.round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
                context.progress(number + 1, total, "pictures")
        stack.flush()
        return {}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Pictures:
        """Return the pictures."""
        generator = np.repeat(np.arange(len(self.simulators)), self.each).astype(np.int64)
        return Pictures(arrays["stack"], generator, tuple(fit.up for fit in self.simulators))


@dataclass(frozen=True, kw_only=True)
class FolderPictures(Fit):
    """Central crops of a user's synthetic pictures, those of one role."""

    kind: ClassVar[str] = "benchbench.synthesis/folder"
    stands_alone: ClassVar[bool] = True

    part: Role
    files: tuple[tuple[str, str], ...]
    """Of the role: generator and digest of each."""
    paths: tuple[str, ...] = ()
    """Where they lie; no part of the identity."""

    def spec(self) -> dict[str, Any]:
        """Return the recipe without places."""
        return super(FolderPictures, replace(self, paths=())).spec()

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"synthetic pictures of {self.part}"

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Read and crop.

        Raises:
            DataError: a picture cannot be decoded, or is smaller than the photographs.
        """
        size = context.data.size
        shape = (len(self.files), size, size, 3)
        stack = np.lib.format.open_memmap(context.folder / "stack.npy", mode="w+", dtype=np.uint8, shape=shape)
        for place, path in enumerate(self.paths):
            try:
                with Image.open(path, formats=FORMATS) as image:
                    pixels = np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError, ValueError) as error:
                raise DataError(f"synthetic picture '{path}' cannot be decoded ({error}).") from None
            top, left = ((side - size) // 2 for side in pixels.shape[:2])
            if min(top, left) < 0:
                raise DataError(
                    f"synthetic picture '{path}' is {pixels.shape[1]} x {pixels.shape[0]} px; "
                    f"at least {size} x {size} are expected, the size of the photographs."
                )
            stack[place] = pixels[top : top + size, left : left + size]
        stack.flush()
        return {}

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> Pictures:
        """Return the pictures."""
        names = tuple(dict.fromkeys(generator for generator, _ in self.files))
        generator = np.array([names.index(g) for g, _ in self.files], np.int64)
        return Pictures(arrays["stack"], generator, names)


def synthetic_pictures(setup: Setup, part: Role, off: bool = False) -> Fit:
    """Return the fit of the synthetic pictures of a role, which loads as `Pictures`.

    Args:
        off: those of the generators that nobody is trained on; of `test` alone.

    Raises:
        DataError: the profile's folder of synthetic pictures cannot be used.
    """
    recipe = setup.profile.network("synthetic", SyntheticRecipe)
    if recipe.folder:
        return _of_folder(recipe, part, off)
    each = {"q": recipe.q, "p": recipe.p, "test": recipe.test}[part]
    kinds = [kind for kind in KINDS if (kind in recipe.off) == off]
    if off and kinds:  # as many pictures as those of the other generators together
        each = max(1, each * (len(KINDS) - len(kinds)) // len(kinds))
    if not kinds:
        raise DataError(f"profile '{setup.profile.name}' leaves no generator {'off' if off else 'in'} training.")
    how = setup.profile.network("simulator", SimulatorRecipe)
    simulators = tuple(SimulatorFit(up=kind, recipe=how, seed=setup.seed) for kind in kinds)
    return SimulatedPictures(part=part, each=each, simulators=simulators, seed=setup.seed)


def count_of(fit: Fit) -> int:
    """Return how many pictures a fit of `synthetic_pictures` will have."""
    if isinstance(fit, FolderPictures):
        return len(fit.files)
    assert isinstance(fit, SimulatedPictures)
    return fit.each * len(fit.simulators)


def _of_folder(recipe: SyntheticRecipe, part: Role, off: bool) -> FolderPictures:
    root = Path(recipe.folder)
    if not root.is_dir():
        raise DataError(f"'{recipe.folder}' is no folder of synthetic pictures.")
    found: list[tuple[str, str, str]] = []
    for home in sorted(p for p in root.iterdir() if p.is_dir()):
        if (home.name in recipe.off) != off:
            continue
        files = sorted(p for p in home.rglob("*") if p.suffix.lower() in SUFFIXES)
        contents = [(file_digest(p), str(p)) for p in files]
        found += [(home.name, content, path) for content, path in contents if off or _part_of(content) == part]
    if not found:
        kind = "off-training" if off else f"'{part}'"
        raise DataError(
            f"'{recipe.folder}' has no synthetic pictures for {kind}; one subfolder a generator is expected, "
            f"with ten pictures or more. Off-training ones lie in: {', '.join(recipe.off) or 'none'}."
        )
    return FolderPictures(part=part, files=tuple(f[:2] for f in found), paths=tuple(f[2] for f in found))


def _part_of(content: str) -> Role:
    """Return the role of a picture, which hangs on its content alone: 2/5 to q, 2/5 to p, 1/5 to test."""
    turn: tuple[Role, ...] = ("q", "q", "p", "p", "test")
    return turn[int(hashlib.sha256(content.encode()).hexdigest(), 16) % len(turn)]


@dataclass(frozen=True, kw_only=True)
class DrawnPhotographs(Fit):
    """Photographs by drawn camera models, `each` by one device of each; (images uint8, labels int64) when loaded."""

    kind: ClassVar[str] = "benchbench.synthesis/drawn"
    stands_alone: ClassVar[bool] = True

    cameras: int
    each: int
    purpose: str
    """Names the photographs."""
    population: int
    """Seed of the models."""
    models: str
    """Digest of their parameters."""
    rendering: int = RENDERING

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"photographs by {self.cameras} drawn models"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 60.0 * self.cameras * self.each

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Take them."""
        size = context.data.size
        shape = (self.cameras * self.each, size, size, 3)
        stack = np.lib.format.open_memmap(context.folder / "stack.npy", mode="w+", dtype=np.uint8, shape=shape)
        for place, camera in enumerate(drawn_cameras(self.cameras, self.population)):
            shots = photographs_by(camera, place, self.each, size, self.seed, self.purpose)
            stack[place * self.each : (place + 1) * self.each] = shots
            context.progress((place + 1) * self.each, shape[0], "photographs")
        stack.flush()
        return {}

    def load(
        self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return photographs and their models."""
        return arrays["stack"], np.repeat(np.arange(self.cameras), self.each).astype(np.int64)


def drawn_photographs(purpose: str, cameras: int, each: int, seed: int) -> DrawnPhotographs:
    """Return the fit of photographs by drawn camera models; no two purposes share models, or scenes."""
    population = int(hashlib.sha256(purpose.encode()).hexdigest()[:6], 16) + seed
    models = [camera.model_dump(mode="json") for camera in drawn_cameras(cameras, population)]
    return DrawnPhotographs(
        cameras=cameras, each=each, purpose=purpose, population=population, models=digest("models", models), seed=seed
    )
