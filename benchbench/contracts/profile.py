"""Profiles: the sizes and recipes of a whole benchmark, read from TOML.

A profile moves numbers, so everything in it is part of the identities that it touches and its name stands in every
table's caption. `smoke` is for tests, `quick` for laptops, `paper` is the published protocol, `paper-short` the same
with short epochs.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from benchbench.base.errors import BenchError, UnknownNameError, did_you_mean
from benchbench.base.identity import digest, since
from benchbench.base.names import check_name
from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.numbers import Count, NotNegative, Positive, Share, Steps
from benchbench.contracts.section import Section

S = TypeVar("S", bound=Section)
Precision = Literal["float32", "bfloat16", "mixed"]
"""mixed: bfloat16 where the processor or GPU has it in hardware, float32 elsewhere. Both are one recipe with one
identity; a fit's record says which it was."""


class Recipe(Section):
    """How a classifier (target or evaluator stream) is trained; the defaults are those of `paper-short`."""

    learning_rate: Positive = 0.1
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    batch: Count = 128
    epochs: Count = 90
    patches_per_epoch: Count = 10_000
    schedule: Literal["step", "one-cycle"] = "step"
    milestones: tuple[Count, ...] = (45, 68)
    gamma: Positive = 0.1
    precision: Precision = "float32"
    validate_every: Count = 1
    """Validate after every so many epochs (and after the last)."""
    patch: Count | None = Field(default=None, json_schema_extra=since("0.2"))
    """Side of the square patches, px; none: that of the profile."""


class ResidualRecipe(Section):
    """How a network learns the Wiener residual: MSE, Adam; the defaults are E0's."""

    learning_rate: Positive = 1e-4
    weight_decay: NotNegative = 5e-4
    batch: Count = 128
    epochs: Count = 90
    patches_per_epoch: Count = 10_000
    schedule: Literal["constant", "one-cycle"] = "constant"
    precision: Precision = "float32"


class Backbones(Section):
    """Dropout, and widths of backbones by their names; those not named have the defaults of their shape class."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]] = Field(init=False)

    dropout: Share = 0.5

    def shape(self, name: str) -> Section:
        """Return the widths of the backbone called `name`.

        Raises:
            UnknownNameError: no such backbone.
            BenchError: its shape has no such field, or a value of another type.
        """
        kind = BACKBONES.create(name).shape
        try:
            found: Section = kind(**self.__pydantic_extra__.get(name, {}))
        except ValidationError as error:
            raise BenchError(f"backbone '{name}': {_first(error)}") from error
        return found

    def check(self) -> None:
        """Look whether every backbone that is named exists and can have these widths; raises as `shape` does."""
        for name in self.__pydantic_extra__:
            self.shape(name)


class GeneratorShape(Section):
    """An image-to-image network: the published down-sampling one, a plain full-resolution stack, or, for residuals
    alone, filters whose answers are turned down by their energy (`wiener-like`).
    """

    kind: Literal["johnson", "full-resolution", "wiener-like"] = "johnson"
    channels: Count = 64
    blocks: Steps = 2
    """Residual blocks (johnson) or hidden convolutions (full-resolution)."""
    space_to_depth: Steps = 1
    """Not johnson: fold this many pixels a side into channels first."""
    skip: bool = False
    """Add the input to the output instead of learning to copy it."""
    chroma_blur: NotNegative = 0.0
    """Sigma, px, of a Gaussian on the output's Cb and Cr. Cameras write color at a lower resolution than brightness;
    without it, a generator that trains for thousands of steps leaves color noise that no camera makes."""


class CganRecipe(Section):
    """How the cGAN attacks are trained; the defaults are those of `paper-short`."""

    learning_rate: Positive = 2e-4
    betas: tuple[Share, Share] = (0.5, 0.999)
    batch: Count = 32
    epochs: Count = 200
    patches_per_epoch: Count = 10_000
    schedule: Literal["constant", "one-cycle"] = "constant"
    discriminator_channels: Count = 64
    discriminator_learning_rate: Positive = 2e-4
    discriminator_gain: Positive = 1.0
    """Factor on the residuals that the discriminator's first layer makes."""
    validate_every: Count = 5
    """Measure evaluator success on held-out q after every so many epochs; the best epoch is kept."""
    validation_images: Count = 60
    """Held-out q photographs; each is turned to every wrong class."""
    tied: Share = Field(default=0.0, json_schema_extra=since("0.3"))
    """Success, of 1, by which an epoch may fall short of the best and count as equal to it; the last of equals is kept.
    What few photographs cannot tell apart should not choose an epoch from before the rates have fallen."""
    precision: Precision = "float32"


