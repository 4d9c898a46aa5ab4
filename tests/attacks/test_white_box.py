"""FGSM, PGD, the bridge and the controls on an evaluator whose best step is known in closed form."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.base.errors import BenchError, UnknownNameError
from benchbench.contracts.attack import CraftContext
from benchbench.contracts.fit import FitContext
from benchbench.evaluate.craft import craft
from benchbench_attacks._white_box import EpsilonFit
from benchbench_attacks.bridge import bridge
from benchbench_attacks.controls import Identity, Noise
from benchbench_attacks.fgsm import Fgsm
from benchbench_attacks.pgd import Pgd


class LinearEvaluator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3 * 16 * 16, 6)
        self.requires_grad_(False)

    def forward(self, x):
        return self.layer(x.flatten(1)).log_softmax(1)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(4, 3, 16, 16, generator=generator) * 0.5 + 0.25
    return x, torch.zeros(4, dtype=torch.long), torch.tensor([1, 2, 3, 4])


@pytest.fixture
def context():
    return CraftContext(device=torch.device("cpu"), known=6, seeds=(1, 2, 3, 4), cache={"evaluator": LinearEvaluator()})


def test_fgsm_steps_along_the_sign_of_the_gradient(batch, context):
    x, source, target = batch
    changed = craft(Fgsm(epsilon=0.02), x, source, target, context)
    evaluator = context.cache["evaluator"]
    probabilities = evaluator(x).exp()
    hot = nn.functional.one_hot(target, 6)
    gradient = ((probabilities - hot) @ evaluator.layer.weight).view_as(x)  # of the NLL of the wanted class
    torch.testing.assert_close(changed, x - 0.02 * gradient.sign(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("random_start", [False, True])
def test_pgd_stays_in_the_ball_and_beats_fgsm_on_its_own_evaluator(batch, context, random_start):
    x, source, target = batch
    evaluator = context.cache["evaluator"]
    pgd = craft(Pgd(epsilon=0.02, steps=10, random_start=random_start), x, source, target, context)
    fgsm = craft(Fgsm(epsilon=0.02), x, source, target, context)
    assert (pgd - x).abs().max() <= 0.02 + 1e-6

    def wanted(y):
        return evaluator(y).gather(1, target[:, None])

    assert (wanted(pgd) >= wanted(fgsm) - 1e-3).all()
    assert (wanted(pgd) > wanted(x)).all()


@pytest.mark.parametrize(
    "attack", [Noise(), Pgd(epsilon=0.02, random_start=True), bridge.create("MIFGSM", {"eps": 0.02})]
)
def test_randomness_belongs_to_the_image_not_to_the_batch(batch, context, attack):
    x, source, target = batch
    whole = craft(attack, x, source, target, context)
    for i in range(len(x)):
        context.seeds = (i + 1,)
        alone = craft(attack, x[i : i + 1], source[i : i + 1], target[i : i + 1], context)
        torch.testing.assert_close(alone, whole[i : i + 1], atol=1e-6, rtol=0)


def test_noise_has_exactly_its_psnr_where_nothing_clips(batch, context):
    x, source, target = batch
    changed = craft(Noise(psnr=35.0), x, source, target, context)
    mse = (changed - x).square().mean((1, 2, 3))
    for value in mse.tolist():
        assert -10 * math.log10(value) == pytest.approx(35.0, abs=1e-3)
    residual = (changed - x).flatten()
    kurtosis = float((residual / residual.std()).pow(4).mean())
    assert kurtosis == pytest.approx(3.0, abs=0.3), "Gaussian"


def test_identity_returns_an_equal_copy(batch, context):
    x, source, target = batch
    changed = craft(Identity(), x, source, target, context)
    assert torch.equal(changed, x)
    assert changed.data_ptr() != x.data_ptr()


def test_bridge_names_what_it_does_not_know():
    with pytest.raises(UnknownNameError, match=r"unknown attack 'torchattacks:MIFGSMM'. Did you mean 'MIFGSM'"):
        bridge.create("MIFGSMM", {})
    with pytest.raises(BenchError, match=r"attack 'torchattacks:MIFGSM' has no parameter 'epz'. Did you mean 'eps'"):
        bridge.create("MIFGSM", {"epz": 1})
    assert {"FGSM", "PGD", "MIFGSM", "CW"} <= set(bridge.names())


@pytest.mark.parametrize("name", ["JSMA", "LGV", "MultiAttack"])
def test_bridge_refuses_what_cannot_work(name):
    with pytest.raises(BenchError, match=f"attack 'torchattacks:{name}' cannot be used here: it "):
        bridge.create(name, {})
    assert name not in bridge.names() and len(bridge.names()) == 36


def test_bridge_tells_targeted_from_untargeted():
    aimed, away = bridge.create("MIFGSM", {}).card, bridge.create("TPGD", {}).card
    assert (aimed.targeted, aimed.reads_source, aimed.goal, aimed.version) == (True, False, "forge", 1)
    assert (away.targeted, away.reads_source, away.goal, away.version) == (False, True, "erase", 2)


def test_bridge_gives_an_untargeted_attack_the_true_class(batch, monkeypatch):
    """Where the evaluator knows it; otherwise what the evaluator takes the photograph for."""
    x, source, target = batch
    evaluator = LinearEvaluator()
    monkeypatch.setattr("benchbench_attacks.bridge.surrogate_of", lambda name, context: evaluator)
    known = 6
    true = torch.where(torch.arange(len(x)) % 2 == 0, source, source + known)
    context = CraftContext(device=x.device, known=known, seeds=tuple(range(len(x))))
    changed = craft(bridge.create("PIFGSM", {"max_epsilon": 8 / 255}), x, true, target, context)
    labels = torch.where(true < known, true, evaluator(x).argmax(1))
    before, after = (torch.log_softmax(evaluator(v), 1).gather(1, labels[:, None]) for v in (x, changed))
    assert (after < before).all(), "each is moved away from its label"


@pytest.mark.parametrize(("goal", "missed"), [(35.0, False), (3.0, True)])
def test_a_calibration_that_misses_its_goal_says_so(
    goal: float, missed: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """3 dB is out of reach: values between 0 and 1 cannot move so far.

    Nothing is clipped at 35 dB, so that every value moves by epsilon, 4.53 gray levels. A calibration on rounded pixels
    would end at 4.5, between a step of 4 and one of 5.
    """
    monkeypatch.setattr("benchbench_attacks._surrogates.make_evaluator", lambda networks: LinearEvaluator())
    images = np.random.default_rng(0).integers(60, 190, (12, 16, 16, 3), dtype=np.uint8)
    labels = np.arange(12) % 6
    data = SimpleNamespace(
        photos=lambda role: SimpleNamespace(images=images, camera=labels),
        labels=lambda role: {"camera": labels, "validation": np.ones(12, bool)},
        known=6,
    )
    needs = dict.fromkeys(("residual", "high", "low"))
    context = FitContext(data=data, device=torch.device("cpu"), needs=needs, folder=Path(), checkpoint=Path())
    EpsilonFit(attack=Fgsm(), psnr=goal, images=4, evaluators=()).run(context)
    assert len(caplog.records) == missed
    if missed:
        assert caplog.messages[0].startswith("'epsilon of fgsm' misses its PSNR goal: held-out photographs have")
        assert "dB where 3.0 +- 1 was expected" in caplog.messages[0]
    else:
        assert context.facts["epsilon"] == pytest.approx(10 ** (-goal / 20), rel=2e-3)
        assert context.facts["psnr_held_out"] == pytest.approx(goal, abs=0.01)
