"""Bayer mosaics and demosaicing against the colour-demosaicing package and closed forms."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data
import torch
from torch import Tensor

from benchbench.forensics import BayerPattern, bayer_mosaic, demosaic_malvar, demosaic_menon, remosaic

Demosaic = Callable[[Tensor, BayerPattern], Tensor]
Oracle = Callable[..., npt.NDArray[np.float64]]

every_pattern = pytest.mark.parametrize("pattern", get_args(BayerPattern))
every_method = pytest.mark.parametrize(
    ("demosaic", "oracle"),
    [(demosaic_malvar, "demosaicing_CFA_Bayer_Malvar2004"), (demosaic_menon, "demosaicing_CFA_Bayer_Menon2007")],
    ids=["malvar", "menon"],
)
every_demosaic = pytest.mark.parametrize("demosaic", [demosaic_malvar, demosaic_menon])


def theirs(name: str) -> Oracle:
    """Return a function of colour-demosaicing, which takes seconds to import, also where no test of this file runs."""
    import colour_demosaicing

    found: Oracle = getattr(colour_demosaicing, name)
    return found


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def to_array(x: Tensor) -> npt.NDArray[np.float64]:
    return np.moveaxis(x.numpy(), -3, -1)


@every_pattern
@pytest.mark.parametrize("size", [(16, 16), (15, 22), (1, 3)])
def test_mosaic_equals_colour_demosaicing(pattern: BayerPattern, size: tuple[int, int]) -> None:
    x = images(2, 3, *size)
    got = bayer_mosaic(x, pattern)
    assert got.shape == (2, 1, *size)
    for image, mosaic in zip(x, got, strict=True):
        np.testing.assert_array_equal(mosaic[0].numpy(), theirs("mosaicing_CFA_Bayer")(to_array(image), pattern))


@every_method
@every_pattern
@pytest.mark.parametrize("size", [(64, 64), (37, 52), (31, 45), (5, 4)])
def test_demosaicing_equals_colour_demosaicing_up_to_the_border(
    demosaic: Demosaic, oracle: str, pattern: BayerPattern, size: tuple[int, int]
) -> None:
    mosaic = images(2, 1, *size)
    got = demosaic(mosaic, pattern)
    assert got.shape == (2, 3, *size)
    for plane, rgb in zip(mosaic, got, strict=True):
        np.testing.assert_allclose(to_array(rgb), theirs(oracle)(plane[0].numpy(), pattern), rtol=0, atol=1e-12)


@every_method
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_demosaicing_of_photographs(demosaic: Demosaic, oracle: str, name: str) -> None:
    # Grey levels, not [0, 1]: their sums are exact, so both sides see the same ties between the directions.
    image = getattr(skimage.data, name)()[:283, :301]
    mosaic = bayer_mosaic(torch.from_numpy(image.transpose(2, 0, 1).copy())[None].double())
    expected = theirs(oracle)(mosaic[0, 0].numpy())
    np.testing.assert_allclose(to_array(demosaic(mosaic, "RGGB")[0]), expected, rtol=0, atol=1e-9)


@every_demosaic
@every_pattern
def test_samples_are_kept(demosaic: Demosaic, pattern: BayerPattern) -> None:
    mosaic = images(1, 1, 21, 18)
    assert torch.equal(bayer_mosaic(demosaic(mosaic, pattern), pattern), mosaic)


@every_demosaic
@every_pattern
def test_grey_ramps_are_reproduced(demosaic: Demosaic, pattern: BayerPattern) -> None:
    rows, cols = torch.arange(24).double().view(-1, 1), torch.arange(26).double()
    plane = 0.3 + 0.01 * rows + 0.02 * cols
    rgb = plane.expand(1, 3, 24, 26)
    got = demosaic(bayer_mosaic(rgb, pattern), pattern)
    torch.testing.assert_close(got[..., 6:-6, 6:-6], rgb[..., 6:-6, 6:-6], rtol=0, atol=1e-12)


def test_menon_follows_an_edge() -> None:
    # A step between two columns: only interpolation along the edge reproduces it.
    rgb = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    rgb[..., 15:] = 1.0
    mosaic = bayer_mosaic(rgb)
    torch.testing.assert_close(demosaic_menon(mosaic), rgb, rtol=0, atol=1e-12)
    torch.testing.assert_close(demosaic_menon(mosaic.mT), rgb.mT, rtol=0, atol=1e-12)
    assert (demosaic_malvar(mosaic) - rgb).abs().max() > 0.1


def test_remosaic_stays_in_the_unit_range() -> None:
    x = images(2, 3, 33, 40).round()  # black and white noise: interpolation overshoots
    raw = demosaic_menon(bayer_mosaic(x))
    assert raw.min() < 0
    assert raw.max() > 1
    torch.testing.assert_close(remosaic(x), raw.clamp(0, 1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_remosaic_of_a_photograph_decides_ties_in_grey_levels(dtype: torch.dtype) -> None:
    image = skimage.data.astronaut()[:201, :300]
    x = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    mosaic = theirs("mosaicing_CFA_Bayer")(image.astype(np.float64))
    expected = theirs("demosaicing_CFA_Bayer_Menon2007")(mosaic).clip(0, 255)
    np.testing.assert_allclose(to_array(remosaic(x.to(dtype) / 255)[0]) * 255, expected, rtol=0, atol=1e-4)


@every_demosaic
@every_pattern
def test_gradients(demosaic: Demosaic, pattern: BayerPattern) -> None:
    mosaic = images(2, 1, 9, 8, seed=3).requires_grad_()
    # Each entry of the Jacobian for one pattern; for the others, which shift the same filters, along random directions.
    assert torch.autograd.gradcheck(lambda m: demosaic(m, pattern), (mosaic,), fast_mode=pattern != "RGGB")


def test_gradients_of_remosaic() -> None:
    x = (0.4 + 0.2 * images(1, 3, 8, 9)).requires_grad_()
    assert torch.autograd.gradcheck(remosaic, (x,))


@every_demosaic
def test_images_of_a_batch_do_not_influence_each_other_and_stay(demosaic: Demosaic) -> None:
    mosaic = images(3, 1, 30, 29).float()
    before = mosaic.clone()
    alone = torch.cat([demosaic(plane[None], "GRBG") for plane in mosaic])
    assert torch.equal(demosaic(mosaic, "GRBG"), alone)
    assert torch.equal(mosaic, before)
    assert alone.dtype == torch.float32


@every_demosaic
def test_wrong_input_is_refused(demosaic: Demosaic) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 1, H, W\), got \(1, 3, 8, 8\)"):
        demosaic(torch.rand(1, 3, 8, 8), "RGGB")
    with pytest.raises(ValueError, match=r"H and W of at least 3, got 2 x 8"):
        demosaic(torch.rand(1, 1, 2, 8), "RGGB")
    with pytest.raises(ValueError, match=r"floating-point tensor, got torch.uint8"):
        demosaic(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "RGGB")
    with pytest.raises(ValueError, match=r"unknown Bayer pattern 'RGBG'; available: RGGB, BGGR, GRBG, GBRG"):
        demosaic(torch.rand(1, 1, 8, 8), "RGBG")  # type: ignore[arg-type]


def test_mosaic_refuses_wrong_input() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, 3, H, W\), got \(1, 1, 8, 8\)"):
        bayer_mosaic(torch.rand(1, 1, 8, 8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_demosaic
def test_gpu_equals_cpu(demosaic: Demosaic) -> None:
    mosaic = images(2, 1, 61, 50).float()
    with torch.autocast("cuda"):
        got = demosaic(mosaic.cuda(), "RGGB")
    torch.testing.assert_close(got.cpu(), demosaic(mosaic, "RGGB"), rtol=0, atol=1e-6)
