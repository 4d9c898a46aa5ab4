"""Steps that are recorded on a GPU and replayed: the numbers of steps that are not, and nothing left in checkpoints."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchbench.learn.course import descend
from benchbench.learn.loop import make_schedule
from benchbench.learn.replay import WARM_UP, Replayed

STEPS = 4 * WARM_UP


class Run:
    """A small network that learns, on a device, by rates that rise and fall."""

    def __init__(self, device: str, record: bool) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1)).double().to(device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), 0.1, fused=True)
        self.schedule = make_schedule(self.optimizer, "one-cycle", [0.1], STEPS)
        self.x = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)).double().to(device)
        self.replayed = Replayed(self.step, [self.optimizer], torch.device(device))
        if not record:
            self.replayed.record = False
        self.rng = torch.Generator().manual_seed(2)

    def step(self, drawn: Tensor) -> Tensor:
        x = self.x[drawn[0]]
        return descend(self.optimizer, (self.network(x)[:, 0] - x.prod(1)).square().mean())

    def take(self, count: int) -> list[float]:
        losses = []
        for _ in range(count):
            losses.append(float(self.replayed(torch.randint(20, (1, 8), generator=self.rng))))
            self.schedule.step()
        return losses


def test_on_a_cpu_a_step_is_called() -> None:
    ours, plain = Run("cpu", True), Run("cpu", False)
    assert ours.take(STEPS) == plain.take(STEPS) and ours.replayed.graph is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_replayed_steps_have_the_numbers_of_others() -> None:
    ours, plain = Run("cuda", True), Run("cuda", False)
    assert ours.take(STEPS - 2) == pytest.approx(plain.take(STEPS - 2), rel=1e-9) and ours.replayed.graph is not None
    for a, b in zip(ours.network.state_dict().values(), plain.network.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    # Another process, or a CPU, may go on from here: it finds numbers, and steps one by one continue the course.
    group = ours.optimizer.state_dict()["param_groups"][0]
    assert isinstance(group["lr"], float) and not group["capturable"]
    ours.replayed.record = False
    assert ours.take(2) == pytest.approx(plain.take(2), rel=1e-9)
