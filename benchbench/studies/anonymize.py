"""One photograph of any size, changed by an attack and written as a file that the wanted camera could have written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchbench.base.errors import BenchError, DataError, did_you_mean
from benchbench.base.files import replace_file
from benchbench.base.jpeg import CameraFile, JpegHeader
from benchbench.contracts.attack import WHOLE, Attack, CraftContext, evaluators
from benchbench.contracts.fit import Fit, Setup, collect
from benchbench.data.folder.pixels import UnusableError, read_photo
from benchbench.evaluate.craft import craft, image_seed
from benchbench.evaluate.networks import craft_context, to_tensor
from benchbench.records.cache import Cache
from benchbench.records.zoo import Zoo
from benchbench.studies.exif import ExifMode, rewritten
from benchbench.studies.tiles import GRID, in_tiles

MOST_CROPS = 16
"""Crops of a photograph that the attack's own evaluator is asked about."""
_OTHERWISE = {"quality": 95, "subsampling": 0}


@dataclass(frozen=True)
class Forger:
    """An attack with its networks, and the class that it is to forge."""

    attack: Attack
    context: CraftContext
    wanted: int
    name: str
    """Of the wanted camera model."""
    crop: int
    """Side of the photographs that the networks were trained on, px."""
    file: CameraFile | None = None
    """How the wanted camera writes its files, where that is known."""
    seed: int = 0


@dataclass(frozen=True)
class Sure:
    """How the attack's own evaluator sees crops of a photograph: `named` of `crops` as the wanted model, `mean` its
    mean probability.
    """

    named: int
    crops: int
    mean: float


@dataclass(frozen=True)
class Anonymized:
    """What was made of one photograph.

    psnr: dB against the original, of the file that was written; infinite if nothing changed. mean: absolute
    difference, gray levels. share: of values that changed. before, after: None for an attack without an evaluator.
    said: what was done to the file, sentence by sentence.
    """

    source: Path
    output: Path
    width: int
    height: int
    psnr: float
    mean: float
    share: float
    before: Sure | None
    after: Sure | None
    said: tuple[str, ...]


def wanted_class(name: str, camera_models: tuple[str, ...], known: int) -> int:
    """The class of a camera model that the attacker knows.

    Raises:
        BenchError: it knows none of this name.
    """
    names = camera_models[:known]
    for c, model in enumerate(names):
        if model.lower() == name.lower():
            return c
    raise BenchError(
        f"--as '{name}' is none of the models that it knows: {', '.join(names)}.{did_you_mean(name, names)}"
    )


def adopt(fits: dict[str, Fit], setup: Setup, cache: Cache, zoo: Path | None, who: str) -> None:
    """Take networks from the zoo that the cache lacks.

    Raises:
        BenchError: one is neither here nor there.
    """
    ids = {fit.fit_id(setup.data_id): fit for fit in fits.values()}
    if zoo is not None:
        Zoo(zoo).adopt(ids, cache)
    for fit_id, fit in collect(fits, setup.data_id, cache.has).items():
        if not cache.has(fit_id):
            raise BenchError(
                f"'{fit.label}', which {who} needs, has not been trained on these photographs; bench run does it."
            )


def forger(
    attack: Attack,
    setup: Setup,
    camera_models: tuple[str, ...],
    wanted: str,
    crop: int,
    cache: Cache,
    device: torch.device,
    zoo: Path | None,
    file: Callable[[int], CameraFile | None],
    seed: int = 0,
) -> Forger:
    """Load an attack for photographs of one's own.

    Args:
        file: what is known of the files of a class.

    Raises:
        BenchError: an attack that needs more than the photograph, an unknown model, or networks that are not trained.
    """
    card = attack.card
    if card.knowledge in ("white-box", "oracle") or card.reads_source:
        what = {"white-box": "the target itself", "oracle": "the scene"}.get(card.knowledge, "the true camera model")
        raise BenchError(f"'{attack.name}' needs {what}, which one photograph does not tell.")
    c = wanted_class(wanted, camera_models, setup.known)
    adopt(dict(attack.fits(setup)), setup, cache, zoo, f"attack '{attack.name}'")
    return Forger(attack, craft_context(attack, setup, cache.root, device), c, camera_models[c], crop, file(c), seed)


