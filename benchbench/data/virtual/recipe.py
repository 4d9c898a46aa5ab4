"""Virtual cameras: twelve camera models that photograph known scenes, so that every trace is known.

    scene -> crop, scale, Dih4 -> optics -> exposure, illuminant -> sensor -> LibRaw -> processing -> JPEG ->
    decoded photograph

Follows the formation model of the Cama paper (figures 1 and 2, eq. 6-9). Models and units: cameras.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchbench.base.errors import BenchError
from benchbench.base.seeds import stream
from benchbench.contracts.roles import ROLES, Role, SplitRule, devices_of_role
from benchbench.data.virtual import processing, sensor
from benchbench.data.virtual.cameras import Camera, camera_table
from benchbench.data.virtual.optics import calibration, lens_optics
from benchbench.data.virtual.scenery.sketch import LUMA
from benchbench.data.virtual.scenes import SceneSpec, Source, plan_scenes, render_scene

RENDERING = 6  # raise when the code renders other pixels from the same recipe
_MODELS_PER_GROUP = 6  # cameras.toml: six known models, then six unknown ones
BORDER = 8
"""Px that a frame has more than the photograph on each side, at most; as many as a JPEG block, so that a crop can
begin anywhere in the grid of blocks."""
Count = Annotated[int, Field(ge=1, le=20_000)]
Float = NDArray[np.float32]


class VirtualRecipe(BaseModel):
    """All that moves the pixels of a virtual data set.

    size: side of the square photographs, px, a multiple of 8 >= 32. scenes: scenes of q, and as many others of p; each
    test photograph has its own. *_per_device, test_per_class: photographs. neutral: one camera for every class
    (control). scene_source: scenes are drawn, mixed with packaged photographs, or, with scenes_dir, the user's
    photographs (`folder`). q_counts, p_counts: photographs of each camera model over its devices of
    that role, in place of *_per_device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=32, le=8192, multiple_of=8)] = 256
    scenes: Annotated[int, Field(ge=3, le=100_000)] = 60
    q_per_device: Count = 50
    p_per_device: Count = 25
    test_per_class: Count = 25
    q_counts: tuple[Count, ...] | None = None
    p_counts: tuple[Count, ...] | None = None
    split_rule: SplitRule = "device"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    neutral: bool = False
    scene_source: Source = "mixed"
    scenes_dir: str | None = None
    known: Annotated[int, Field(ge=2, le=_MODELS_PER_GROUP)] = 6
    unknown: Annotated[int, Field(ge=0, le=_MODELS_PER_GROUP)] = 6

    @classmethod
    def of(cls, arguments: Mapping[str, Any], profile: str) -> VirtualRecipe:
        """Return the recipe that a profile's section [data] gives.

        Raises:
            BenchError: a key that is not there, or a value that cannot be.
        """
        try:
            return cls(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["data", *map(str, first["loc"])])
            raise BenchError(f"profile '{profile}': '{where}' {first['msg'].lower()}.") from error

    @model_validator(mode="after")
    def _check_source(self) -> VirtualRecipe:
        if (self.scene_source == "folder") != (self.scenes_dir is not None):
            raise ValueError("scenes_dir goes with scene_source 'folder', and only with it")
        return self

    @model_validator(mode="after")
    def _check_counts(self) -> VirtualRecipe:
        for name, counts, models in (
            ("q_counts", self.q_counts, self.known),
            ("p_counts", self.p_counts, self.known + self.unknown),
        ):
            if counts is not None and len(counts) != models:
                raise ValueError(f"{name} has {len(counts)} numbers for {models} camera models")
        return self

    @property
    def scene_size(self) -> int:
        """Side of a drawn scene in px: room for crops of one to almost two photographs."""
        return 2 * self.size


@dataclass(frozen=True)
class Item:
    """A photograph to be taken or read: class, device, number in its device; scene: of a real one, where known."""

    role: Role
    camera: int
    device: int
    number: int
    name: str
    scene: int = -1


@dataclass(frozen=True)
class View:
    """How a photograph looks at a scene: what the photographer, not the camera, decides, and the light.

    window: (left, top, side) in scene px, scaled to the frame. dihedral: 0-7. stops: exposure compensation.
    illuminant, estimate: R and B relative to G, the true light and what automatic white balance takes it for.
    trim: rows and columns that the frame loses at each side before JPEG, so that the grid of JPEG blocks lies
    elsewhere in each photograph's centre crop: what frames of many sizes and shapes do to a set of real ones.
    """

    scene: int
    window: tuple[float, float, float]
    dihedral: int
    stops: float
    illuminant: tuple[float, float]
    estimate: tuple[float, float]
    trim: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Shot:
    """A photograph taken. pixels: (H, W, 3) uint8, decoded from jpeg (its centre crop, in a data set)."""

    pixels: NDArray[np.uint8]
    scene: int
    jpeg: bytes | None


def cameras(recipe: VirtualRecipe) -> tuple[Camera, ...]:
    """The camera of each class, known models first. In the control every class has the neutral one."""
    listed = labels(recipe)
    return (camera_table().neutral,) * len(listed) if recipe.neutral else listed


