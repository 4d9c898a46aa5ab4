"""The course of a training: what its recipe says of epochs, steps and rates, from optimizers to the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchbench.contracts.fit import FitContext
from benchbench.contracts.profile import CganRecipe, ErasingRecipe, Precision, Recipe, ResidualRecipe
from benchbench.learn.loop import Loop, Schedule, make_schedule

Optimizers = Mapping[str, torch.optim.Optimizer]
PatchRecipe = Recipe | ResidualRecipe | ErasingRecipe | CganRecipe
"""Those that count patches, and batches of them."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long a training goes on, and how its rates fall: by 'step', to `gamma` of them after each of `milestones`."""

    epochs: int
    steps: int
    """Of an epoch."""
    schedule: Schedule
    precision: Precision
    validate_every: int = 1
    milestones: tuple[int, ...] = ()
    """In epochs."""
    gamma: float = 0.1
    tied: float = 0.0
    """Scores that count as equal, see `Loop`."""

    @classmethod
    def of(cls, recipe: PatchRecipe, batch: int | None = None) -> Course:
        """Return the course that a recipe describes. batch: patches of a step, where they are not the recipe's."""
        falls = recipe if isinstance(recipe, Recipe) else cls
        return cls(
            epochs=recipe.epochs,
            steps=max(1, recipe.patches_per_epoch // (batch or recipe.batch)),
            schedule=recipe.schedule,
            precision=recipe.precision,
            validate_every=1 if isinstance(recipe, ResidualRecipe) else recipe.validate_every,
            milestones=falls.milestones,
            gamma=falls.gamma,
            tied=recipe.tied if isinstance(recipe, CganRecipe) else 0.0,
        )

    @classmethod
    def cut(cls, steps: int, parts: int, schedule: Schedule, precision: Precision, validate_every: int = 1) -> Course:
        """Return the course of so many steps, cut into parts for checkpoints and validation."""
        each = max(1, steps // parts)
        return cls(epochs=parts, steps=each, schedule=schedule, precision=precision, validate_every=validate_every)

    def train(
        self,
        context: FitContext,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Callable[[torch.Generator], Tensor],
        score: Callable[[], tuple[float, ...]],
        seed: int,
        after: Callable[[], None] = lambda: None,
    ) -> dict[str, Tensor]:
        """Train one network by one optimizer; return its best state. See `Loop` for `score`.

        Args:
            loss: of a batch that it draws.
            after: called after each step of the optimizer.
        """

        def step(generator: torch.Generator) -> Tensor:
            found = descend(optimizer, loss(generator))
            after()
            return found

        optimizers = {type(optimizer).__name__.lower(): optimizer}
        return self.play(context, {"network": network}, optimizers, step, score, seed)

    def play(
        self,
        context: FitContext,
        modules: Mapping[str, nn.Module],
        optimizers: Optimizers,
        step: Callable[[torch.Generator], Tensor],
        score: Callable[[], tuple[float, ...]],
        seed: int,
        keep: str = "network",
    ) -> dict[str, Tensor]:
        """Train several modules, whose `step` goes down more than one loss or none; return the best state of `keep`."""
        length, milestones = self.steps * self.epochs, tuple(epoch * self.steps for epoch in self.milestones)
        return Loop(
            modules=dict(modules),
            optimizers=dict(optimizers),
            schedules={
                name: make_schedule(o, self.schedule, [g["lr"] for g in o.param_groups], length, milestones, self.gamma)
                for name, o in optimizers.items()
            },
            keep=keep,
            step=step,
            score=score,
            epochs=self.epochs,
            steps_per_epoch=self.steps,
            validate_every=self.validate_every,
            precision=self.precision,
            seed=seed,
            tied=self.tied,
        ).run(context)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """Take one step down a loss; return it, detached."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()
