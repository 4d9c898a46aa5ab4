"""A training step on a GPU, recorded once as a CUDA graph and replayed: hundreds of small kernels by one launch.

The networks of the small profiles are done with a batch sooner than Python has named their kernels one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

WARM_UP = 4
"""Steps that are taken one kernel at a time before one is recorded: they choose algorithms and make the optimizers'
state."""


class Replayed:
    """A step of training: called on a CPU, recorded and replayed on a GPU, with the same numbers.

    Args:
        step: trains on one batch, of which `drawn` says all that is random; returns a loss. It may depend on nothing
            else that changes but tensors in their places and learning rates, and it may not look at a value.
        optimizers: those that it uses, of the kind Adam, fused.
        device: where.

    Attributes:
        record: whether a step is recorded; off a GPU it cannot be.
    """

    def __init__(
        self, step: Callable[[Tensor], Tensor], optimizers: Collection[torch.optim.Optimizer], device: torch.device
    ) -> None:
        self.step, self.device = step, device
        self.groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.record = device.type == "cuda"
        self.taken = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, drawn: Tensor) -> Tensor:
        """Take one step; return its loss, a scalar on the device that the next call may overwrite.

        Args:
            drawn: int64, on the CPU, of one shape at every call.
        """
        if not self.record:
            return self.step(drawn.to(self.device))
        self.taken += 1
        if self.taken <= WARM_UP:
            return self._aside(drawn.to(self.device))
        rates = torch.tensor([float(group["lr"]) for group in self.groups])
        if self.graph is None:
            self.drawn, self.rates = drawn.to(self.device), rates.to(self.device)
            self.graph = torch.cuda.CUDAGraph()
            with self._rates_on_device(), torch.cuda.graph(self.graph):
                self.loss = self.step(self.drawn)
        # Neither is in page-locked memory, so that both are read before the call returns, and nothing waits.
        self.drawn.copy_(drawn, non_blocking=True)
        self.rates.copy_(rates, non_blocking=True)
        self.graph.replay()
        return self.loss

    def _aside(self, drawn: Tensor) -> Tensor:
        """Take a step on a stream of its own, as torch asks of those before a recording."""
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            loss = self.step(drawn)
        torch.cuda.current_stream(self.device).wait_stream(stream)
        return loss

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """Lend the optimizers rates that a replay reads anew; schedules and checkpoints know the numbers alone."""
        kept = [(group["lr"], group["capturable"]) for group in self.groups]
        try:
            for group, rate in zip(self.groups, self.rates.unbind(), strict=True):
                group.update(lr=rate, capturable=True)
            yield
        finally:
            for group, (rate, capturable) in zip(self.groups, kept, strict=True):
                group.update(lr=rate, capturable=capturable)
