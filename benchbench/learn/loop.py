"""One training loop for every network: epochs, checkpoints that resume exactly, validation, best epoch kept."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchbench.base.errors import BenchError
from benchbench.base.memory import give_back, keep_freed
from benchbench.contracts.fit import FitContext
from benchbench.contracts.profile import Precision
from benchbench.learn.precision import precision_used

Schedule = Literal["constant", "step", "one-cycle"]


def make_schedule(
    optimizer: torch.optim.Optimizer,
    kind: Schedule,
    learning_rates: list[float],
    steps: int,
    milestones: tuple[int, ...] = (),
    gamma: float = 0.1,
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return a per-step learning-rate schedule; `milestones` are in steps, one peak rate a parameter group."""
    if kind == "one-cycle":
        total = max(steps, 4)
        return torch.optim.lr_scheduler.OneCycleLR(
            # At least two steps of warm-up: torch divides by the length of the phase less one.
            optimizer,
            learning_rates,
            total_steps=total,
            pct_start=max(0.25, 2 / total),
            cycle_momentum=False,
        )
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, list(milestones) if kind == "step" else [], gamma)


@dataclass
class Loop:
    """The state of a training run and the loop over it.

    Args:
        modules: everything with weights or buffers that training changes.
        optimizers, schedules: saved and restored with the weights.
        keep: the module whose best state is the result.
        step: trains on one batch and returns a loss for the progress line.
        precision: the recipe's; the record says what it came to on the device.
        score: validates; the highest is best, the later of equals (a one-cycle run ends better than it began).
        tied: what the first part of a score may fall short of the highest by and count as equal to it.
    """

    modules: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    schedules: dict[str, torch.optim.lr_scheduler.LRScheduler]
    keep: str
    step: Callable[[torch.Generator], Tensor]
    score: Callable[[], tuple[float, ...]]
    epochs: int
    steps_per_epoch: int
    validate_every: int
    precision: Precision
    seed: int
    tied: float = 0.0
    checkpoint_seconds: float = 15.0
    curve: list[dict[str, Any]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    """The precisions trained in, one after the other: another machine may go on where one has stopped."""
    seconds: float = 0.0
    """What earlier processes took for the steps that this one goes on from."""
    _began: float = 0.0

    def _state(self, epoch: int, generator: torch.Generator, best: tuple[Any, ...]) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "modules": {k: m.state_dict() for k, m in self.modules.items()},
            "optimizers": {k: o.state_dict() for k, o in self.optimizers.items()},
            "schedules": {k: s.state_dict() for k, s in self.schedules.items()},
            "generator": generator.get_state(),
            "rng": torch.random.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "best": best,
            "curve": self.curve,
            "used": self.used,
            "seconds": self.seconds + time.monotonic() - self._began,
        }

    def run(self, context: FitContext) -> dict[str, Tensor]:
        """Train from the checkpoint or from the start; return the best state of `keep`, `half_precise`, on the CPU."""
        keep_freed()
        self._began = time.monotonic()
        torch.manual_seed(self.seed)
        generator = torch.Generator().manual_seed(self.seed + 1)
        best: tuple[Any, ...] = ((-float("inf"),), None)
        first = 0
        if context.checkpoint.is_file():
            best, first = self._restored(context, generator)
            # From here on a failure is none of the checkpoint's.
            context.progress(first * self.steps_per_epoch, self.epochs * self.steps_per_epoch, "")
        here = precision_used(self.precision, context.device)
        if not self.used or self.used[-1] != here:
            self.used = [*self.used, here]
        total = self.epochs * self.steps_per_epoch
        last_save = last_report = time.monotonic()
        for epoch in range(first, self.epochs):
            for module in self.modules.values():
                module.train()
            running = torch.zeros(())
            for step in range(self.steps_per_epoch):
                running = self.step(generator)
                for schedule in self.schedules.values():
                    schedule.step()
                if time.monotonic() - last_report > 0.5:
                    last_report = time.monotonic()
                    context.progress(epoch * self.steps_per_epoch + step + 1, total, f"loss {float(running):.3f}")
            done = epoch + 1
            if done % self.validate_every == 0 or done == self.epochs:
                for module in self.modules.values():
                    module.eval()
                if not math.isfinite(float(running)):
                    raise BenchError(
                        f"training diverged: the loss is {float(running)} after {done * self.steps_per_epoch} steps; "
                        "a smaller learning rate may help."
                    )
                score = tuple(float(s) for s in self.score())
                self.curve.append({"epoch": done, "loss": round(float(running), 5), "score": list(score)})
                highest = max(entry["score"][0] for entry in self.curve)
                if score >= tuple(best[0]) or (self.tied and score[0] >= highest - self.tied):
                    kept = self.modules[self.keep].state_dict()
                    best = (score, {k: v.detach().to("cpu", copy=True) for k, v in kept.items()})
            give_back()
            if done < self.epochs and time.monotonic() - last_save > self.checkpoint_seconds:
                self._save(self._state(done, generator, best), context.checkpoint)
                last_save = time.monotonic()
            context.progress(done * self.steps_per_epoch, total, f"loss {float(running):.3f}")
        context.facts["curve"] = self.curve
        context.facts["precision"] = ", then ".join(self.used)
        context.facts["score"] = list(best[0])
        return half_precise(best[1])

    def _save(self, state: dict[str, Any], path: Path) -> None:
        """Write a checkpoint; where the disk is full, say so, and train on without."""
        try:
            save_checkpoint(state, path)
        except (OSError, RuntimeError) as error:  # torch raises the latter where a write fails
            path.with_suffix(".tmp").unlink(missing_ok=True)
            logging.getLogger("benchbench").warning(
                "the checkpoint '%s' cannot be written (%s); training goes on without it.", path, str(error)[:100]
            )

    def _restored(self, context: FitContext, generator: torch.Generator) -> tuple[tuple[Any, ...], int]:
        """Take over what the checkpoint holds; return the best score with its state, and the next epoch."""
        saved = torch.load(context.checkpoint, map_location="cpu", weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(saved["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        for name, schedule in self.schedules.items():
            schedule.load_state_dict(saved["schedules"][name])
        generator.set_state(saved["generator"])
        torch.random.set_rng_state(saved["rng"])
        if torch.cuda.is_available():  # the machine that wrote it may have had more of them
            for number, state in enumerate(saved["cuda_rng"][: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(state, number)
        self.curve = saved["curve"]
        self.used = saved.get("used", [])  # a checkpoint may come from another version
        self.seconds = context.earlier_seconds = saved.get("seconds", 0.0)
        return saved["best"], saved["epoch"]


def half_precise(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Round the weights of layers to what half precision holds, so that a zoo stores them in half the bytes, exactly.

    Biases and batch norm, a few numbers a layer, keep their precision: a variance may be too small for half.
    """
    return {
        name: value.half().to(value.dtype) if value.is_floating_point() and value.ndim > 1 else value
        for name, value in state.items()
    }


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
