"""The baselines against scipy, scikit-image and Pillow."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import median_filter
from skimage.filters import gaussian

from benchbench.authoring.conformance import check_attack, sample_images
from benchbench.contracts.attack import ATTACKS, CraftContext
from benchbench_attacks.filters import Compression, GaussianBlur, Median

CONTEXT = CraftContext(device=torch.device("cpu"), known=3)
WANTED = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize("size", [3, 5])
def test_median(size: int) -> None:
    x = sample_images()
    found = Median(size=size).perturb(x, None, WANTED, CONTEXT)
    expected = median_filter(x.numpy(), (1, 1, size, size), mode="mirror")
    assert np.array_equal(found.numpy(), expected)


@pytest.mark.parametrize(("size", "sigma"), [(3, 0.8), (5, 1.1)])
def test_gaussian(size: int, sigma: float) -> None:
    x = sample_images()
    blur = GaussianBlur(size=size)
    assert blur.sigma == pytest.approx(sigma)
    found = blur.perturb(x, None, WANTED, CONTEXT).numpy()
    for image, smooth in zip(x.numpy(), found, strict=True):
        # truncate cuts scikit-image's window at size // 2 px.
        expected = gaussian(image, sigma, mode="mirror", truncate=(size // 2) / sigma, channel_axis=0)
        assert np.abs(smooth - expected).max() < 1e-5


def test_jpeg_is_what_a_file_holds() -> None:
    x = sample_images()
    found = Compression(quality=40).perturb(x, None, WANTED, CONTEXT)
    for image, y in zip(x, found, strict=True):
        file = BytesIO()
        pixels = (image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(file, "JPEG", quality=40)
        assert np.array_equal(np.asarray(Image.open(file)), (y.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())


def test_all_seven_are_registered_and_keep_the_contract() -> None:
    names = [name for name in ATTACKS.names() if name.split("-")[0] in ("median", "gaussian", "jpeg")]
    assert sorted(names) == ["gaussian-3", "gaussian-5", "jpeg-30", "jpeg-40", "jpeg-50", "median-3", "median-5"]
    for name in names:
        attack = ATTACKS.create(name)
        assert attack.name == name and attack.card.baseline and not attack.card.targeted
        check_attack(attack)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="size is 4"):
        Median(size=4)
    with pytest.raises(ValueError, match="quality is 0"):
        Compression(quality=0)
