"""The training loop: an interrupted run ends with the weights of an uninterrupted one, to the bit."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from benchbench.base.errors import BenchError
from benchbench.contracts.fit import FitContext
from benchbench.learn.loop import Loop, make_schedule


class KilledError(Exception):
    pass


def train(
    folder: Path,
    stop_after: int | None = None,
    scores: list[float] | None = None,
    adam: bool = False,
    nan_after=None,
    tied: float = 0.0,
) -> tuple[dict, Any]:
    torch.manual_seed(5)
    network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, fused=True)
    if adam:
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1, fused=True)
    calls = {"steps": 0, "scores": 0}

    def step(generator: torch.Generator) -> torch.Tensor:
        if stop_after is not None and calls["steps"] == stop_after:
            raise KilledError
        calls["steps"] += 1
        x = torch.randn(16, 4, generator=generator)
        loss = nn.functional.cross_entropy(network(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach() * (nan_after is None or calls["steps"] <= nan_after or float("nan"))

    def score() -> tuple[float]:
        calls["scores"] += 1
        return (scores[calls["scores"] - 1] if scores else float(calls["steps"] * 0),)

    loop = Loop(
        modules={"network": network},
        optimizers={"sgd": optimizer},
        schedules={"sgd": make_schedule(optimizer, "one-cycle", [0.1], 60)},
        keep="network",
        step=step,
        score=score,
        epochs=6,
        tied=tied,
        steps_per_epoch=10,
        validate_every=1,
        precision="float32",
        seed=3,
        checkpoint_seconds=0.0,
    )
    context = FitContext(
        data=SimpleNamespace(), device=torch.device("cpu"), needs={}, folder=folder, checkpoint=folder / "checkpoint.pt"
    )
    return loop.run(context), context


def test_a_training_that_diverges_is_an_error(tmp_path):
    with pytest.raises(BenchError, match=r"^training diverged: the loss is nan after 30 steps; a smaller"):
        train(tmp_path, nan_after=24)


@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("stop", [1, 10, 37, 59])
def test_resumed_training_is_exact(tmp_path, stop, adam):
    whole, _ = train(tmp_path / "a", adam=adam)
    with pytest.raises(KilledError):
        train(tmp_path / "b", stop_after=stop, adam=adam)
    resumed, _ = train(tmp_path / "b", adam=adam)
    assert whole.keys() == resumed.keys()
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name


def test_a_resumed_training_knows_what_the_steps_before_took(tmp_path, monkeypatch):
    """A clock that ticks at each look: two a step, and a few an epoch besides."""
    ticks = itertools.count()
    monkeypatch.setattr("benchbench.learn.loop.time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    found = []
    for _ in range(2):
        with pytest.raises(KilledError):
            train(tmp_path, stop_after=27)
        found.append(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    assert [saved["epoch"] for saved in found] == [2, 4]
    assert 40 <= found[0]["seconds"] < 40 + 2 * 7, "two epochs, and not the seven steps that were lost"
    assert found[1]["seconds"] == pytest.approx(2 * found[0]["seconds"], abs=2)
    _, context = train(tmp_path)
    assert context.earlier_seconds == found[1]["seconds"]
    whole, context = train(tmp_path / "whole")
    assert context.earlier_seconds == 0
    older = {name: value for name, value in found[1].items() if name != "seconds"}
    torch.save(older, tmp_path / "checkpoint.pt")
    resumed, context = train(tmp_path)
    assert context.earlier_seconds == 0 and all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("[enforce fail] unexpected pos")]
)
def test_a_full_disk_takes_the_checkpoint_and_not_the_training(tmp_path, monkeypatch, caplog, error):
    whole, _ = train(tmp_path / "whole")

    def full(state, file):
        file.write(b"half of it")
        raise error

    monkeypatch.setattr(torch, "save", full)
    state, _ = train(tmp_path / "full")
    assert all(torch.equal(whole[name], state[name]) for name in whole)
    assert "training goes on without it" in caplog.text and not list((tmp_path / "full").glob("checkpoint*"))


def test_the_best_epoch_is_kept_and_the_later_of_equals(tmp_path):
    states = [train(tmp_path / str(i), scores=s)[0] for i, s in enumerate([[0, 0, 9, 0, 0, 0], [1, 1, 1, 1, 1, 1]])]
    last, context = train(tmp_path / "c")
    assert not torch.equal(states[0]["0.weight"], last["0.weight"])
    assert torch.equal(states[1]["0.weight"], last["0.weight"])
    assert [point["epoch"] for point in context.facts["curve"]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.5, 0.95, 0.92, 0.85, 0.91, 0.8], 5),
        ([0.95, 0.91, 0.88, 0.99, 0.93, -0.1], 4),  # what was within reach of the best may not be once that has risen
        ([0.95, 0.91, 0.87, 0.83, 0.79, 0.75], 2),  # measured from the best, not from what was kept last
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6),
    ],
)
def test_of_epochs_that_the_score_cannot_tell_from_the_best_the_last_is_kept(tmp_path, scores, kept):
    found, _ = train(tmp_path / "all", scores=scores, tied=0.05)
    # The same training, of which only that epoch scores.
    alone, _ = train(tmp_path / "one", scores=[float(epoch == kept) for epoch in range(1, 7)])
    other, _ = train(tmp_path / "other", scores=[float(epoch == kept - 1) for epoch in range(1, 7)])
    assert torch.equal(found["0.weight"], alone["0.weight"]) and not torch.equal(found["0.weight"], other["0.weight"])
    with pytest.raises(KilledError):
        train(tmp_path / "resumed", stop_after=35, scores=scores, tied=0.05)
    resumed, _ = train(tmp_path / "resumed", scores=scores[3:], tied=0.05)
    assert torch.equal(found["0.weight"], resumed["0.weight"]), "the best so far is known after a restart"


def test_step_schedule_divides_by_ten():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make_schedule(optimizer, "step", [0.1], 90, milestones=(45, 68), gamma=0.1)
    rates = []
    for _ in range(90):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == rates[44] == pytest.approx(0.1)
    assert rates[45] == rates[67] == pytest.approx(0.01)
    assert rates[68] == rates[89] == pytest.approx(0.001)
