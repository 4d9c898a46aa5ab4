"""An attack that is a folder of crafted photographs: nothing is computed, each file is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import AttackError
from benchbench.base.identity import apart, since
from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.contracts.layout import FORMATS
from benchbench.evaluate.networks import to_tensor
from benchbench.records.crafted import pixel_digest

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Submitted(Attack):
    """Crafted photographs, from whoever made them. Their digest is their identity.

    Attributes:
        photographs: digest of all files and of what each stands for.
        condition: under which they were written; targets see the files as they are.
        about: the card that their makers give them.
        folder: where the files are.
        files: path below the folder, by digest of the original's pixels and wanted camera model.
        models: camera models, by class.
    """

    photographs: str
    condition: str = field(default="uint8", metadata=since("0.3"))
    about: AttackCard = field(metadata=apart())
    folder: Path = field(metadata=apart())
    files: Mapping[tuple[str, str], str] = field(metadata=apart(), repr=False)
    models: tuple[str, ...] = field(metadata=apart(), repr=False)

    @property
    def card(self) -> AttackCard:  # type: ignore[override]  # each folder has its own
        """The card."""
        return self.about

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Return the file of each photograph and wanted class.

        Raises:
            AttackError: a file is not a photograph of the size of its original.
        """
        originals = x.mul(255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        found = [
            self._read(self.files[pixel_digest(original), self.models[int(c)]], original.shape)
            for original, c in zip(originals, wanted, strict=True)
        ]
        return to_tensor(np.stack(found), x.device)

    def _read(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        from PIL import Image

        path = self.folder / name
        try:
            with Image.open(path, formats=FORMATS) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise AttackError(f"'{path}' cannot be read as a photograph ({error}).") from None
        if pixels.shape != shape:
            here, there = (f"{s[1]} x {s[0]}" for s in (pixels.shape, shape))
            raise AttackError(f"'{path}' has {here} pixels; its original has {there}.")
        return pixels
