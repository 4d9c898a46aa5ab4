"""Plain filters as baselines: what blunt editing does to camera traces (Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from benchbench.attack import Attack, AttackCard, CraftContext
from benchbench.conditions import jpeg

PAPER = "Chen et al., Camera trace erasing, CVPR 2020, section 5 (SiamTE is compared with these filters)"


def _odd(size: int) -> None:
    if size < 3 or size % 2 == 0:
        raise ValueError(f"size is {size}; an odd number of at least 3 is expected")


@dataclass(frozen=True, kw_only=True)
class Median(Attack):
    """The median of each color over a square.

    Attributes:
        size: side of the square in px, odd. Photographs are mirrored at their borders.
    """

    size: int = 3

    card: ClassVar[AttackCard] = AttackCard(
        name="median", title="median filter", version=1, knowledge="none", targeted=False, baseline=True, paper=PAPER
    )

    def __post_init__(self) -> None:
        _odd(self.size)

    @property
    def name(self) -> str:
        """The name in tables: 'median-3'."""
        return f"median-{self.size}"

    def perturb(self, x: Tensor, source: Tensor | None, target: Tensor, context: CraftContext) -> Tensor:
        """Filter."""
        pad = self.size // 2
        padded = F.pad(x, (pad, pad, pad, pad), mode="reflect")
        windows = padded.unfold(2, self.size, 1).unfold(3, self.size, 1)
        return windows.flatten(4).median(dim=4).values


@dataclass(frozen=True, kw_only=True)
class GaussianBlur(Attack):
    """A Gaussian window.

    Attributes:
        size: side of the window in px, odd; sigma is 0.3 (size / 2 - 1.5) + 0.8 px, as OpenCV takes it from the size.
    """

    size: int = 3

    card: ClassVar[AttackCard] = AttackCard(
        name="gaussian", title="Gaussian blur", version=1, knowledge="none", targeted=False, baseline=True, paper=PAPER
    )

    def __post_init__(self) -> None:
        _odd(self.size)

    @property
    def name(self) -> str:
        """The name in tables: 'gaussian-3'."""
        return f"gaussian-{self.size}"

    @property
    def sigma(self) -> float:
        """Standard deviation in px."""
        return 0.3 * ((self.size - 1) / 2 - 1) + 0.8

    def perturb(self, x: Tensor, source: Tensor | None, target: Tensor, context: CraftContext) -> Tensor:
        """Filter."""
        pad = self.size // 2
        places = torch.arange(self.size, device=x.device, dtype=x.dtype) - pad
        row = torch.exp(-places.square() / (2 * self.sigma**2))
        row = (row / row.sum()).repeat(x.shape[1], 1, 1, 1)
        padded = F.pad(x, (pad, pad, pad, pad), mode="reflect")
        smooth = F.conv2d(F.conv2d(padded, row, groups=x.shape[1]), row.transpose(2, 3), groups=x.shape[1])
        return smooth.clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Compression(Attack):
    """A JPEG file with libjpeg's standard tables and 4:2:0 color.

    Attributes:
        quality: 1 to 100.
    """

    quality: int = 50

    card: ClassVar[AttackCard] = AttackCard(
        name="jpeg", title="JPEG", version=1, knowledge="none", targeted=False, baseline=True, paper=PAPER
    )

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality is {self.quality}; 1 to 100 is expected")

    @property
    def name(self) -> str:
        """The name in tables: 'jpeg-50'."""
        return f"jpeg-{self.quality}"

    def perturb(self, x: Tensor, source: Tensor | None, target: Tensor, context: CraftContext) -> Tensor:
        """Save and read back."""
        return jpeg(x, [{"quality": self.quality, "subsampling": 2}] * len(x))


def filters() -> Mapping[str, Callable[..., Attack]]:
    """Return the baselines by name."""
    found: dict[str, Callable[..., Attack]] = {}
    for size in (3, 5):
        found[f"median-{size}"] = partial(Median, size=size)
        found[f"gaussian-{size}"] = partial(GaussianBlur, size=size)
    return found | {f"jpeg-{quality}": partial(Compression, quality=quality) for quality in (30, 40, 50)}
