"""The network that learns Wiener residuals: its formula beside a restatement with scipy, and its precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, gaussian_filter, uniform_filter
from torch import Tensor, nn
from torch.nn import functional as F

from benchbench.base.errors import BenchError
from benchbench.contracts.profile import GeneratorShape
from benchbench.learn.image_to_image import ImageToImage, _softplus

SHAPE = GeneratorShape(kind="wiener-like", channels=4, space_to_depth=2)


def network(shape: GeneratorShape = SHAPE) -> ImageToImage:
    torch.manual_seed(0)
    return ImageToImage(shape, planes=0, bounded=False).eval().requires_grad_(False)


def restated(net: ImageToImage, picture: np.ndarray) -> np.ndarray:
    """(3, H, W) float64 in [-1, 1] -> its residual; inner pixels alone, borders differ."""
    weights = {name: value.double().numpy() for name, value in net.body.state_dict().items()}
    fine = 16 * (picture - gaussian_filter(picture, (0, 2, 2), mode="mirror", truncate=3.0))
    folded = np.stack([fine[c, i::2, j::2] for c in range(3) for i in range(2) for j in range(2)])

    def convolved(planes: np.ndarray, kernels: np.ndarray) -> np.ndarray:
        return np.stack(
            [sum(correlate(p, k, mode="mirror") for p, k in zip(planes, each, strict=True)) for each in kernels]
        )

    answers = convolved(folded, weights["filters.weight"])
    energies = np.concatenate([uniform_filter(answers**2, (0, side, side), mode="mirror") for side in (3, 7)])
    v = convolved(energies, weights["energy.weight"]) + weights["energy.bias"][:, None, None]
    mixed = convolved(answers / (1 + np.log1p(np.exp(v))), weights["mix.weight"])
    out = np.empty_like(picture)
    for k, plane in enumerate(mixed):
        c, i, j = k // 4, k // 2 % 2, k % 2
        out[c, i::2, j::2] = plane / 16
    return out


def test_it_computes_what_its_formula_says() -> None:
    picture = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64))
    net = network()
    found = net(torch.from_numpy(picture)[None].float())[0].numpy()
    assert np.allclose(found[:, 20:-20, 20:-20], restated(net, picture)[:, 20:-20, 20:-20], atol=2e-5)


def plainest(body: nn.Module, x: Tensor) -> Tensor:
    """The network by torch's own layers."""

    def through(layer: nn.Module, x: Tensor) -> Tensor:
        sides = [layer.weight.shape[-1] // 2] * 4
        return F.conv2d(F.pad(x, sides, mode="reflect"), layer.weight, layer.bias)

    line = body.kernel[0].flatten()
    gaussian = (line[:, None] * line).expand(3, 1, -1, -1)
    fine = 16 * (x - F.conv2d(F.pad(x, [len(line) // 2] * 4, mode="reflect"), gaussian, groups=3))
    answers = through(body.filters, F.pixel_unshuffle(fine, 2))
    means = [F.avg_pool2d(answers**2, side, 1, side // 2, count_include_pad=False) for side in (3, 7)]
    energy = F.softplus(through(body.energy, torch.cat(means, 1)), threshold=700)  # by itself exact to e^-20
    left = answers / (1 + energy)
    return F.pixel_shuffle(through(body.mix, left), 2) / 16


def test_it_is_the_plainest_network_to_its_borders_and_in_its_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # raises bfloat16; here there is none
    net = network().double().requires_grad_(True)
    net.body.energy.weight.data *= 40  # energies that turn answers down, from a little to nearly wholly
    x = (torch.rand(2, 3, 48, 40, dtype=torch.double) * 2 - 1).requires_grad_()
    variance = net.body.variance(net.body.filters(F.pixel_unshuffle(16 * x, 2)))
    assert variance.min() < 0.05 and variance.max() > 20
    found, expected = net(x), plainest(net.body, x)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    slope = torch.randn_like(found)
    of = (x, *net.parameters())
    for ours, theirs in zip(*(torch.autograd.grad(y, of, slope) for y in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def test_energies_beyond_what_an_exponential_holds_are_taken_as_they_are() -> None:
    x = torch.tensor([-3e4, -200.0, -1.0, 0.0, 1.0, 200.0, 3e4], requires_grad=True)
    found = _softplus(x)
    torch.testing.assert_close(found, F.softplus(x))
    torch.testing.assert_close(torch.autograd.grad(found.sum(), x)[0], torch.sigmoid(x))


def test_a_flat_picture_has_no_residual() -> None:
    flat = torch.full((1, 3, 32, 32), 0.7)
    assert network()(flat).abs().max() < 1e-5


def test_half_precision_keeps_what_is_a_fraction_of_a_gray_level() -> None:
    fine = torch.from_numpy(np.random.default_rng(1).normal(0, 0.5 / 127.5, (1, 3, 64, 64))).float()
    net = network()
    exact = net(0.9 + fine)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = net(0.9 + fine).float()
    assert (coarse - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("change", [{"planes": 6}, {"shape": SHAPE.model_copy(update={"skip": True})}])
def test_it_is_no_generator(change: dict[str, object]) -> None:
    with pytest.raises(BenchError, match="learns residuals; a generator has another kind"):
        ImageToImage(**({"shape": SHAPE, "planes": 0, "bounded": False} | change))  # type: ignore[arg-type]