class DilatedShape(Section):
    """A full-resolution network of dense, dilated convolutions; the defaults are those of Chen et al. 2020."""

    stem: Steps = 16
    squeeze: Steps = 64
    branch: tuple[int, int] = (16, 8)
    growth: Steps = 16
    blocks: Steps = 8
    skip: bool = False
    """Add the input to the output instead of learning to copy it."""


class ErasingRecipe(Section):
    """How a network learns to take something away from photographs: traces (SiamTE) or noise."""

    learning_rate: Positive = 1e-4
    batch: Count = 256
    """Patches; for traces in groups of as many camera models as the attack says."""
    patch: Count = 336
    epochs: Count = 100
    patches_per_epoch: Count = 10_000
    schedule: Literal["constant", "one-cycle"] = "constant"
    validate_every: Count = 5
    precision: Precision = "float32"


class NoisePairsShape(Section):
    """Photographs with and without noise: how many of how many drawn camera models, and their side in px."""

    cameras: int = 40
    each: int = 25
    size: int = 512


class Profile(Section):
    """Everything that a benchmark's size depends on."""

    name: str
    summary: str
    patch: Annotated[int, Field(ge=8, le=4096)] = 64
    wanted: Count | None = None
    """Wanted models of a test photograph, in turn; none: all that it can be taken for. With few, more photographs can
    be judged in the same time, and photographs are what numbers rest on."""
    data: dict[str, Any] = {}
    """Arguments of `benchbench.data.VirtualRecipe`."""
    backbones: Backbones = Backbones()
    target: Recipe = Recipe()
    target_overrides: dict[str, dict[str, Any]] = {}
    """Changes to `target` for target names that match a glob, in order, e.g. {"*/rgb/*": {"epochs": 20}}."""
    evaluator: Recipe = Recipe()
    evaluator_overrides: dict[str, dict[str, Any]] = {}
    """Changes to `evaluator` by stream name, such as high, low, cc, rgb+fd."""
    residual: ResidualRecipe = ResidualRecipe()
    residual_overrides: dict[str, dict[str, Any]] = {}
    """Changes to `residual` by the name of the preprocessor that has the network."""
    residual_network: GeneratorShape = GeneratorShape()
    generator: GeneratorShape = GeneratorShape()
    cgan: CganRecipe = CganRecipe()
    cgan_overrides: dict[str, dict[str, Any]] = {}
    """Changes to `cgan` by the attack's name."""
    eraser: DilatedShape = DilatedShape()
    erasing: ErasingRecipe = ErasingRecipe()
    denoising: ErasingRecipe = ErasingRecipe()
    noise_pairs: NoisePairsShape = NoisePairsShape()
    examiner: Recipe = Recipe()
    """How networks of the tasks vote and clustering are trained."""
    examiner_patch: Count = 224
    examiner_preprocessor: str = "rgb"
    """What those networks, and the classifier that traces are erased against, see of a photograph."""
    enrolled: Count = 50
    """Photographs that a test device's fingerprint is estimated from."""
    attacks: dict[str, dict[str, Any]] = {}
    """Changes to attacks' parameters, e.g. {"cama": {"pixel_weight": 14}}."""
    networks: dict[str, dict[str, Any]] = {}
    """Widths and recipes of what attacks, targets and scenarios bring themselves, by a name of theirs."""

    def network(self, name: str, kind: type[S]) -> S:
        """Return the part of `networks` called `name`, as its owner's class has it; defaults where nothing is said.

        Raises:
            BenchError: it has no such field, or a value of another type.
        """
        try:
            return kind(**self.networks.get(name, {}))
        except ValidationError as error:
            raise BenchError(f"profile '{self.name}': networks '{name}': {_first(error)}") from error

    @property
    def digest(self) -> str:
        """What tells two profiles of one name apart: a digest of all that it says; '' for a built-in one.

        Built-in ones are told apart by the identities that they lead to, so that what versions share still compares.
        """
        return "" if self == _built_in(self.name) else digest("profile", self)

    def recipe_for(self, target: str) -> Recipe:
        """Return the training recipe of the target called `target`."""
        changes: dict[str, Any] = {}
        for pattern, change in self.target_overrides.items():
            if fnmatchcase(target, pattern):
                changes |= change
        return Recipe(**(self.target.model_dump() | changes))

    def evaluator_recipe(self, stream: str) -> Recipe:
        """Return the training recipe of the evaluator stream called `stream`."""
        return Recipe(**(self.evaluator.model_dump() | self.evaluator_overrides.get(stream, {})))

    def cgan_recipe(self, attack: str) -> CganRecipe:
        """Return the training recipe of the generator of the attack called `attack`."""
        return CganRecipe(**(self.cgan.model_dump() | self.cgan_overrides.get(attack, {})))

    def residual_recipe(self, preprocessor: str) -> ResidualRecipe:
        """Return how the network of the preprocessor called `preprocessor` learns the Wiener residual."""
        return ResidualRecipe(**(self.residual.model_dump() | self.residual_overrides.get(preprocessor, {})))


