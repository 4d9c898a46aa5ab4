"""SiamTE's rivals: a gradient step on a linear classifier, deblocking against Pillow, denoisers on known noise."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

from benchbench.authoring.conformance import LinearTarget, check_attack, sample_images
from benchbench.contracts.attack import ATTACKS, CraftContext
from benchbench.contracts.fit import FitContext, Setup
from benchbench.contracts.profile import load_profile
from benchbench.data.beside import noise_pairs
from benchbench.data.virtual.drawn import drawn_cameras
from benchbench_attacks.deblock import Deblock
from benchbench_attacks.dithering import Dithering
from benchbench_attacks.learned_denoiser import LearnedDenoiser
from benchbench_attacks.nonlocal_means import NonLocalMeans, noise_levels

CPU = torch.device("cpu")
NONE = CraftContext(device=CPU, known=3)
WANTED = torch.zeros(4, dtype=torch.int64)


def test_all_erase_and_say_what_they_stand_for() -> None:
    for name in ("siamte", "ad-1", "ad-2", "deblock", "dn-i", "dn-e"):
        card = ATTACKS.create(name).card
        assert card.goal == "erase" and not card.targeted and not card.baseline
        assert bool(card.note) == (name != "siamte")


def test_dithering_steps_away_from_the_true_class() -> None:
    """Of two classes with logits w x and -w x, away from the first is against the sign of w everywhere."""
    weight = torch.randn(3 * 8 * 8, generator=torch.Generator().manual_seed(0))

    class Linear(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            score = (x - 0.5).flatten(1) @ weight * 0.01
            return torch.stack([score, -score], dim=1)

    x = 0.3 + 0.4 * torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    sign = weight.sign().view(1, 3, 8, 8)
    context = CraftContext(device=CPU, known=2, networks={"classifier": Linear()})
    for levels in (1.0, 2.0):
        made = Dithering(levels=levels).perturb(x, torch.tensor([0, 1, 0]), WANTED[:3], context)
        expected = x + levels / 255 * torch.tensor([-1.0, 1.0, -1.0]).view(3, 1, 1, 1) * sign
        assert torch.allclose(made, expected, atol=1e-6)
    # A camera model that the classifier has no class for: away from what it says.
    said = int(Linear()(x[:1]).argmax())
    unknown = Dithering().perturb(x[:1], torch.tensor([7]), WANTED[:1], context)
    assert torch.equal(unknown, Dithering().perturb(x[:1], torch.tensor([said]), WANTED[:1], context))


def test_dithering_keeps_the_contract() -> None:
    assert Dithering(levels=2.0).name == "ad-2"
    check_attack(Dithering(), {"classifier": LinearTarget(3)})


def test_deblocking_is_the_mean_of_shifted_files() -> None:
    photograph = data.astronaut()[100:140, 120:153]  # no multiple of a block
    height, width = photograph.shape[:2]
    total = np.zeros(photograph.shape)
    for i in range(0, 8, 2):
        for j in range(0, 8, 2):
            padding = ((i, -(height + i) % 8), (j, -(width + j) % 8), (0, 0))
            file = BytesIO()
            Image.fromarray(np.pad(photograph, padding, mode="reflect")).save(file, "JPEG", quality=60, subsampling=0)
            total += np.asarray(Image.open(file), float)[i : i + height, j : j + width]
    x = torch.from_numpy(photograph).permute(2, 0, 1)[None].float() / 255
    found = Deblock(quality=60).perturb(x, None, WANTED[:1], NONE)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(found - total / 16).max() < 1e-3
    check_attack(Deblock())


def test_the_noise_of_a_smooth_picture_is_found() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.1, 0.9, 256)[:, None, None] * np.ones((256, 256, 3))
    a, b = 4e-4, 5e-5
    noisy = ramp + rng.standard_normal(ramp.shape) * np.sqrt(a * ramp + b)
    found_a, found_b = noise_levels(noisy)
    assert found_a == pytest.approx(a, rel=0.3)
    assert found_a * 0.5 + found_b == pytest.approx(a * 0.5 + b, rel=0.3)


def test_internal_similarity_takes_noise_away_where_it_is() -> None:
    rng = np.random.default_rng(0)
    clean = data.camera()[60:188, 100:228, None].repeat(3, axis=2) / 255
    sigma = np.sqrt(1e-3 * clean + 1e-4)
    noisy = np.clip(clean + rng.standard_normal(clean.shape) * sigma, 0, 1)
    x = torch.from_numpy(noisy).permute(2, 0, 1)[None].float()
    made = NonLocalMeans().perturb(x, None, WANTED[:1], NONE)[0].permute(1, 2, 0).numpy()
    assert np.square(made - clean).mean() < 0.5 * np.square(noisy - clean).mean()
    check_attack(NonLocalMeans(), images=sample_images(2))


def test_pairs_differ_by_noise_alone() -> None:
    cameras = drawn_cameras(2, 4)
    noisy, clean = noise_pairs(cameras, 2, 32, 0)
    again = noise_pairs(cameras, 2, 32, 0)
    assert np.array_equal(noisy, again[0]) and np.array_equal(clean, again[1])
    difference = noisy.astype(float) - clean
    assert noisy.shape == clean.shape == (4, 32, 32, 3)
    assert all(0 < np.abs(d).mean() < 10 for d in difference), "the same scene, window and light"
    assert np.abs(noisy[0].astype(float) - noisy[1]).mean() > 3 * np.abs(difference[0]).mean(), "another scene"


def test_the_denoiser_learns_from_its_pairs(tmp_path: Path) -> None:
    setup = Setup(load_profile("smoke"), "d" * 32, 6, 12)
    fit = LearnedDenoiser().fits(setup)["denoiser"]
    pairs = fit.needs()["pairs"]
    context = FitContext(None, CPU, {}, tmp_path, tmp_path / "c")  # type: ignore[arg-type]
    pairs.run(context)
    stacks = pairs.load({}, {name: np.load(tmp_path / f"{name}.npy") for name in ("noisy", "clean")}, {})
    context.needs = {"pairs": stacks}
    network = fit.load(fit.run(context), {}, {})
    assert len(context.facts["curve"]) == 2
    check_attack(LearnedDenoiser(), {"denoiser": network})
