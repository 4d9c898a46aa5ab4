"""Convolutions that take a shorter way, against torch's own on what they stand for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchbench.learn.convolutions import PaddedConv2d, PlanesConv2d, ScoreConv2d
from benchbench.learn.folding import fold_batch_norm


def with_planes(x: Tensor, label: Tensor, classes: int) -> Tensor:
    """Pictures, and behind their channels one plane a class."""
    hot = nn.functional.one_hot(label, classes).to(x)
    return torch.cat([x, hot[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)


def torchs(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """What torch's own convolution makes of the layer's weights."""
    return nn.Conv2d._conv_forward(layer, x, layer.weight, layer.bias)


def same(found: Tensor, expected: Tensor, *of: Tensor) -> None:
    """Equal values, and equal gradients of a random sum of them."""
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    slope = torch.randn_like(expected)
    for ours, theirs in zip(*(torch.autograd.grad(y, of, slope) for y in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=1e-11)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (3, 5), "padding": (1, 2)},
        {"kernel_size": 3, "padding": 2, "stride": 2, "dilation": 2, "groups": 2, "bias": False},
        {"kernel_size": 3, "padding": 1, "padding_mode": "zeros"},
    ],
)
def test_borders_are_reflected_as_torch_does(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    layer = PaddedConv2d(2, 4, **({"padding_mode": "reflect"} | options)).double()
    x = torch.randn(3, 2, 9, 14, dtype=torch.double, requires_grad=True)
    same(layer(x), torchs(layer, x), x, *layer.parameters())


def test_borders_of_bfloat16_are_reflected_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit what torch makes of them in float32: to reflect is to copy."""
    torch.manual_seed(0)
    layer, x = PaddedConv2d(2, 4, 3, padding=1, padding_mode="reflect"), torch.randn(3, 2, 9, 14).bfloat16()
    pad, seen = nn.functional.pad, []
    with torch.autocast("cpu", torch.bfloat16):
        expected = torchs(layer, x)
        monkeypatch.setattr(nn.functional, "pad", lambda x, *a, **k: seen.append(pad(x, *a, **k)) or seen[0])
        found = layer(x)
    assert [made.dtype for made in seen] == [torch.bfloat16]
    assert torch.equal(found, expected) and found.dtype == torch.bfloat16


@pytest.mark.parametrize("size", [(12, 12), (9, 14)])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
        {"kernel_size": 4, "padding": 1, "stride": 2, "bias": False},
        {"kernel_size": 5, "padding": 2},
        {"kernel_size": 7},
    ],
)
def test_planes_need_not_be_made(options: dict[str, Any], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = PlanesConv2d(2, 3, 5, **options).double()
    x, label = torch.randn(4, 2, *size, dtype=torch.double, requires_grad=True), torch.tensor([2, 0, 2, 1])
    same(layer(x, label), torchs(layer, with_planes(x, label, 3)), x, *layer.parameters())
    assert dict(layer.named_parameters()).keys() == dict(nn.Conv2d(5, 5, **options).named_parameters()).keys()


def test_planes_go_through_space_to_depth_too() -> None:
    fold = nn.PixelUnshuffle(2)
    layer = PlanesConv2d(12, 3, 5, 3, repeat=4, padding=1, padding_mode="reflect").double()
    x, label = torch.randn(4, 3, 8, 10, dtype=torch.double, requires_grad=True), torch.tensor([2, 0, 2, 1])
    expected = torchs(layer, fold(with_planes(x, label, 3)))
    same(layer(fold(x), label), expected, x, *layer.parameters())


def test_without_classes_it_is_a_convolution() -> None:
    layer, x = PlanesConv2d(3, 0, 4, 3), torch.randn(2, 3, 7, 7)
    torch.testing.assert_close(layer(x), torch.conv2d(x, layer.weight, layer.bias))


def test_batch_norm_folds_into_it() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = PlanesConv2d(3, 2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)

        def forward(self, x: Tensor, label: Tensor) -> Tensor:
            return self.norm(self.first(x, label))

    network = Net()
    x, label = torch.randn(3, 3, 8, 8), torch.tensor([1, 0, 1])
    network(x, label)  # statistics that are not the initial ones
    expected = network.eval()(x, label)
    folded = fold_batch_norm(copy.deepcopy(network))
    torch.testing.assert_close(folded(x, label), expected, atol=1e-5, rtol=1e-5)
    assert isinstance(folded.norm, nn.Identity)


@pytest.mark.parametrize(("kernel", "padding"), [(4, 1), (3, 1), (3, 0), (5, 4)])
def test_scores_are_those_of_a_convolution(kernel: int, padding: int) -> None:
    torch.manual_seed(0)
    layer = ScoreConv2d(6, kernel, padding).double()
    x = torch.randn(2, 6, 9, 7, dtype=torch.double, requires_grad=True)
    same(layer(x), torchs(layer, x), x, *layer.parameters())
