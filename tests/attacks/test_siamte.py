"""SiamTE: its network by count of weights, its loss against plain loops over the paper's algorithms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from benchbench.authoring.conformance import check_attack, sample_images
from benchbench.contracts.attack import ATTACKS, CraftContext
from benchbench.contracts.fit import Setup
from benchbench.contracts.profile import DilatedShape, load_profile
from benchbench.learn.dilated import DilatedDense
from benchbench.learn.features import PooledFeatures
from benchbench_attacks._siamese import cross_identity, embedded_similarity, truncated_fidelity
from benchbench_attacks.siamte import Siamte, distinct


def test_the_network_is_the_published_one() -> None:
    network = DilatedDense(DilatedShape())
    assert sum(p.numel() for p in network.parameters()) == 240_608
    assert network.last.bias is None
    assert not [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    dilations = [m.dilation[0] for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert dilations == [1, 2, 2, 1] * 9, "stem and eight blocks"
    x = torch.rand(1, 3, 19, 23)
    assert network(x).shape == x.shape


def test_how_far_the_network_sees() -> None:
    """A pixel has its say within 3 px for the stem and 3 px for each block, and nowhere else."""
    torch.manual_seed(0)
    network = DilatedDense(DilatedShape(blocks=2)).double()
    x = torch.rand(1, 3, 41, 41, dtype=torch.float64, requires_grad=True)
    network(x)[0, :, 20, 20].sum().backward()
    assert x.grad is not None
    rows = np.flatnonzero(x.grad.abs().sum((0, 1, 3)).numpy())
    assert (rows.min(), rows.max()) == (20 - 9, 20 + 9)


def test_with_a_skip_it_starts_as_the_identity() -> None:
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(DilatedDense(DilatedShape(skip=True, blocks=1))(x), x)


def test_embedded_similarity_is_algorithm_1() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 4, 5))
    margin = 1.1
    losses = []
    for group in features:
        unit = [f / np.sqrt((f * f).sum()) for f in group]
        total = 0.0
        for k in range(1, 4):
            total += np.mean([max(0.0, np.linalg.norm(unit[g] - unit[(g + k) % 4]) - margin) for g in range(4)])
        losses.append(total / 3)
    found = embedded_similarity(torch.from_numpy(features), margin)
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)
    alike = torch.ones(2, 4, 5, requires_grad=True)
    embedded_similarity(alike, 0.0).backward()
    assert alike.grad is not None and torch.isfinite(alike.grad).all(), "equal features leave a finite gradient"


def test_truncated_fidelity_is_equation_4() -> None:
    x = torch.tensor([0.0, 3.0, 3.5, -10.0, 2.0]).view(1, 1, 1, 1, 5) / 255
    found = truncated_fidelity(x, torch.zeros_like(x), 3 / 255)
    assert float(found) * 255 == pytest.approx((3.5 + 10) / 5, rel=1e-5), "3 is not above the threshold"


def test_cross_identity_is_algorithm_2() -> None:
    torch.manual_seed(0)
    groups, size, classes = 2, 4, 6
    x, erased = torch.rand(2, groups, size, 3, 4, 4, dtype=torch.float64)
    labels = torch.tensor([[0, 3, 2, 5], [1, 0, 4, 2]])
    weight = torch.randn(3 * 16, classes, dtype=torch.float64)

    def classify(pictures: torch.Tensor) -> torch.Tensor:
        return pictures.flatten(1) @ weight

    expected = []
    for n in range(groups):
        for m in range(size):  # whose trace
            for g in range(size):  # on whose signal
                if m == g:
                    continue
                logits = classify((erased[n, g] + x[n, m] - erased[n, m])[None])[0]
                expected.append(float(-torch.log_softmax(logits, 0)[labels[n, m]]))
    found = cross_identity(classify, x, erased, labels)
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-5)


def test_members_of_a_group_are_of_different_cameras() -> None:
    drawn = distinct(6, 4, 50, torch.Generator().manual_seed(0)).view(50, 4)
    assert all(len(set(row.tolist())) == 4 for row in drawn)
    assert set(drawn.flatten().tolist()) == set(range(6))


def test_features_are_what_the_last_layer_is_given() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(7, 4))
    x = torch.rand(2, 3, 9, 9)
    features = PooledFeatures(network)(x)
    assert features.shape == (2, 7)
    assert torch.allclose(features, torch.relu(network[0](x)).mean((2, 3)), atol=1e-6)
    assert isinstance(network[4], nn.Linear), "the network itself is as it was"


def test_siamte_takes_away_the_trace_times_its_strength() -> None:
    class Darker(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.8 * x

    x = sample_images()
    for strength, left in ((0.0, 1.0), (0.5, 0.9), (1.0, 0.8)):
        attack = Siamte(strength=strength)
        check_attack(attack, {"eraser": Darker()})
        made = attack.perturb(x, None, torch.zeros(4), CraftContext(torch.device("cpu"), 3, {"eraser": Darker()}))
        assert torch.allclose(made, left * x, atol=1e-6)


def test_switches_make_other_networks_and_strength_does_not() -> None:
    setup = Setup(load_profile("smoke"), "d" * 32, 6, 12)

    def eraser(name: str) -> str:
        return ATTACKS.create(name).fits(setup)["eraser"].fit_id(setup.data_id)

    whole = Siamte().fits(setup)["eraser"].fit_id(setup.data_id)
    others = {
        Siamte(**{switch: False}).fits(setup)["eraser"].fit_id(setup.data_id)
        for switch in ("similarity", "fidelity", "identity")
    }
    assert len(others | {whole}) == 4 and whole == eraser("siamte")
    assert Siamte(strength=0.5).fits(setup)["eraser"].fit_id(setup.data_id) == whole
    assert Siamte().card.goal == "erase" and not Siamte().card.targeted
    for wrong in ({"similarity": False, "fidelity": False, "identity": False}, {"strength": -1.0}, {"group": 1}):
        with pytest.raises(ValueError):
            Siamte(**wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_step_of_every_part_at_the_published_shapes() -> None:
    """Of profile `paper`, on patches of 64 px: the eraser against its classifier, the denoiser, both examiners."""
    from torch.nn import functional as F

    from benchbench.contracts.target import TARGETS

    profile = load_profile("paper")
    assert profile.eraser == DilatedShape() and profile.erasing.batch == 256 and profile.examiner_patch == 224
    setup = Setup(profile, "d" * 32, 6, 12)
    fit = Siamte().fits(setup)["eraser"]
    classifier = fit.needs()["classifier"].build().eval().requires_grad_(False)  # type: ignore[attr-defined]
    network = DilatedDense(profile.eraser)
    x, labels = torch.rand(4, 3, 64, 64), torch.arange(4)[None]
    loss = fit.loss(x[None], network(x)[None], labels, classifier, PooledFeatures(classifier))  # type: ignore[attr-defined]
    loss.backward()
    assert torch.isfinite(loss) and all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    denoiser = ATTACKS.create("dn-e").fits(setup)["denoiser"]
    assert denoiser.shape == profile.eraser  # type: ignore[attr-defined]
    for backbone in ("resnet50", "densenet201"):
        examiner = TARGETS.create(f"siamte2020:vote/{backbone}").fits(setup)["examiner"].build()  # type: ignore[attr-defined]
        loss = F.cross_entropy(examiner(x), labels[0])
        loss.backward()
        assert torch.isfinite(loss)
