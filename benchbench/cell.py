"""A cell: the facts of one attack against one target on one split. Tables and pages are functions of cells."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = 1


class Part(BaseModel):
    """A frozen part of a cell; an unknown key is an error, so an edited file is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetPart(Part):
    """The photographs."""

    name: str
    data_id: str
    camera_models: tuple[str, ...]
    known: int
    size: int


class AttackPart(Part):
    """The attack as it was crafted."""

    name: str
    title: str
    version: int
    knowledge: str
    control: bool
    params: dict[str, Any]
    fits: dict[str, str]
    """Fit ids by name."""


class TargetPart(Part):
    """The target as it was scored."""

    name: str
    version: int
    backbone: str
    preprocessor: str
    overlap: Literal["complete", "partial"]
    params: dict[str, Any]
    classes: int
    fits: dict[str, str]
    clean: tuple[tuple[int, ...], ...]
    """Confusion matrix on the unattacked test photographs of this split: [true model of the split][predicted class]."""


class SplitPart(Part):
    """Which test photographs were attacked."""

    name: Literal["in", "out"]
    fingerprint: str
    images: int
    classes: tuple[int, ...]
    """The true classes of this split, in the order of the first axis of `counts`."""


class CraftPart(Part):
    """What crafting did, summed per wanted class."""

    craft_id: str
    psnr_sum: tuple[float, ...]
    """Sum of the PSNR in dB over the changed images, per wanted class."""
    psnr_images: tuple[int, ...]
    """Changed images, per wanted class."""
    identical: tuple[int, ...]
    """Images that came out unchanged (infinite PSNR), per wanted class; counted apart."""
    clipped: float
    """Share of the values that stand at 0 or 1 and did not before."""
    target_calls: int
    """Calls of a target while crafting: 0 for every attack that is not white-box."""
    facts: dict[str, Any]
    """Calibrated numbers, such as epsilon."""


class Cell(Part):
    """One attack, one target, one split."""

    schema_version: int = SCHEMA
    cell_id: str
    profile: str
    dataset: DatasetPart
    attack: AttackPart
    target: TargetPart
    split: SplitPart
    protocol: dict[str, Any]
    craft: CraftPart
    counts: tuple[tuple[tuple[int, ...], ...], ...]
    """counts[true][wanted][predicted]: true in the order of `split.classes`, wanted 0 to known - 1, predicted class."""
    provenance: dict[str, Any]
    """git commit, package versions, device, seconds, UTC. Not part of any identity."""