def labels(recipe: VirtualRecipe) -> tuple[Camera, ...]:
    """The camera that each class is named after."""
    table = camera_table().camera
    return table[: recipe.known] + table[_MODELS_PER_GROUP : _MODELS_PER_GROUP + recipe.unknown]


def identity(recipe: VirtualRecipe) -> dict[str, Any]:
    """What the data set's digest is taken of: the recipe, the cameras and their lens calibrations, the scene
    photographs.
    """
    facts: dict[str, Any] = recipe.model_dump(mode="json", exclude={"scenes_dir"})
    used = dict.fromkeys(cameras(recipe))
    facts["rendering"] = RENDERING
    facts["cameras"] = [camera.model_dump(mode="json") for camera in used]
    facts["names"] = [camera.name for camera in labels(recipe)]
    facts["lenses"] = [asdict(calibration(camera.lens)) for camera in used]
    if recipe.scene_source == "folder":
        from benchbench.base.files import file_digest

        facts["files"] = [file_digest(s.file) for s in scenes(recipe) if s.file is not None]
    return facts


def scenes(recipe: VirtualRecipe) -> tuple[SceneSpec, ...]:
    """All scenes of the recipe."""
    test = recipe.test_per_class * (recipe.known + recipe.unknown)
    counts: dict[Role, int] = {"q": recipe.scenes, "p": recipe.scenes, "test": test}
    return plan_scenes(recipe.scene_source, counts, recipe.scenes_dir)


def plan(recipe: VirtualRecipe) -> dict[Role, list[Item]]:
    """All photographs, ordered by role, class, device and number."""
    items: dict[Role, list[Item]] = {role: [] for role in ROLES}
    per_device = {"q": recipe.q_per_device, "p": recipe.p_per_device, "test": recipe.test_per_class}
    per_model = {"q": recipe.q_counts, "p": recipe.p_counts, "test": None}
    for role in ROLES:
        for k, camera in enumerate(labels(recipe)):
            devices = devices_of_role(role, k < recipe.known)
            counts = per_model[role]
            for i, device in enumerate(devices):
                # A model's photographs are spread evenly over its devices, the first taking what is left over.
                photographs = per_device[role] if counts is None else (counts[k] + len(devices) - 1 - i) // len(devices)
                for number in range(photographs):
                    items[role].append(Item(role, k, device, number, f"{camera.name}_{device}_{number}.JPG"))
    return items


def choose_scene(recipe: VirtualRecipe, item: Item) -> SceneSpec:
    """Return the scene of a photograph: one of its role by chance; of a test photograph its own, as far as they go."""
    available = _scenes_of_role(recipe, item.role)
    if item.role == "test":  # a class has one test device
        return available[(item.camera * recipe.test_per_class + item.number) % len(available)]
    rng = stream(recipe.seed, "scene of", item.camera, item.device, item.number)
    return available[int(rng.integers(len(available)))]


def choose_view(recipe: VirtualRecipe, item: Item, scene: SceneSpec, shape: tuple[int, int]) -> View:
    """Draw the view of a photograph. shape: (height, width) of its scene, px."""
    rng = stream(recipe.seed, "view", item.camera, item.device, item.number)
    height, width = shape
    # A window of one to 1.8 frames; never beyond the scene unless that is smaller than a frame (it is mirrored then).
    side = min(recipe.size * 2 ** rng.uniform(0, 0.85), float(max(min(height, width), recipe.size)))
    left, top = rng.uniform(0, max(width - side, 0)), rng.uniform(0, max(height - side, 0))
    warmth, tint = rng.normal(0, 0.15), rng.normal(0, 0.02)
    illuminant = (float(np.exp(warmth)), float(np.exp(-warmth + tint)))
    missed = np.exp(rng.normal(0, 0.015, 2))
    estimate = (illuminant[0] * float(missed[0]), illuminant[1] * float(missed[1]))
    dihedral, stops = int(rng.integers(8)), float(rng.normal(0, 0.25))
    trim = (int(rng.integers(BORDER)), int(rng.integers(BORDER)))
    return View(scene.id, (left, top, side), dihedral, stops, illuminant, estimate, trim)


