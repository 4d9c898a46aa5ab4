"""A cell: the facts of one attack against one target on one split. Tables and pages are functions of cells.

Schema 2 keeps the outcome of each photograph (`predicted`), so that intervals know that one photograph gives several
correlated trials and two attacks can be compared photograph by photograph.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = 2


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
    baseline: bool
    params: dict[str, Any]
    fits: dict[str, str]
    """Fit ids by name."""
    source: str = ""
    """Digest of the attack's source files, so that a change without a new version is noticed. Not an identity."""


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
    source: str = ""
    """Digest of the target's source files."""
    clean: tuple[tuple[int, ...], ...]
    """Confusion matrix on the unattacked test photographs of this split: [true model of the split][predicted class]."""


class SplitPart(Part):
    """Which test photographs were attacked."""

    name: Literal["in", "out"]
    fingerprint: str
    images: int
    classes: tuple[int, ...]
    """The true classes of this split, in the order of the first axis of `counts`."""
    true: tuple[int, ...]
    """True class of each photograph, in the order of `Cell.predicted`."""


class CraftPart(Part):
    """What crafting did, summed per wanted class."""

    craft_id: str
    psnr_sum: tuple[float, ...]
    """Sum of the PSNR in dB over the changed images, per wanted class."""
    psnr_images: tuple[int, ...]
    """Changed images, per wanted class."""
    identical: tuple[int, ...]
    """Images that came out unchanged (infinite PSNR), per wanted class; counted apart."""
    ssim_sum: tuple[float, ...] | None
    """Sum of the structural similarity over all images, per wanted class; None: smaller than its window."""
    l1_sum: tuple[float, ...]
    """Sum of the mean absolute difference in gray levels over all images, per wanted class."""
    surrogate_hits: tuple[int, ...] | None
    """Images that the attack's own evaluator takes for the wanted class, per wanted class; None: it has none."""
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
    predicted: tuple[tuple[int, ...], ...]
    """Predicted class by photograph, and by wanted class in ascending order, the true one left out."""
    provenance: dict[str, Any]
    """git commit, package versions, device, seconds, UTC. Not part of any identity."""


def tabulate(cell: Cell) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Return counts[true][wanted][predicted] of a cell's outcomes.

    Raises:
        ValueError: there are more or fewer outcomes than photographs and wanted classes.
        IndexError: a class that the target does not have.
    """
    known = cell.dataset.known
    table = [[[0] * cell.target.classes for _ in range(known)] for _ in cell.split.classes]
    for true, found in zip(cell.split.true, cell.predicted, strict=True):
        row = table[cell.split.classes.index(true)]
        for wanted, predicted in zip((w for w in range(known) if w != true), found, strict=True):
            row[wanted][predicted] += 1
    return tuple(tuple(tuple(line) for line in rows) for rows in table)
