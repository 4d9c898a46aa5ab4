"""Plain filters as baselines: what blunt editing does to camera traces (Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.contracts.attack import Attack, AttackCard, CraftContext
from benchbench.evaluate.conditions import jpeg

PAPER = "Chen et al., Camera trace erasing, CVPR 2020, section 5 (SiamTE is compared with these filters)"


def _card(name: str, title: str) -> AttackCard:
    return AttackCard(name=name, title=title, version=1, knowledge="none", targeted=False, baseline=True, paper=PAPER)


@dataclass(frozen=True, kw_only=True)
class Window(Attack):
    """A filter over a square window, photographs mirrored at their borders.

    Attributes:
        size: side of the window in px, odd.
    """

    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 3 or self.size % 2 == 0:
            raise ValueError(f"size is {self.size}; an odd number of at least 3 is expected")

    @property
    def name(self) -> str:
        """The name in tables: 'median-3'."""
        return f"{self.card.name}-{self.size}"

    def padded(self, x: Tensor) -> Tensor:
        """Return photographs with half a window more on each side, (N, 3, H + size - 1, W + size - 1)."""
        pad = self.size // 2
        return F.pad(x, (pad, pad, pad, pad), mode="reflect")


@dataclass(frozen=True, kw_only=True)
class Median(Window):
    """The median of each color over the window."""

    card: ClassVar[AttackCard] = _card("median", "median filter")

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Filter."""
        windows = self.padded(x).unfold(2, self.size, 1).unfold(3, self.size, 1)
        return windows.flatten(4).median(dim=4).values


@dataclass(frozen=True, kw_only=True)
class GaussianBlur(Window):
    """A Gaussian window; sigma is 0.3 ((size - 1) / 2 - 1) + 0.8 px, as OpenCV takes it from the size."""

    card: ClassVar[AttackCard] = _card("gaussian", "Gaussian blur")

    @property
    def sigma(self) -> float:
        """Standard deviation in px."""
        return 0.3 * ((self.size - 1) / 2 - 1) + 0.8

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Filter."""
        places = torch.arange(self.size, device=x.device, dtype=x.dtype) - self.size // 2
        row = torch.exp(-places.square() / (2 * self.sigma**2))
        row = (row / row.sum()).repeat(x.shape[1], 1, 1, 1)
        smooth = F.conv2d(F.conv2d(self.padded(x), row, groups=x.shape[1]), row.transpose(2, 3), groups=x.shape[1])
        return smooth.clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Compression(Attack):
    """A JPEG file with libjpeg's standard tables and 4:2:0 color.

    Attributes:
        quality: 1 to 100.
    """

    quality: int = 50

    card: ClassVar[AttackCard] = _card("jpeg", "JPEG")

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; 1 to 100 is expected")

    @property
    def name(self) -> str:
        """The name in tables: 'jpeg-50'."""
        return f"jpeg-{self.quality}"

    def perturb(self, x: Tensor, true: Tensor | None, wanted: Tensor, context: CraftContext) -> Tensor:
        """Save and read back."""
        return jpeg(x, [{"quality": self.quality, "subsampling": 2}] * len(x))


def filters() -> Mapping[str, Callable[..., Attack]]:
    """Return the baselines by name."""
    found: dict[str, Callable[..., Attack]] = {}
    for size in (3, 5):
        found[f"median-{size}"] = partial(Median, size=size)
        found[f"gaussian-{size}"] = partial(GaussianBlur, size=size)
    return found | {f"jpeg-{quality}": partial(Compression, quality=quality) for quality in (30, 40, 50)}