def anonymize(
    source: Path,
    output: Path,
    with_: Forger,
    exif: ExifMode = "consistent",
    progress: Callable[[int, int], None] | None = None,
) -> Anonymized:
    """Change one photograph and write it, as a JPEG or PNG file by the name of `output`.

    Raises:
        DataError: it cannot be read, or is smaller than a tile's grid.
        AttackError: the attack broke its contract.
        BenchError: the output's name is of no format that is written, or is the source.
    """
    suffix = output.suffix.lower()
    if suffix not in (".jpg", ".jpeg", ".png"):
        raise BenchError(f"'{output}' is neither .jpg nor .png.")
    if output.exists() and output.resolve() == source.resolve():
        raise BenchError(f"'{output}' is the photograph itself; name another file with -o.")
    try:
        photo = read_photo(source, 4 * GRID)
    except UnusableError as fault:
        raise DataError(f"photo '{source}' {fault}.") from None
    pixels = photo.pixels
    wanted = torch.tensor([with_.wanted], device=with_.context.device)

    def change(x: torch.Tensor, number: int) -> torch.Tensor:
        with_.context.seeds = (image_seed(with_.seed, with_.attack.name, source.name, with_.wanted, number),)
        return craft(with_.attack, x, wanted, wanted, with_.context, f"tile {number}")

    before = how_sure(pixels, with_)
    changed = in_tiles(pixels, change, with_.context.device, progress)
    content, said = _file(changed, source, photo.jpeg, with_, exif, suffix)
    written = _decoded(content)
    output.parent.mkdir(parents=True, exist_ok=True)
    replace_file(output, lambda file: file.write(content))
    mean, square, share = _difference(pixels, written)
    psnr = 10 * float(np.log10(255**2 / square)) if square else float("inf")
    height, width = pixels.shape[:2]
    after = how_sure(written, with_)
    return Anonymized(source, output, width, height, psnr, mean, share, before, after, tuple(said))


def how_sure(pixels: NDArray[np.uint8], with_: Forger) -> Sure | None:
    """Ask the attack's own evaluator about crops of the size that it was trained on, spread over the photograph."""
    named, total, crops = 0, 0.0, _crops(pixels, with_.crop)
    for crop in crops:
        with torch.no_grad():
            answer = evaluators(with_.attack, to_tensor(crop[None], with_.context.device), with_.context)
        if not answer:
            return None
        probability = torch.softmax(answer[WHOLE][0].float(), 0)
        named += int(probability.argmax()) == with_.wanted
        total += float(probability[with_.wanted])
    return Sure(named, len(crops), total / len(crops))


def _crops(pixels: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """The plain center, as in training, then others over the photograph."""
    height, width = pixels.shape[:2]
    tall, wide = min(size, height), min(size, width)
    places = [((height - tall) // 2, (width - wide) // 2)]
    each = int(MOST_CROPS**0.5)
    for i in range(each):
        for j in range(each):
            place = ((height - tall) * i // (each - 1) // GRID * GRID, (width - wide) * j // (each - 1) // GRID * GRID)
            if place not in places and len(places) < MOST_CROPS:
                places.append(place)
    return [pixels[top : top + tall, left : left + wide] for top, left in places]


def _difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[float, float, float]:
    """Mean absolute difference, mean square, share of values that differ; row by row, for memory's sake."""
    absolute = square = differ = 0
    for a, b in zip(one, other, strict=True):
        rest = np.abs(a.astype(np.int32) - b)
        absolute, square, differ = (
            absolute + int(rest.sum()),
            square + int((rest**2).sum()),
            differ + int((rest > 0).sum()),
        )
    return absolute / one.size, square / one.size, differ / one.size


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image)


def _file(
    pixels: NDArray[np.uint8], source: Path, jpeg: JpegHeader | None, with_: Forger, exif: ExifMode, suffix: str
) -> tuple[bytes, list[str]]:
    """The file's content, and what was done."""
    with Image.open(source) as opened:
        profile = opened.info.get("icc_profile")
        original = jpeg.exif if jpeg is not None else opened.info.get("exif", b"")
    tags = rewritten(original, exif, with_.file)
    options: dict[str, Any] = {"exif": tags.content} if tags.content else {}
    said = [tags.said]
    if profile:
        options["icc_profile"] = profile
        said.append("the color profile is kept")
    file = BytesIO()
    if suffix == ".png":
        Image.fromarray(pixels).save(file, "PNG", **options)
        return file.getvalue(), [*said, "PNG, so that nothing but the attack changed a pixel"]
    coding, whose = (with_.file.coding if with_.file else None), f"of {with_.name}"
    if coding is None or coding.subsampling is None:
        coding, whose = (
            (jpeg.coding if jpeg is not None else None),
            "of the photograph itself, for want of the camera's",
        )
    if coding is None or coding.subsampling is None or len(coding.sampling) != 3:
        Image.fromarray(pixels).save(file, "JPEG", **_OTHERWISE, **options)
        said.append("JPEG of quality 95: no camera's tables are known")
    else:
        tables = [list(table) for table in coding.tables]
        Image.fromarray(pixels).save(file, "JPEG", qtables=tables, subsampling=coding.subsampling, **options)
        said.append(f"JPEG with the quantization tables and color sampling {whose}")
    return file.getvalue(), said
