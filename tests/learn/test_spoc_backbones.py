"""The networks that SpoC was judged by: counts by hand, timm's own at full width, tiles by plain loops, numpy's FFT."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.models import create_model
from timm.models.inception_v3 import InceptionV3 as TimmInception

from benchbench.contracts.backbone import BACKBONES
from benchbench.contracts.preprocessor import PREPROCESSORS
from benchbench.learn.backbones.bondi_network import BondiNetwork
from benchbench.learn.backbones.tiling import tiles


def build(name, classes=7, channels=3, **shape):
    backbone = BACKBONES.create(name)
    torch.manual_seed(0)
    return backbone.build(backbone.shape(**shape), channels, classes, 0.0)


def weights(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("classes", [6, 10])
def test_bondi_has_the_published_number_of_weights(classes):
    convolutions = sum(k * k * a * b + b for a, b, k in ((3, 32, 4), (32, 48, 5), (48, 64, 5), (64, 128, 5)))
    by_hand = convolutions + (128 * 128 + 128) + (128 * classes + classes)
    assert weights(build("bondi2017", classes)) == by_hand == 338_320 + 129 * classes


def test_bondi_takes_the_mean_image_of_what_it_was_shown_off():
    network = BondiNetwork((2, 2, 2, 2), 4, 3, 5).train()
    shown = torch.rand(6, 3, 64, 64) * 2 - 1
    network(shown[:2])
    network(shown[2:])
    assert torch.allclose(network.mean.mean, shown.mean(0), atol=1e-6)
    network.eval()
    seen = []
    network.body.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    x = shown[:1]
    network(x)
    assert torch.allclose(seen[0], ((x - shown.mean(0)) * 127.5) / 80, atol=1e-5)


def test_tiles_against_plain_loops_and_scores_are_their_mean():
    x = torch.rand(2, 3, 140, 200)
    cut, count = tiles(x, 64)
    assert count == 6
    top, left = (140 - 128) // 2, (200 - 192) // 2
    expected = [x[n, :, top + 64 * i : top + 64 * i + 64, left + 64 * j : left + 64 * j + 64]
                for n in range(2) for i in range(2) for j in range(3)]  # fmt: skip
    assert torch.equal(cut, torch.stack(expected))
    network = build("bondi2017", channels=3).eval()
    scores = torch.stack([network(tile[None])[0] for tile in expected]).view(2, 6, 7).mean(1)
    assert torch.allclose(network(x), scores, atol=1e-5)
    small, count = tiles(torch.rand(1, 3, 40, 64), 64)
    assert small.shape == (1, 3, 64, 64) and count == 1
    assert torch.equal(small[..., 40:, :], small[..., 39:40, :].expand(-1, -1, 24, -1))


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("xception", lambda: create_model("legacy_xception", num_classes=7)),
        ("inceptionv3", lambda: TimmInception(num_classes=7, aux_logits=False)),
    ],
)
def test_thinned_networks_are_timms_with_fewer_channels(name, theirs):
    published = theirs()
    assert weights(build(name)) == weights(published)
    thin = build(name, width=0.125, channels=1).eval()
    wide = [tuple(p.shape) for p in published.parameters() if p.ndim == 4]
    narrow = [tuple(p.shape) for p in thin.parameters() if p.ndim == 4]
    for n, w in list(zip(narrow, wide, strict=True))[1:]:
        assert n[0] * 8 == w[0] and n[1] in (w[1] / 8, 1) and n[2:] == w[2:]
    for side in (32, 96):
        assert thin(torch.rand(2, 1, side, side)).shape == (2, 7)
    with pytest.raises(ValueError, match=r"width 0\.3: a layer of"):
        build(name, width=0.3)


def test_tuama_stands_behind_one_channel_and_sees_any_size():
    network = build("tuama2016", channels=1).eval()
    first = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in first] == [(64, 3, 2), (48, 5, 1), (48, 5, 1)]
    assert network(torch.rand(1, 1, 300, 256)).shape == (1, 7)


def test_spectrum_is_numpys():
    x = torch.rand(2, 3, 48, 40)
    found = PREPROCESSORS.create("spectrum")(x).numpy()
    for picture, ours in zip(x.numpy(), found, strict=True):
        for channel, mine in zip(picture, ours, strict=True):
            logs = np.log(np.abs(np.fft.fft2(channel.astype(np.float64) * 2 - 1)) + 1e-3)
            low, high = np.percentile(logs, [5, 95])
            assert np.allclose(mine, np.clip((logs - low) / (high - low) * 2 - 1, -1, 1), atol=2e-3)
