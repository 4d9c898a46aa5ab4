"""SpoC's rivals: TI-MI-FGSM against a plain restatement, GAP's bound, Adv-Cam-Id's filter array, and surrogates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchbench.authoring.conformance import LinearTarget, check_attack, sample_images
from benchbench.base.errors import BenchError
from benchbench.contracts.attack import CraftContext
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import load_profile
from benchbench.forensics import bayer_mosaic
from benchbench_attacks._evaluator import SingleStream
from benchbench_attacks._surrogates import make_surrogate, surrogate_fits
from benchbench_attacks.adv_cam_id import AdvCamId, AdvCamIdFit, FilterArray, Repainting
from benchbench_attacks.fgsm import Fgsm
from benchbench_attacks.gap import Gap, GapFit, Perturbing
from benchbench_attacks.ti_mi_fgsm import TiMiFgsm

SETUP = Setup(profile=load_profile("smoke"), data_id="0" * 32, known=3, classes=4)
NETWORKS = {"bondi2017:classifier": LinearTarget(3)}


class Bent(torch.nn.Module):
    """A classifier whose gradient changes from step to step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = LinearTarget(3, gain=20)

    def forward(self, x):
        return torch.tanh(self.inner(x)) * 3 + self.inner(x.square())


def test_ti_mi_fgsm_against_a_plain_restatement():
    x = sample_images(3, 24)
    wanted = torch.tensor([1, 2, 0])
    model = SingleStream(Bent())
    context = CraftContext(device=x.device, known=3, networks={"bondi2017:classifier": Bent()}, seeds=(1, 2, 3))
    found = TiMiFgsm(on="bondi2017", steps=7).perturb(x, None, wanted, context)

    line = np.exp(-0.5 * np.linspace(-3, 3, 15) ** 2)
    kernel = torch.from_numpy(np.outer(line, line) / np.outer(line, line).sum()).float()
    y, momentum = x.clone(), torch.zeros_like(x)
    for _ in range(7):
        y.requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(model(y), wanted)
        (gradient,) = torch.autograd.grad(loss, y)
        smooth = torch.nn.functional.conv2d(gradient, kernel.expand(3, 1, 15, 15), padding=7, groups=3)
        momentum = 1.0 * momentum - smooth / smooth.abs().mean((1, 2, 3), keepdim=True)
        y = (y.detach() + 0.4 / 255 * momentum.sign()).clamp(x - 8 / 255, x + 8 / 255).clamp(0, 1)
    assert (found - y).abs().max() < 1e-5
    assert (found - x).abs().max() <= 2.81 / 255


def test_rivals_keep_the_contract_and_move_their_surrogate():
    check_attack(TiMiFgsm(on="bondi2017", steps=3), NETWORKS, fools=LinearTarget(3))
    painters = {f"generator/{c}": Perturbing(4, 8 / 255).eval() for c in range(3)}
    check_attack(Gap(on="bondi2017"), NETWORKS | painters)
    repainters = {f"generator/{c}": Repainting(4).eval() for c in range(3)}
    check_attack(AdvCamId(on="bondi2017"), NETWORKS | repainters)


def test_gap_never_changes_a_value_by_more_than_epsilon_and_scales_channels_apart():
    torch.manual_seed(0)
    network = Perturbing(4, 8 / 255).eval()
    x = torch.rand(2, 3, 16, 16) * 0.5 + 0.25
    change = network(x) - x
    raw = network.network(x * 2 - 1)
    assert change.abs().max() <= 8 / 255 + 1e-6
    for n in range(2):
        for c in range(3):
            largest = raw[n, c].abs().max().item()
            assert torch.allclose(change[n, c], raw[n, c] * min(1.0, 8 / 255 / largest), atol=1e-6)


def test_losses_of_the_painters():
    x, changed = sample_images(2, 8), sample_images(2, 8).flip(3)
    said = torch.log_softmax(torch.randn(2, 3), dim=1)[:, 1]
    gap = Gap(on="bondi2017").fits(SETUP)["generator/1"]
    assert isinstance(gap, GapFit)
    assert float(gap.loss(x, changed, said)) == pytest.approx(math.log(-float(said.mean())), rel=1e-6)
    adv = AdvCamId(on="bondi2017").fits(SETUP)["generator/1"]
    assert isinstance(adv, AdvCamIdFit)
    expected = 10 * float(((changed - x) * 2).abs().mean()) - 0.01 * float(said.mean())
    assert float(adv.loss(x, changed, said)) == pytest.approx(expected, rel=1e-6)
    assert adv.wanted_psnr == 31 and gap.wanted_psnr is None


def test_the_filter_array_is_a_bayer_mosaic():
    x = sample_images(2, 9)
    y = FilterArray()(x)
    assert torch.equal(y.sum(1), bayer_mosaic(x).reshape(2, 9, 9))
    assert ((y != 0).sum(1) <= 1).all()
    assert [m.out_channels for m in Repainting(64).body if isinstance(m, torch.nn.Conv2d)] == [
        64, 64, 64, 128, 128, 128, 3
    ]  # fmt: skip


def test_surrogates_by_name():
    plain = surrogate_fits("bondi2017", SETUP)
    assert list(plain) == ["bondi2017:classifier"] and plain["bondi2017:classifier"].role == "q"
    assert plain["bondi2017:classifier"].classes == 3
    assert surrogate_fits("tuama2016", SETUP)["tuama2016:classifier"].preprocessor == "hp"
    joined = surrogate_fits("bondi2017+resnet18/fd", SETUP)
    assert list(joined) == ["bondi2017:classifier", "resnet18/fd:classifier"]
    assert set(surrogate_fits("dual", SETUP)) == {"residual", "high", "low"}
    assert Fgsm(on="bondi2017").fits(SETUP)["epsilon"].needs().keys() == plain.keys()
    with pytest.raises(BenchError, match="surrogate 'xceptoin' is neither"):
        surrogate_fits("xceptoin", SETUP)
    with pytest.raises(BenchError, match="no gradient"):
        surrogate_fits("resnet18/ww", SETUP)


def test_an_ensemble_is_the_mean_of_log_probabilities():
    one, two = LinearTarget(3, gain=5), Bent()
    module = make_surrogate("a+b", {"a:classifier": one, "b:classifier": two, "generator/0": None})
    x = sample_images(2, 16)
    expected = (torch.log_softmax(one(x), 1) + torch.log_softmax(two(x), 1)) / 2
    assert torch.allclose(module(x), expected, atol=1e-6)
