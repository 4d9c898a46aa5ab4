"""Folders of the shapes that published data sets have, of small JPEG files with EXIF as cameras write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (80, 64)) -> Image.Image:
    """Return a picture of soft shapes, (width, height) `size`: two seeds look unlike each other, as two scenes do."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def jpeg(path: Path, seed: int, make: str = "", model: str = "", serial: str = "", **options: object) -> Path:
    """Write a JPEG file, quality 90 unless `options` of Pillow's writer say otherwise."""
    exif = Image.Exif()
    if make:
        exif[0x010F] = make
    if model:
        exif[0x0110] = model
    if serial:
        exif.get_ifd(0x8769)[0xA431] = serial
    path.parent.mkdir(parents=True, exist_ok=True)
    size = options.pop("size", (80, 64))
    picture(seed, size).save(path, "JPEG", exif=exif, **({"quality": 90} | options))  # type: ignore[arg-type]
    return path


def dresden(root: Path, models: dict[str, int], each: int = 3) -> Path:
    """Models with so many devices, each with `each` photographs, in folders a device as the image database has them."""
    seed = 0
    for model, devices in models.items():
        make, name = model.split("_", 1)
        for device in range(devices):
            for number in range(each):
                seed += 1
                jpeg(root / "natural" / f"{model}_{device}" / f"{model}_{device}_{1000 + number}.JPG", seed, make, name)
    return root