def look(scene: NDArray[np.floating[Any]], view: View, size: int, margin: int) -> Float:
    """The ideal picture of the window, with `margin` px around the frame: (size + 2 margin, same, 3), mean
    luminance 1.
    """
    left, top, side = view.window
    px = side / (size + 2 * margin)  # scene px per frame px; the margin is taken from the window
    full = size + 2 * margin
    x0, y0 = int(left), int(top)
    x1, y1 = int(np.ceil(left + side)) + 1, int(np.ceil(top + side)) + 1
    part = np.asarray(scene[y0:y1, x0:x1], np.float32)
    missing = (max(y1 - y0 - part.shape[0], 0), max(x1 - x0 - part.shape[1], 0))
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    box = (left - x0, top - y0, left - x0 + px * full, top - y0 + px * full)
    planes = []
    for c in range(3):
        plane = Image.fromarray(np.ascontiguousarray(part[:, :, c]))
        planes.append(np.asarray(plane.resize((full, full), Image.Resampling.BICUBIC, box=box)))
    picture = np.maximum(np.stack(planes, axis=2), 0)
    picture = np.rot90(picture, view.dihedral % 4)
    if view.dihedral >= 4:
        picture = picture[:, ::-1]
    # The meter leaves the brightest spots out: a lamp in the picture must not darken the rest.
    luminance = picture @ LUMA
    metered = np.minimum(luminance, np.quantile(luminance, 0.97)).mean()
    return np.ascontiguousarray(picture / max(float(metered), 1e-6), np.float32)


def take(
    camera: Camera,
    device: sensor.Device,
    scene: NDArray[np.floating[Any]],
    view: View,
    rng: np.random.Generator,
    *,
    make: str,
    model: str,
) -> Shot:
    """One press of the shutter. `rng`: the noise of this photograph. make, model: for the EXIF header."""
    size = device.gain.shape[0]
    optics = lens_optics(camera.lens, size)
    light = optics.image(look(scene, view, size, optics.margin)) * np.float32(camera.exposure * 2**view.stops)
    response = np.array(camera.sensor.response, np.float32)
    color = np.array((view.illuminant[0], 1.0, view.illuminant[1]), np.float32)
    raw = sensor.expose(light * color * response, camera.sensor, device, rng)
    guess = response * np.array((view.estimate[0], 1.0, view.estimate[1]), np.float32)
    r, g, b = (float(v) for v in 1 / guess)
    linear = sensor.develop(raw, camera.sensor.cfa, camera.demosaic, (r, g, b))
    (rows, columns), picture = view.trim, processing.process(linear, camera)
    picture = picture[rows : size - rows, columns : size - columns]
    jpeg = processing.encode(picture, camera, make=make, model=model)
    return Shot(processing.decode(jpeg), view.scene, jpeg)


class VirtualPhotographer:
    """Takes the photographs of a recipe from scenes that lie rendered in a folder; picklable, for worker processes."""

    def __init__(self, recipe: VirtualRecipe, scene_dir: Path) -> None:
        self.recipe = recipe
        self.scene_dir = scene_dir

    def __call__(self, items: Sequence[Item]) -> list[Shot]:
        """The photographs of `items`, in order."""
        return [self._shot(item) for item in items]

    def _shot(self, item: Item) -> Shot:
        view, scene = view_of(self.recipe, item, self.scene_dir)
        camera, label = cameras(self.recipe)[item.camera], labels(self.recipe)[item.camera]
        unit = device(self.recipe, item.camera, item.device)
        noise = stream(self.recipe.seed, "noise", item.camera, item.device, item.number)
        shot = take(camera, unit, scene, view, noise, make=label.make, model=label.model)
        return replace(shot, pixels=processing.center(shot.pixels, self.recipe.size))


def view_of(recipe: VirtualRecipe, item: Item, scene_dir: Path) -> tuple[View, NDArray[np.float16]]:
    """Return the view of a photograph and the scene that it looks at; those of q and p lie rendered in `scene_dir`."""
    if item.role == "test":
        return seen(recipe, item)
    return seen(recipe, item, lambda spec, size, seed: _load_scene(scene_dir, spec.id))


# Whoever retakes a photograph asks for its scene again and again.
_rendered = lru_cache(maxsize=16)(render_scene)


def seen(
    recipe: VirtualRecipe, item: Item, render: Callable[[SceneSpec, int, int], NDArray[np.float16]] = _rendered
) -> tuple[View, NDArray[np.float16]]:
    """Return the view of a photograph and its scene, rendered here.

    Args:
        render: a `render_scene` that may keep some, for who asks for others again.
    """
    spec = choose_scene(recipe, item)
    scene = render(spec, recipe.scene_size, recipe.seed)
    return choose_view(recipe, item, spec, scene.shape[:2]), scene


@lru_cache(maxsize=8)
def _scenes_of_role(recipe: VirtualRecipe, role: Role) -> tuple[SceneSpec, ...]:
    return tuple(s for s in scenes(recipe) if s.role == role)


@lru_cache(maxsize=512)
def _load_scene(scene_dir: Path, scene: int) -> NDArray[np.float16]:
    loaded: NDArray[np.float16] = np.load(scene_dir / f"{scene}.npy", mmap_mode="r")
    return loaded


@lru_cache(maxsize=4)
def device(recipe: VirtualRecipe, camera: int, number: int) -> sensor.Device:
    """The device of a class, its sensor `BORDER` px larger than the photographs on each side.

    The control has one device for all: even PRNU must not tell classes apart.
    """
    key = ("neutral",) if recipe.neutral else (labels(recipe)[camera].name, number)
    side = recipe.size + 2 * BORDER
    return sensor.make_device(cameras(recipe)[camera].sensor, side, stream(recipe.seed, "device", *key))
