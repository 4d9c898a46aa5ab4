"""Fits whose result is a stack of images: what does not change during training is computed once per photograph."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from benchbench.base.errors import StoreError
from benchbench.base.identity import since
from benchbench.contracts.fit import Fit, FitContext
from benchbench.contracts.preprocessor import PREPROCESSORS

Role = Literal["q", "p"]


def write_stack(
    context: FitContext,
    role: Role,
    transform: Callable[[Tensor], Tensor],
    dtype: type[np.generic],
    batch: int = 8,
    channels: int = 3,
) -> None:
    """Run `transform`, (n, 3, H, W) in [0, 1] to (n, channels, H, W), over photographs of `role` into stack.npy.

    Raises:
        StoreError: the disk has no room for it.
    """
    photos = context.data.photos(role)
    shape = (*photos.images.shape[:3], channels)
    path = context.folder / "stack.npy"
    stack = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    _reserve(path)
    for start in range(0, len(photos), batch):
        x = torch.from_numpy(np.array(photos.images[start : start + batch])).to(context.device)
        with torch.inference_mode():
            y = transform(x.permute(0, 3, 1, 2).float() / 255).permute(0, 2, 3, 1)
        y = (y * 255).round().clamp(0, 255).byte() if dtype is np.uint8 else y
        stack[start : start + batch] = y.cpu().numpy().astype(dtype)
        context.progress(min(start + batch, len(photos)), len(photos), "photographs")
    stack.flush()


def _reserve(path: Path) -> None:
    """Take the room that a mapped file will need: where the disk is full, writing into the map ends the process."""
    if hasattr(os, "posix_fallocate"):  # not on Macs
        try:
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            raise StoreError(f"'{path}' cannot be written ({error.strerror or error}).") from error


@dataclass(frozen=True, kw_only=True)
class StackFit(Fit):
    """Base of the fits that give a memory-mapped stack (N, H, W, C) in the order of `data.photos(role)`."""

    stands_alone: ClassVar[bool] = True

    role: Role

    def load(self, state: dict[str, Tensor], arrays: Mapping[str, np.ndarray], needs: Mapping[str, Any]) -> np.ndarray:
        """Return the stack."""
        return arrays["stack"]


@dataclass(frozen=True, kw_only=True)
class WholeImages(StackFit):
    """What a whole-image preprocessor gives, Wiener residuals unless another is named; float16."""

    kind: ClassVar[str] = "benchbench.learn.arrays.WienerResiduals"

    preprocessor: str = field(default="ww", metadata=since("0.2"))

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"{PREPROCESSORS.get(self.preprocessor).title or self.preprocessor} of {self.role}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 12_000.0

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Compute and write the stack."""
        preprocessor = PREPROCESSORS.create(self.preprocessor).to(context.device)
        write_stack(context, self.role, preprocessor, np.float16, channels=preprocessor.channels)
        return {}

    def spec(self) -> dict[str, Any]:
        """See `Fit.spec`; the preprocessor's version is in it once it is above 1."""
        version = PREPROCESSORS.get(self.preprocessor).version
        return super().spec() | ({"versions": {"preprocessor": version}} if version != 1 else {})


@dataclass(frozen=True, kw_only=True)
class NetworkResiduals(StackFit):
    """High-frequency parts x_H = E0(x) in the [-1, 1] scale, float16."""

    kind: ClassVar[str] = "benchbench.learn.arrays.NetworkResiduals"
    network: Fit

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"learned residuals of {self.role}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 12_000.0

    def needs(self) -> Mapping[str, Fit]:
        """The residual network E0."""
        return {"network": self.network}

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Compute and write the stack."""
        network = context.needs["network"].to(context.device)
        write_stack(context, self.role, lambda x: network(x * 2 - 1), np.float16)
        return {}


@dataclass(frozen=True, kw_only=True)
class Remosaiced(StackFit):
    """Photographs after an RGGB mosaic and Menon demosaicing, rounded to uint8: the input of the generators."""

    kind: ClassVar[str] = "benchbench.learn.arrays.Remosaiced"

    @property
    def label(self) -> str:
        """The name in progress bars."""
        return f"re-mosaiced {self.role}"

    @property
    def cost(self) -> float:
        """See `Fit.cost`."""
        return 12_000.0

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Compute and write the stack."""
        from benchbench.forensics import remosaic

        write_stack(context, self.role, remosaic, np.uint8)
        return {}
