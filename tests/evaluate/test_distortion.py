"""PSNR, SSIM and L1 against scikit-image and closed forms; rescaling to a budget; what targets see."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchbench.base.errors import BenchError
from benchbench.base.jpeg import JpegCoding
from benchbench.contracts.condition import CONDITIONS
from benchbench.contracts.measure import MEASURES
from benchbench.contracts.protocol import Protocol
from benchbench.evaluate.conditions import crafted
from benchbench.evaluate.distortion import rescale, ssim
from benchbench.evaluate.measures import BUILT_IN, measured


def pictures(count: int = 3, size: int = 48, seed: int = 0) -> torch.Tensor:
    """Return smooth 8-bit photographs with black and white areas, float32 (count, 3, size, size)."""
    rng = np.random.default_rng(seed)
    waves = np.sin(np.linspace(0, 9, size))[:, None] * np.cos(np.linspace(0, 7, size))[None]
    levels = 128 + 150 * waves[None, None] + rng.normal(0, 8, (count, 3, size, size))
    return torch.from_numpy(np.clip(np.rint(levels), 0, 255)).float() / 255


def changed(x: torch.Tensor, scale: float, seed: int = 1) -> torch.Tensor:
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    return (x + scale * noise).clamp(0, 1)


def distortion(x: torch.Tensor, y: torch.Tensor, *, rounded: bool) -> SimpleNamespace:
    """What the built-in measures say, by name."""
    return SimpleNamespace(**measured(x, y, rounded, [MEASURES.create(name) for name in BUILT_IN]))


def levels(x: torch.Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def test_distortion_equals_scikit_image() -> None:
    x = pictures()
    y = (changed(x, 0.03) * 255).round() / 255
    found = distortion(x, y, rounded=True)
    for i in range(len(x)):
        a, b = levels(x[i]), levels(y[i])
        similarity = structural_similarity(
            a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        assert found.psnr[i] == pytest.approx(peak_signal_noise_ratio(a, b), rel=1e-12)
        assert found.ssim[i] == pytest.approx(similarity, abs=2e-5)
        assert found.l1[i] == pytest.approx(np.abs(a.astype(float) - b).mean(), rel=1e-12)
    same = distortion(x, x, rounded=True)
    assert np.isinf(same.psnr).all() and (same.ssim == pytest.approx(1.0)) and not same.l1.any()


@pytest.mark.parametrize("rounded", [True, False])
def test_a_batch_measures_what_each_photograph_alone_does(rounded: bool) -> None:
    x = pictures(count=7, size=300)  # more than are measured at a time
    y = changed(x, 0.03)
    y = (y * 255).round() / 255 if rounded else y
    found = distortion(x, y, rounded=rounded)
    for i in range(len(x)):
        alone = distortion(x[i : i + 1], y[i : i + 1], rounded=rounded)
        assert (found.psnr[i], found.ssim[i], found.l1[i]) == (alone.psnr[0], alone.ssim[0], alone.l1[0])


def test_ssim_is_missing_for_photographs_smaller_than_its_window() -> None:
    x = pictures(size=8)
    assert np.isnan(distortion(x, x, rounded=True).ssim).all()
    with pytest.raises(ValueError, match="SSIM needs at least 11x11"):
        ssim(x, x)


@pytest.mark.parametrize("rounded", [True, False])
@pytest.mark.parametrize("scale", [1e-4, 0.01, 0.3])
def test_a_budget_is_met_to_a_thousandth_of_a_decibel(scale: float, rounded: bool) -> None:
    x = pictures(size=128)
    y = rescale(x, changed(x, scale), 35.0, rounded=rounded)
    assert np.abs(distortion(x, y, rounded=rounded).psnr - 35.0).max() < (0.01 if rounded else 0.002)
    assert y.min() >= 0 and y.max() <= 1
    if rounded:
        assert torch.equal(y, (y * 255).round() / 255)


def test_a_budget_counts_what_clipping_takes_away() -> None:
    """Half of the pixels are white and pushed up: only the other half can carry the budget."""
    x = torch.full((1, 3, 64, 64), 0.5)
    x[..., :32] = 1.0
    y = rescale(x, (x + 0.01), 35.0, rounded=False)
    step = np.sqrt(2) * 10 ** (-35 / 20)
    assert (y - x)[..., 32:].numpy() == pytest.approx(step, rel=1e-3) and not (y - x)[..., :32].any()


@pytest.mark.parametrize("budget", [30.3, 33.2, 35.0, 35.2, 38.1, 42.5, 44.0, 47.9])
def test_a_constant_shift_takes_the_gray_level_that_comes_nearest(budget: float) -> None:
    """All pixels change by the same whole number of gray levels, so hardly any budget can be met."""
    x = torch.full((1, 3, 16, 16), 100 / 255)
    y = rescale(x, x + 0.02, budget, rounded=True)
    misses = {k: abs(peak_signal_noise_ratio(levels(x[0]), levels(x[0]) + np.uint8(k)) - budget) for k in range(1, 60)}
    assert torch.equal(y.mul(255).round(), torch.full_like(x, 100 + min(misses, key=lambda k: misses[k])))


@pytest.mark.parametrize("rounded", [True, False])
def test_a_budget_beyond_what_clipping_leaves_is_approached(rounded: bool) -> None:
    """Nearly white photographs that are made whiter reach 255 everywhere at most, which is far from 35 dB."""
    x = torch.ones(1, 3, 16, 16)
    x[..., ::8, ::8] = 250 / 255
    y = rescale(x, (x + 0.01).clamp(max=1), 35.0, rounded=rounded)
    assert torch.equal(y, torch.ones_like(x))


def test_a_photograph_that_did_not_change_stays() -> None:
    x = pictures()
    assert torch.equal(rescale(x, x, 35.0, rounded=True), x)


def test_a_perturbation_keeps_its_direction() -> None:
    x = torch.full((1, 3, 32, 32), 0.5)
    change = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)) * 1e-3
    found = rescale(x, x + change, 40.0, rounded=False) - x
    assert torch.nn.functional.cosine_similarity(found.flatten(), change.flatten(), dim=0) > 0.9999


@pytest.mark.parametrize("budget", [0.0, -3.0, 61.0, float("nan")])
def test_impossible_budgets_are_refused(budget: float) -> None:
    with pytest.raises(BenchError, match="a PSNR above 0"):
        Protocol(budget=budget)


def saved(picture: np.ndarray, **options: object) -> np.ndarray:
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", **options)
    return np.asarray(Image.open(file))


def test_conditions_are_what_a_file_gives_back() -> None:
    x = pictures()
    y = changed(x, 0.02)
    wanted = np.array([0, 1, 1])
    one, two = ((2, 2), (1, 1), (1, 1)), ((1, 1),) * 3
    tables = {
        0: JpegCoding(one, ((7,) * 64, (9,) * 64, (9,) * 64)),
        1: JpegCoding(two, ((3,) * 64, (30,) * 64, (50,) * 64)),
    }

    def sees(protocol: Protocol) -> torch.Tensor:
        condition = CONDITIONS.create(protocol.condition)
        return condition.show(crafted(x, y, protocol, condition.rounded), wanted, tables)

    assert torch.equal(sees(Protocol(condition="float")), y)
    assert torch.equal(sees(Protocol()), (y * 255).round() / 255)
    for i in range(len(x)):
        assert np.array_equal(levels(sees(Protocol(condition="jpeg-75"))[i]), saved(levels(y[i]), quality=75))
        mine = tables[int(wanted[i])]
        expected = saved(levels(y[i]), qtables=[list(t) for t in mine.tables], subsampling=mine.subsampling)
        assert np.array_equal(levels(sees(Protocol(condition="jpeg-target"))[i]), expected)


def test_tables_of_the_cameras_are_those_of_their_files(tmp_path: Path) -> None:
    """The virtual cameras' tables are in the recipe: what is read back from q must be them."""
    from benchbench.data.build import build
    from benchbench.data.virtual import recipe as virtual
    from benchbench.data.virtual.processing import quantization_tables
    from benchbench.data.virtual.recipe import VirtualRecipe

    recipe = VirtualRecipe(size=32, scenes=3, q_per_device=1, p_per_device=1, test_per_class=1)
    found = build(recipe, tmp_path, workers=1).jpeg_codings()
    cameras = virtual.labels(recipe)
    assert sorted(found) == list(range(recipe.known))
    for c, mine in found.items():
        assert [list(t) for t in mine.tables[:2]] == quantization_tables(cameras[c].jpeg)
        assert mine.tables[1] == mine.tables[2]
        assert mine.subsampling == {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}[str(cameras[c].jpeg.subsampling)]
