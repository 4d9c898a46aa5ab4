"""Residuals against independent references: PyWavelets and SciPy for WW, closed forms for HP, FD and CC."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import pywt
import skimage.data
import torch
from scipy.ndimage import uniform_filter
from scipy.signal import correlate2d
from torch import Tensor

from benchbench.forensics import (
    WAVELET_WIENER_MIN_SIZE,
    ConstrainedConv,
    FiniteDifferences,
    HighPass,
    WaveletWiener,
    finite_differences,
    high_pass,
    wavelet_wiener,
)

Plane = npt.NDArray[np.float64]

_OUTER, _NEXT, _MIDDLE = [-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2]
HIGH_PASS_FILTER = np.array([_OUTER, _NEXT, _MIDDLE, _NEXT, _OUTER]) / 12


def photograph(name: str, height: int, width: int) -> npt.NDArray[np.uint8]:
    image = getattr(skimage.data, name)()[:height, :width]
    rows, cols = height - image.shape[0], width - image.shape[1]  # chelsea is smaller than 512 x 512
    return np.pad(image, ((0, rows), (0, cols), (0, 0)), mode="wrap")


def unit_tensor(image: npt.NDArray[np.uint8], dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None].to(dtype) / 255


# --- WW ---


def reference_shrink(c: Plane, noise: float) -> Plane:
    signal = np.min(
        [np.maximum(uniform_filter(c**2, size, mode="constant") - noise, 0) for size in (3, 5, 7, 9)], axis=0
    )
    shrunk: Plane = c * noise / (signal + noise)
    return shrunk


def reference_residual(plane: Plane, *, spectral: bool, levels: int = 4, sigma: float = 5.0) -> Plane:
    """One channel, grey levels, straight from docs/protocol."""
    approximation, *details = pywt.wavedec2(plane, "db4", mode="symmetric", level=levels)
    shrunk = [tuple(reference_shrink(c, sigma**2) for c in level) for level in details]
    residual: Plane = pywt.waverec2([np.zeros_like(approximation), *shrunk], "db4", mode="symmetric")
    residual = residual[: plane.shape[0], : plane.shape[1]]
    if not spectral:
        return residual
    spectrum = np.fft.fft2(residual)
    magnitude = np.abs(spectrum) / np.sqrt(residual.size)
    filtered = reference_shrink(magnitude, float(residual.var(ddof=1)))
    return np.real(np.fft.ifft2(filtered * np.sqrt(residual.size) * np.exp(1j * np.angle(spectrum))))


def reference_image(
    image: npt.NDArray[np.uint8], *, spectral: bool, levels: int = 4, sigma: float = 5.0
) -> npt.NDArray[np.float64]:
    planes = np.moveaxis(image.astype(np.float64), -1, 0)
    return np.stack([reference_residual(p, spectral=spectral, levels=levels, sigma=sigma) for p in planes])


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("size", [(512, 512), (203, 317)])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "random"])
def test_wavelet_wiener_equals_pywavelets_and_scipy(name: str, size: tuple[int, int], spectral: bool) -> None:
    if name == "random":
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    else:
        image = photograph(name, *size)
    expected = reference_image(image, spectral=spectral)
    got = WaveletWiener(spectral=spectral)(unit_tensor(image))
    assert got.shape == (1, 3, *size)
    assert got.dtype == torch.float32
    assert expected.std() > 0.3
    assert np.abs(got[0].numpy() * 255 - expected).max() < 1e-3


@pytest.mark.filterwarnings("ignore:Level value")
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (13, 30), (64, 64), (65, 50)])
@pytest.mark.parametrize("spectral", [False, True])
def test_wavelet_wiener_of_small_images(size: tuple[int, int], spectral: bool) -> None:
    image = photograph("coffee", *size)
    got = wavelet_wiener(unit_tensor(image, torch.float64), spectral=spectral)
    assert np.abs(got[0].numpy() * 255 - reference_image(image, spectral=spectral)).max() < 1e-9


@pytest.mark.parametrize(("levels", "sigma"), [(1, 5.0), (2, 1.0), (3, 20.0)])
def test_wavelet_wiener_parameters(levels: int, sigma: float) -> None:
    image = photograph("chelsea", 96, 111)
    got = wavelet_wiener(unit_tensor(image, torch.float64), levels=levels, sigma=sigma)
    expected = reference_image(image, spectral=True, levels=levels, sigma=sigma)
    assert np.abs(got[0].numpy() * 255 - expected).max() < 1e-9


@pytest.mark.parametrize("scale", [1.0, 127.5])
def test_wavelet_wiener_output_is_in_the_unit_of_the_input(scale: float) -> None:
    x = unit_tensor(photograph("astronaut", 64, 80), torch.float64)
    offset = -1.0 if scale == 127.5 else 0.0  # the detail coefficients do not see a constant
    got = wavelet_wiener(x * 255 / scale + offset, scale=scale)
    torch.testing.assert_close(got * scale, wavelet_wiener(x) * 255, rtol=0, atol=1e-9)


def test_wavelet_wiener_in_groups_equals_one_by_one() -> None:
    x = torch.rand(7, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(wavelet_wiener(x), torch.cat([wavelet_wiener(image[None]) for image in x]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wavelet_wiener_of_a_constant_image_is_finite_and_almost_zero(dtype: torch.dtype) -> None:
    black = torch.zeros(1, 3, 32, 32, dtype=dtype)
    assert torch.equal(wavelet_wiener(black), black)
    assert wavelet_wiener(black + 0.7).abs().max() < 1e-6


@pytest.mark.parametrize(("height", "width"), [(7, 64), (64, 7), (1, 1)])
def test_wavelet_wiener_refuses_images_below_the_minimum(height: int, width: int) -> None:
    message = f"H and W of at least {WAVELET_WIENER_MIN_SIZE}, got {height} x {width}"
    with pytest.raises(ValueError, match=message):
        wavelet_wiener(torch.rand(1, 3, height, width))


def test_wavelet_wiener_of_no_images() -> None:
    assert wavelet_wiener(torch.zeros(0, 3, 16, 16)).shape == (0, 3, 16, 16)


def test_wavelet_wiener_refuses_half_precision() -> None:
    with pytest.raises(ValueError, match=r"float32 or float64 tensor, got torch.bfloat16"):
        wavelet_wiener(torch.zeros(1, 3, 16, 16, dtype=torch.bfloat16))


@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"scale": -1.0}, {"levels": 0}, {"sigma": float("nan")}])
def test_wavelet_wiener_refuses_parameters_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        wavelet_wiener(torch.rand(1, 3, 16, 16), **options)  # type: ignore[arg-type]


# --- HP ---


def test_high_pass_of_an_impulse_is_the_filter() -> None:
    x = torch.zeros(1, 3, 11, 12, dtype=torch.float64)
    x[0, 1, 5, 6] = 1.0
    expected = torch.zeros(1, 1, 11, 12, dtype=torch.float64)
    expected[0, 0, 3:8, 4:9] = torch.from_numpy(HIGH_PASS_FILTER)
    torch.testing.assert_close(high_pass(x), expected, rtol=0, atol=1e-15)


def test_high_pass_of_a_constant_image_is_zero_inside() -> None:
    assert not high_pass(torch.full((1, 3, 12, 12), 200 / 255))[..., 2:-2, 2:-2].any()


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (17, 24)])
def test_high_pass_sums_channels_and_extends_by_zeros(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, dtype=torch.float64)
    expected = [correlate2d(image.sum(0).numpy(), HIGH_PASS_FILTER, mode="same") for image in x]
    if min(size) >= 5:  # for "same", SciPy swaps arguments that are smaller than the filter
        np.testing.assert_allclose(HighPass()(x)[:, 0].numpy(), expected, atol=1e-13)
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4))
    torch.testing.assert_close(high_pass(x), high_pass(padded)[..., 4:-4, 4:-4], rtol=0, atol=1e-13)


# --- FD ---


def ramp(power: int) -> Tensor:
    """Rows of j^power, columns of constant value; channels scaled by 1, 2, 3."""
    line = torch.arange(20, dtype=torch.float64) ** power
    return line.expand(1, 1, 15, 20) * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)


@pytest.mark.parametrize(("power", "third"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 6.0)])
def test_finite_differences_of_polynomials(power: int, third: float) -> None:
    scale = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    across = finite_differences(ramp(power))
    assert across.shape == (1, 6, 15, 20)
    torch.testing.assert_close(across[:, :3, :, 3:], (third * scale).expand(1, 3, 15, 17))
    down = finite_differences(ramp(power).mT)
    torch.testing.assert_close(down[:, 3:, 3:, :], (third * scale).expand(1, 3, 17, 15))
    # Along the other direction the image is constant; in neither is anything left in the first column or row.
    assert not across[:, 3:].any()
    assert not across[:, :3, :, 0].any()
    assert not down[:, 3:, 0].any()


def test_finite_differences_of_an_impulse() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = 1.0
    kernel = torch.tensor([1.0, -3.0, 3.0, -1.0])
    expected = torch.zeros(1, 2, 9, 9)
    expected[0, 0, 4, 4:8] = kernel
    expected[0, 1, 4:8, 4] = kernel
    torch.testing.assert_close(FiniteDifferences()(x), expected)


def test_finite_differences_pad_with_zeros_at_each_iteration() -> None:
    x = torch.tensor([5.0, 7.0, 10.0, 20.0]).view(1, 1, 1, 4)
    # differences (0, 2, 3, 10), of these (0, 2, 1, 7), of these (0, 2, -1, 6)
    torch.testing.assert_close(finite_differences(x)[0, 0, 0], torch.tensor([0.0, 2.0, -1.0, 6.0]))


# --- CC ---


def assert_constrained(layer: ConstrainedConv) -> None:
    middle = layer.kernel_size // 2
    center = layer.weight[:, :, middle, middle]
    assert (center == -1).all()
    torch.testing.assert_close(layer.weight.sum(dim=(2, 3)) + 1, torch.ones_like(center), rtol=0, atol=1e-5)


@pytest.mark.parametrize("out_channels", [3, 64])
def test_constrained_conv_starts_projected(out_channels: int) -> None:
    layer = ConstrainedConv(out_channels=out_channels)
    assert layer.weight.shape == (out_channels, 3, 5, 5)
    assert_constrained(layer)
    assert layer(torch.rand(2, 3, 33, 18)).shape == (2, out_channels, 33, 18)


def test_constrained_conv_projection_divides_by_the_sum() -> None:
    layer = ConstrainedConv(in_channels=1, out_channels=1)
    weight = torch.randn(5, 5) + 0.5
    with torch.no_grad():
        layer.weight.copy_(weight)
    layer.project_()
    expected = weight / (weight.sum() - weight[2, 2])
    expected[2, 2] = -1.0
    torch.testing.assert_close(layer.weight[0, 0].detach(), expected)
    layer.project_()
    torch.testing.assert_close(layer.weight[0, 0].detach(), expected)


def test_constrained_conv_after_an_optimizer_step() -> None:
    layer = ConstrainedConv()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.rand(2, 3, 16, 16)).square().mean().backward()
        optimizer.step()
        layer.project_()
    assert layer.weight.requires_grad
    assert_constrained(layer)


@pytest.mark.parametrize("case", ["zero", "antisymmetric", "nearly antisymmetric"])
def test_constrained_conv_guards_a_sum_near_zero(case: str) -> None:
    layer = ConstrainedConv()
    upper = torch.randn(3, 3, 5, 5)
    weight = torch.zeros_like(upper) if case == "zero" else upper - upper.flip(2, 3)
    if case == "nearly antisymmetric":
        weight[..., 0, 0] += 1e-6
    with torch.no_grad():
        layer.weight.copy_(weight)
    layer.project_()
    assert_constrained(layer)
    assert layer.weight.abs().max() <= weight.abs().max() + 1.0
    # The closest filter that sums to 1: all neighbors move by the same amount.
    moved = (layer.weight - weight).detach().flatten(2)
    torch.testing.assert_close(moved[..., :12], moved[..., :1].expand(3, 3, 12), rtol=0, atol=1e-6)


def test_constrained_conv_of_a_constant_image_is_zero_inside() -> None:
    layer = ConstrainedConv().double()
    layer.project_()
    assert layer(torch.full((1, 3, 12, 12), 0.8, dtype=torch.float64))[..., 2:-2, 2:-2].abs().max() < 1e-13


@pytest.mark.parametrize("kernel_size", [1, 4])
def test_constrained_conv_refuses_a_kernel_without_center_or_neighbors(kernel_size: int) -> None:
    with pytest.raises(ValueError, match=f"odd and at least 3, got {kernel_size}"):
        ConstrainedConv(kernel_size=kernel_size)


# --- all of them ---

RESIDUALS: list[Callable[[Tensor], Tensor]] = [
    high_pass,
    finite_differences,
    wavelet_wiener,
    lambda x: wavelet_wiener(x, spectral=False),
]
every_residual = pytest.mark.parametrize("residual", RESIDUALS, ids=["hp", "fd", "ww", "ww-no-spectral"])


@every_residual
def test_gradients(residual: Callable[[Tensor], Tensor]) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 10, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(residual, (x,), fast_mode=True)


def test_gradients_of_constrained_conv() -> None:
    layer = ConstrainedConv().double()
    x = torch.rand(1, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))


@every_residual
def test_images_of_a_batch_do_not_influence_each_other(residual: Callable[[Tensor], Tensor]) -> None:
    x = torch.rand(3, 3, 40, 33, generator=torch.Generator().manual_seed(2))
    alone = torch.cat([residual(image[None]) for image in x])
    torch.testing.assert_close(residual(x), alone, rtol=0, atol=1e-7)


@every_residual
def test_gradient_does_not_change_the_value_and_the_input_stays(residual: Callable[[Tensor], Tensor]) -> None:
    x = torch.rand(1, 3, 24, 24)
    before = x.clone()
    torch.testing.assert_close(residual(x), residual(x.clone().requires_grad_()).detach(), rtol=0, atol=0)
    assert torch.equal(x, before)


@every_residual
def test_wrong_input_is_refused(residual: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"shape \(N, C, H, W\), got \(3, 16, 16\)"):
        residual(torch.rand(3, 16, 16))
    with pytest.raises(ValueError, match=r"floating-point tensor, got torch.uint8"):
        residual(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_residual
def test_gpu_equals_cpu(residual: Callable[[Tensor], Tensor]) -> None:
    x = unit_tensor(photograph("coffee", 203, 317)).repeat(2, 1, 1, 1)
    with torch.autocast("cuda"):
        got = residual(x.cuda())
    torch.testing.assert_close(got.cpu(), residual(x), rtol=0, atol=2e-6)
