"""Which camera model took a photograph, as the targets of a run or of the zoo say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchbench.base.errors import BenchError, DataError
from benchbench.contracts.fit import Setup
from benchbench.contracts.target import Target
from benchbench.data.folder.pixels import UnusableError, read_photo
from benchbench.data.virtual.processing import center
from benchbench.evaluate.networks import to_tensor
from benchbench.records.cache import Cache
from benchbench.studies.anonymize import adopt


@dataclass(frozen=True)
class Identified:
    """What targets say of one photograph.

    votes: how many targets name each class. mean: mean probability of each class, over the targets that know it.
    know: how many targets know each class. without: targets that could not be asked, and why. exif: make and model, as
    the file says.
    """

    width: int
    height: int
    exif: str
    votes: tuple[int, ...]
    mean: tuple[float, ...]
    know: tuple[int, ...]
    without: tuple[tuple[str, str], ...]


def identify(
    source: Path,
    targets: Sequence[Target],
    setup: Setup,
    size: int,
    cache: Cache,
    device: torch.device,
    zoo: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> Identified:
    """Ask each target about the plain center of a photograph, which is what it was trained on.

    Args:
        size: side of the crop, px.

    Raises:
        DataError: the photograph cannot be read, or is too small.
        BenchError: none of the targets can be asked.
    """
    try:
        photo = read_photo(source, size)
    except UnusableError as fault:
        raise DataError(f"photo '{source}' {fault}.") from None
    x = to_tensor(center(photo.pixels, size)[None], device)
    votes, know, total = [0] * setup.classes, [0] * setup.classes, [0.0] * setup.classes
    without: list[tuple[str, str]] = []
    for done, target in enumerate(targets, 1):
        try:
            probability = _ask(target, x, setup, cache, device, zoo)
        except BenchError as error:
            without.append((target.name, str(error)))
        else:
            votes[int(probability.argmax())] += 1
            for c, value in enumerate(probability.tolist()):
                know[c] += 1
                total[c] += value
        if progress is not None:
            progress(done, len(targets))
    if not any(know):
        raise BenchError(
            f"none of {len(targets)} targets can be asked: {without[0][1] if without else 'none is named'}"
        )
    mean = tuple(t / k if k else 0.0 for t, k in zip(total, know, strict=True))
    exif = " ".join(filter(None, (photo.make, photo.model)))
    height, width = photo.pixels.shape[:2]
    return Identified(width, height, exif, tuple(votes), mean, tuple(know), tuple(without))


def _ask(
    target: Target, x: torch.Tensor, setup: Setup, cache: Cache, device: torch.device, zoo: Path | None
) -> torch.Tensor:
    """The target's probabilities, (classes,); its networks are forgotten afterwards."""
    if target.card.task != "classification":
        raise BenchError(f"target '{target.name}' is asked for {target.card.task}, not for a camera model.")
    fits = dict(target.fits(setup))
    adopt(fits, setup, cache, zoo, f"target '{target.name}'")
    alone = Cache(cache.root)
    module = target.load({name: alone.load(fit, setup.data_id) for name, fit in fits.items()}, device)
    with torch.no_grad():
        logits = module(x.clone())
    if logits.shape != (1, target.classes(setup)) or not bool(torch.isfinite(logits).all()):
        raise BenchError(f"target '{target.name}' answered {tuple(logits.shape)}, or values that are not finite.")
    return torch.softmax(logits[0].float(), 0).cpu()
