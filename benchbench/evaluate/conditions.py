"""What targets see of a crafted photograph: unrounded values, 8 bits, or a JPEG file of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from torch import Tensor

from benchbench.contracts.protocol import Protocol
from benchbench.evaluate.measures import eight_bits, rescale

if TYPE_CHECKING:
    from benchbench.contracts.photographs import Dataset

TARGET = "jpeg-target"


@dataclass(frozen=True)
class JpegTables:
    """How a camera model compresses: what Pillow needs to write a JPEG file like it."""

    tables: Mapping[int, list[int]]
    """Quantization tables by number, 64 entries each."""
    subsampling: int
    """Of color: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0."""


def crafted(x: Tensor, changed: Tensor, protocol: Protocol) -> Tensor:
    """Return the photographs that the attacker hands over: within the protocol's budget, of 8 bits unless 'float'.

    Args:
        x: the originals, (N, 3, H, W) in [0, 1].
        changed: what the attack made of them.
    """
    rounded = protocol.condition != "float"
    if protocol.budget is not None:
        return rescale(x, changed, protocol.budget, rounded=rounded)
    return eight_bits(changed) if rounded else changed


def seen(handed: Tensor, wanted: NDArray[np.int64], protocol: Protocol, tables: Mapping[int, JpegTables]) -> Tensor:
    """Return what targets see of photographs that the attacker handed over.

    Args:
        handed: (N, 3, H, W) in [0, 1].
        wanted: wanted class of each.
        tables: of each wanted class, for 'jpeg-target'.
    """
    if protocol.condition == TARGET:
        options: list[dict[str, Any]] = [
            {"qtables": dict(tables[int(c)].tables), "subsampling": tables[int(c)].subsampling} for c in wanted
        ]
    elif protocol.condition.startswith("jpeg-"):
        options = [{"quality": int(protocol.condition.removeprefix("jpeg-"))}] * len(handed)
    else:
        return handed
    return jpeg(handed, options)


def jpeg(x: Tensor, options: list[dict[str, Any]]) -> Tensor:
    """Save each photograph as a JPEG file and read it back.

    Args:
        x: (N, 3, H, W) in [0, 1].
        options: of Pillow's JPEG writer, one mapping a photograph.
    """
    levels = x.mul(255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    found = []
    for picture, choice in zip(levels, options, strict=True):
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", **choice)
        with Image.open(file) as image:
            found.append(np.asarray(image))
    return torch.from_numpy(np.stack(found)).to(x.device).permute(0, 3, 1, 2).to(x.dtype).div_(255)


def camera_tables(dataset: Dataset) -> dict[int, JpegTables]:
    """Return the tables of each known camera model, from its first JPEG file in q; a model without one is left out."""
    labels = dataset.photos("q").camera
    found = {}
    for c in range(dataset.known):
        rows = np.flatnonzero(labels == c)
        content = dataset.camera_file("q", int(rows[0])) if len(rows) else None
        if content is not None:
            with Image.open(BytesIO(content)) as image:
                quantization = getattr(image, "quantization", None)
                sampling = JpegImagePlugin.get_sampling(image)
                if quantization:
                    tables = {int(k): list(v) for k, v in quantization.items()}
                    found[c] = JpegTables(tables, sampling if sampling >= 0 else 0)
    return found
