"""Folders of JPEG files: the check of many small ones, the build of large ones, each against Pillow's bare decoding."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchbench.base.processes import cores
from benchbench.data.build import build
from benchbench.data.folder.check import check
from benchbench.data.folder.recipe import FolderRecipe

from .clock import paired_seconds, say, seconds_of
from .report import Options, Report, Row, Table

MODELS, DEVICES = 8, 5
ALLOWED = 5.0
"""Time in s that the check of 20 000 small files may take."""


def measure(options: Options) -> Report:
    """Time both."""
    many, few, large, crop = (80, 6, (600, 400), 32) if options.quick else (20_000, 12, (4032, 3024), 512)
    report = Report("reading")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        small = write(root / "small", many, (80, 64))
        say(f"{many} small files")
        ours = seconds_of(lambda: check(root / "small", 32))
        peer = seconds_of(lambda: decode(small, cores()))
        report.rows.append(Row(work=f"check, {many} photographs of 80x64 px", ours=ours, peer=peer))
        found = "not measured" if options.quick else f"{ours:.1f} s, {'met' if ours < ALLOWED else 'missed'}"
        report.tables.append(
            Table(title="Check of a folder", headers=("files", "allowed", "found"), rows=((str(many), "5 s", found),))
        )
        files = write(root / "large", few, large)
        say(f"{few} files of {large[0]}x{large[1]} px")
        turns = iter(range(100))

        def built() -> None:
            # A cache of its own each time: a data set that is there is opened and not built.
            recipe = FolderRecipe(path=str(root / "large"), size=crop, split_rule="photograph")
            build(recipe, root / f"cache{next(turns)}", workers=1)

        ours, peer = paired_seconds(built, lambda: decode(files, 1), 1 if options.quick else 3)
        work = f"build, {few} photographs of {large[0]}x{large[1]} px, one process"
        report.rows.append(Row(work=work, ours=ours, peer=peer, wanted=1.0))
    report.notes.append(
        f"The peer decodes every file with Pillow to RGB, without draft mode, in as many threads ({cores()} for the "
        "check, one for the build), and does nothing else: no digest, no look for copies, no split, no writing."
    )
    return report


def write(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write JPEG files named as the Dresden database's, of soft shapes under noise as a sensor's, (width, height)."""
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 4, (size[1], size[0], 1)).astype(np.float32)
    models, files = min(MODELS, count // 3), []
    for number in range(count):
        rough = Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8))
        picture = np.asarray(rough.resize(size, Image.Resampling.BICUBIC)) + grain
        model, device = number % models, number // models % DEVICES
        file = folder / f"Acme_M{model}_{device}" / f"Acme_M{model}_{device}_{number}.JPG"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(file, quality=92)
        files.append(file)
    return files


def decode(files: list[Path], threads: int) -> None:
    """Decode files to RGB."""

    def one(file: Path) -> int:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB")).size

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, files))
