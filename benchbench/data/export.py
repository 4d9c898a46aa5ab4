"""Data sets for other eyes: JPEG files with EXIF and Dresden names, and a contact sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchbench.base.errors import DataError
from benchbench.base.files import replace_file
from benchbench.contracts.photographs import Dataset
from benchbench.contracts.roles import ROLES


def export(dataset: Dataset, directory: Path | str, *, progress: Callable[[str, int, int], None] | None = None) -> int:
    """Write the virtual cameras' own JPEG files and a manifest.csv; return their number.

    The center crops of the decoded files are the data set's pixels exactly. The manifest adds the role and the
    scene, which names cannot tell.

    Raises:
        DataError: the data set is a folder of real photographs, which are files already.
    """
    out = Path(directory)
    total = sum(len(dataset.labels(role)["camera"]) for role in ROLES)
    rows: list[tuple[str, str, int, int, str]] = []
    for role in ROLES:
        labels = dataset.labels(role)
        for k, name in enumerate(labels["name"].tolist()):
            jpeg = dataset.jpeg(role, k)
            if jpeg is None:
                raise DataError(
                    f"'{dataset.name}' holds real photographs, which are files already; export writes virtual ones."
                )
            out.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(jpeg)
            camera = dataset.camera_models[int(labels["camera"][k])]
            rows.append((name, camera, int(labels["device"][k]), int(labels["scene"][k]), role))
            if progress is not None:
                progress("files", len(rows), total)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "camera_model", "device", "scene", "role"))
    writer.writerows(rows)
    replace_file(out / "manifest.csv", lambda file: file.write(text.getvalue().encode()))
    return len(rows)


def contact_sheet(dataset: Dataset, path: Path | str, *, columns: int = 8, thumbnail: int = 160) -> None:
    """Draw a row of photographs for each camera model, from all roles and devices; thumbnails of `thumbnail` px."""
    caption = 18
    rows = len(dataset.camera_models)
    sheet = Image.new("RGB", (columns * thumbnail, rows * (thumbnail + caption)), "white")
    draw = ImageDraw.Draw(sheet)
    photos = {role: dataset.photos(role) for role in ROLES}
    for c, model in enumerate(dataset.camera_models):
        top = c * (thumbnail + caption)
        kind = "known" if c < dataset.known else "unknown"
        draw.text((4, top + 3), f"{c + 1}  {model}  ({kind})", fill="black")
        found = [(role, int(k)) for role in ROLES for k in np.flatnonzero(photos[role].camera == c)]
        picks = (
            [found[k] for k in np.unique(np.linspace(0, len(found) - 1, min(columns, len(found))).astype(int))]
            if found
            else []
        )
        for column, (role, k) in enumerate(picks):
            image = Image.fromarray(np.asarray(photos[role].images[k])).resize(
                (thumbnail, thumbnail), Image.Resampling.LANCZOS
            )
            sheet.paste(image, (column * thumbnail, top + caption))
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
