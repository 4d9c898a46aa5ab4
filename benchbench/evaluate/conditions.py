"""The built-in conditions: unrounded values, 8 bits, or a JPEG file of them. torch is imported when it is needed."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchbench.base.jpeg import JpegCoding
from benchbench.contracts.condition import Condition

if TYPE_CHECKING:
    from torch import Tensor

    from benchbench.contracts.photographs import Dataset
    from benchbench.contracts.protocol import Protocol
    from benchbench.contracts.source import Facts


class Uint8(Condition):
    """Rounded photographs: what a file can hold."""

    name = "uint8"
    order = 0
    text = "targets see rounded 8-bit photographs"

    def show(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> Tensor:
        """Return them as they are handed over."""
        return x


class Float(Condition):
    """The first paper's: what no file can hold."""

    name = "float"
    order = 1
    text = "targets see unrounded values, as in the paper"
    rounded: ClassVar[bool] = False

    def show(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> Tensor:
        """Return them as they are handed over."""
        return x


class _Jpeg(Condition):
    quality: ClassVar[int]

    def show(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> Tensor:
        """Save each at this quality and read it back."""
        return jpeg(x, [{"quality": self.quality}] * len(x))

    def files(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> list[tuple[str, bytes]]:
        """Return the JPEG files."""
        return [(".jpg", content) for content in jpeg_files(x, [{"quality": self.quality}] * len(x))]


class Jpeg90(_Jpeg):
    """JPEG, quality 90."""

    name, quality = "jpeg-90", 90
    order = 2
    text = "targets see photographs saved as JPEG, quality 90"


class Jpeg75(_Jpeg):
    """JPEG, quality 75."""

    name, quality = "jpeg-75", 75
    order = 3
    text = "targets see photographs saved as JPEG, quality 75"


class JpegTarget(Condition):
    """JPEG with the quantization tables of the wanted camera model.

    Source: Cozzolino et al. 2019, table 4.
    """

    name = "jpeg-target"
    order = 4
    text = "targets see photographs saved as JPEG with the wanted camera model's quantization tables"
    reads_wanted: ClassVar[bool] = True

    def why_not(self, facts: Facts) -> str:
        """Say of which wanted camera model no JPEG file is known."""
        for c, sampling in sorted(facts.jpeg_faults.items()):
            return f"the JPEG files of '{facts.camera_models[c]}' are sampled {sampling}, which cannot be written alike"
        unknown = [c for c in range(facts.known) if c not in facts.jpeg_models]
        if unknown:
            return f"the JPEG tables of '{facts.camera_models[unknown[0]]}' are not known: no JPEG file of it in q"
        return ""

    def prepare(self, dataset: Dataset) -> dict[int, JpegCoding]:
        """Return how each known camera model compresses."""
        return dataset.jpeg_codings()

    def show(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> Tensor:
        """Save each as its wanted camera model would, and read it back."""
        return jpeg(x, self._options(wanted, prepared))

    def files(self, x: Tensor, wanted: NDArray[np.int64], prepared: Any) -> list[tuple[str, bytes]]:
        """Return the JPEG files."""
        return [(".jpg", content) for content in jpeg_files(x, self._options(wanted, prepared))]

    def _options(self, wanted: NDArray[np.int64], prepared: Any) -> list[dict[str, Any]]:
        codings: list[JpegCoding] = [prepared[int(c)] for c in wanted]
        # A table a component, so that each has its camera's own.
        return [{"qtables": [list(t) for t in c.tables], "subsampling": c.subsampling} for c in codings]


def crafted(x: Tensor, changed: Tensor, protocol: Protocol, rounded: bool) -> Tensor:
    """Return the photographs that the attacker hands over: within the protocol's budget, of 8 bits if `rounded`.

    Args:
        x: the originals, (N, 3, H, W) in [0, 1].
        changed: what the attack made of them.
    """
    from benchbench.evaluate.distortion import eight_bits, rescale

    if protocol.budget is not None:
        return rescale(x, changed, protocol.budget, rounded=rounded)
    return eight_bits(changed) if rounded else changed


def jpeg_files(x: Tensor, options: list[dict[str, Any]]) -> list[bytes]:
    """Return each photograph as a JPEG file.

    Args:
        x: (N, 3, H, W) in [0, 1].
        options: of Pillow's JPEG writer, one mapping a photograph.
    """
    import torch
    from PIL import Image

    levels = x.mul(255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    found = []
    for picture, choice in zip(levels, options, strict=True):
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", **choice)
        found.append(file.getvalue())
    return found


def jpeg(x: Tensor, options: list[dict[str, Any]]) -> Tensor:
    """Save each photograph as a JPEG file, see `jpeg_files`, and read it back."""
    import torch
    from PIL import Image

    found = []
    for content in jpeg_files(x, options):
        with Image.open(BytesIO(content), formats=("JPEG",)) as image:
            found.append(np.asarray(image))
    return torch.from_numpy(np.stack(found)).to(x.device).permute(0, 3, 1, 2).to(x.dtype).div_(255)