@cache
def _built_in(name: str) -> Profile | None:
    return load_profile(name) if name in profile_names() else None


def profile_names() -> list[str]:
    """Return the names of the built-in profiles."""
    folder = resources.files("benchbench.contracts") / "profiles"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml"))


def load_profile(name: str) -> Profile:
    """Read a built-in profile by name, or any profile by the path of its TOML file.

    Raises:
        UnknownNameError: no such built-in profile.
        BenchError: the file is not TOML, has an unknown or wrong key or value, or bears a built-in profile's name.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise BenchError(f"profile file '{name}' does not exist.")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text in UTF-8"
            raise BenchError(f"profile file '{name}' cannot be read ({reason}).") from error
        default_name = path.stem
    else:
        if name not in profile_names():
            raise UnknownNameError(
                f"unknown profile '{name}'.{did_you_mean(name, profile_names())}\n  available: "
                + ", ".join(profile_names())
            )
        text = (resources.files("benchbench.contracts") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
        default_name = name
    try:
        profile = Profile(**({"name": default_name} | tomllib.loads(text)))
        check_name("profile", profile.name)
        if name.endswith(".toml"):
            _check_file(name, profile)
        for pattern in profile.target_overrides:
            Recipe(**(profile.target.model_dump() | profile.target_overrides[pattern]))
        for stream in profile.evaluator_overrides:
            profile.evaluator_recipe(stream)
        for attack in profile.cgan_overrides:
            profile.cgan_recipe(attack)
        for preprocessor in profile.residual_overrides:
            profile.residual_recipe(preprocessor)
        try:
            profile.backbones.check()
        except BenchError as error:
            raise type(error)(f"profile '{name}': {error}") from error
        return profile
    except RecursionError:
        raise BenchError(f"profile '{name}' is nested too deeply.") from None
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"profile '{name}' is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise BenchError(f"profile '{name}': {_first(error)}") from error


def _check_file(file: str, profile: Profile) -> None:
    """Refuse what a file may not say: a built-in profile's name, and patches that no photograph holds."""
    if profile.name in profile_names():
        raise BenchError(
            f"profile '{file}' bears the name of the built-in profile '{profile.name}'; give it one of its own: "
            f"name = 'my-{profile.name}'."
        )
    size = profile.data.get("size")
    if isinstance(size, int) and profile.patch > size:
        raise BenchError(f"profile '{file}': 'patch' is {profile.patch} and photographs have {size} px.")


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return f"unknown key '{'.'.join(str(part) for part in first['loc'])}'."
    return f"'{'.'.join(str(part) for part in first['loc'])}' {first['msg'].lower()}."
