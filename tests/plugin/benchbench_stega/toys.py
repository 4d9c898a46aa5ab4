"""Targets that name the nearest color, and the fit that learns the colors, slowly if asked to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from benchbench.contracts.fit import Fit, FitContext, Setup
from benchbench.contracts.target import Overlap, Target, TargetCard


@dataclass(frozen=True, kw_only=True)
class Means(Fit):
    """The mean picture of each class: an array, and a parent of Centers."""

    kind: ClassVar[str] = "stega/means"
    role: str
    classes: int

    @property
    def label(self) -> str:
        return f"means {self.role} {self.classes}"

    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        photos = context.data.photos(self.role)
        means = np.stack([photos.images[photos.camera == c].mean(axis=0) for c in range(self.classes)]) / 255
        np.save(context.folder / "means.npy", means)
        return {}

    def load(self, state: dict[str, torch.Tensor], arrays: Mapping[str, Any], needs: Mapping[str, Any]) -> Any:
        return arrays["means"]


@dataclass(frozen=True, kw_only=True)
class Centers(Fit):
    """The mean color of each class, in steps with a checkpoint."""

    kind: ClassVar[str] = "stega/centers"
    stands_alone: ClassVar[bool] = True
    role: str
    classes: int
    gray: bool = False
    steps: int = 3
    delay: float = 0.0
    fail: bool = False

    @property
    def label(self) -> str:
        return f"centers {self.role} {self.classes}{' gray' if self.gray else ''}"

    @property
    def cost(self) -> float:
        return float(self.steps)

    def needs(self) -> Mapping[str, Fit]:
        return {"means": Means(role=self.role, classes=self.classes, seed=self.seed)}

    def run(self, context: FitContext) -> dict[str, torch.Tensor]:
        if self.fail:
            raise RuntimeError("no convergence")
        start, total = 0, torch.zeros(self.classes, 3)
        if context.checkpoint.exists():
            saved = torch.load(context.checkpoint)
            start, total = saved["step"], saved["total"]
        means = torch.from_numpy(np.array(context.needs["means"])).float().mean(dim=(1, 2))
        for step in range(start, self.steps):
            time.sleep(self.delay)
            total = total + means / self.steps
            temporary = context.checkpoint.with_suffix(".tmp")
            torch.save({"step": step + 1, "total": total}, temporary)
            temporary.replace(context.checkpoint)
            context.progress(step + 1, self.steps, "")
        context.facts["started_at"] = start
        return {"centers": total.mean(dim=1, keepdim=True).expand(-1, 3) if self.gray else total}

    def load(self, state: dict[str, torch.Tensor], arrays: Mapping[str, Any], needs: Mapping[str, Any]) -> Any:
        return Nearest(state["centers"])


class Mean(torch.nn.Module):
    key = "mean"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


class Closest(torch.nn.Module):
    def __init__(self, centers: torch.Tensor) -> None:
        super().__init__()
        self.centers = torch.nn.Parameter(centers)

    def forward(self, colors: torch.Tensor) -> torch.Tensor:
        return -(colors[:, None] - self.centers).square().sum(dim=2)


class Nearest(torch.nn.Module):
    """Classes by color; offers its preprocessor for sharing."""

    def __init__(self, centers: torch.Tensor) -> None:
        super().__init__()
        self.preprocessor = Mean()
        self.classify = Closest(centers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.preprocessor(x))


@dataclass(frozen=True, kw_only=True)
class Toy(Target):
    look: str
    overlap: Overlap
    steps: int = 3
    delay: float = 0.0
    fail: bool = False

    @property
    def card(self) -> TargetCard:
        name = f"toy/{self.look}/{self.overlap}"
        return TargetCard(name=name, backbone="toy", preprocessor=self.look, overlap=self.overlap)

    def fits(self, setup: Setup) -> Mapping[str, Fit]:
        return {
            "centers": Centers(
                role="p",
                classes=self.classes(setup),
                gray=self.look == "gray",
                steps=self.steps,
                delay=self.delay,
                fail=self.fail,
                seed=setup.seed,
            )
        }

    def load(self, networks: Mapping[str, Any], device: torch.device) -> torch.nn.Module:
        return networks["centers"].to(device)


def toys() -> Mapping[str, Callable[..., Toy]]:
    return {f"toy/{k}/{o}": partial(Toy, look=k, overlap=o) for k in ("rgb", "gray") for o in ("complete", "partial")}
