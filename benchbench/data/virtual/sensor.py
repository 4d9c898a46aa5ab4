"""Sensor: PRNU, fixed pattern, Poisson-Gaussian noise, Bayer mosaic, 12 bits; and LibRaw, which reads it back.

The mosaic becomes a DNG file in memory, so that a real raw converter does the demosaicing.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from benchbench.data.virtual.cameras import SensorSpec

BLACK, WHITE = 256, 4095  # raw levels of no light and of saturation, 12 bits
_PHASE = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class Device:
    """What tells two devices of a model apart. gain, offset: (H, W) float32, around 1 and 0 (saturation = 1)."""

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]


def make_device(spec: SensorSpec, size: int, rng: np.random.Generator) -> Device:
    """Draw a device: white Gaussian PRNU; fixed pattern half from pixels, half from columns (column amplifiers)."""
    gain = 1 + spec.prnu * rng.standard_normal((size, size), np.float32)
    pixels = rng.standard_normal((size, size), np.float32)
    columns = rng.standard_normal((1, size), np.float32)
    offset = spec.fixed * np.sqrt(np.float32(0.5)) * (pixels + columns)
    return Device(gain.astype(np.float32), offset.astype(np.float32))


def mosaic(image: NDArray[np.float32], cfa: str) -> NDArray[np.float32]:
    """(H, W, 3) -> (H, W): the color that each pixel's filter lets through; `cfa` names the 2 x 2 cell row by row."""
    out = np.empty(image.shape[:2], np.float32)
    for (i, j), color in zip(_PHASE, cfa, strict=True):
        out[i::2, j::2] = image[i::2, j::2, "RGB".index(color)]
    return out


def expose(
    light: NDArray[np.float32], spec: SensorSpec, device: Device, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Light per color (H, W, 3), saturation = 1 -> raw levels (H, W), 12 bits.

    raw = K x + f + n with var(n) = a K x + b (Foi et al. 2008, eq. 2-4; PRNU factor K as in Chen et al. 2008).
    """
    x = mosaic(light, spec.cfa) * device.gain
    sigma = np.sqrt(spec.noise_a * np.maximum(x, 0) + spec.noise_b)
    x = x + device.offset + sigma * rng.standard_normal(x.shape, np.float32)
    raw = np.rint(x * (WHITE - BLACK) + BLACK)
    return np.asarray(np.clip(raw, 0, WHITE), np.uint16)


def dng(raw: NDArray[np.uint16], cfa: str) -> BytesIO:
    """A minimal DNG (TIFF/EP color filter array) of the mosaic."""
    import tifffile

    identity = [v for k in range(9) for v in (int(k % 4 == 0), 1)]
    tags = [
        (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, "B", 4, bytes("RGB".index(c) for c in cfa), True),  # CFAPattern
        (50706, "B", 4, bytes((1, 4, 0, 0)), True),  # DNGVersion
        (50707, "B", 4, bytes((1, 1, 0, 0)), True),  # DNGBackwardVersion
        (50708, "s", 0, "benchbench", True),  # UniqueCameraModel
        (50714, "H", 1, BLACK, True),  # BlackLevel
        (50717, "H", 1, WHITE, True),  # WhiteLevel
        (50721, "2i", 9, tuple(identity), True),  # ColorMatrix1
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),  # AsShotNeutral
        (50778, "H", 1, 21, True),  # CalibrationIlluminant1: D65
    ]
    file = BytesIO()
    tifffile.imwrite(file, raw, photometric=32803, planarconfig=1, extratags=tags, metadata=None, software=False)
    file.seek(0)
    return file


def develop(
    raw: NDArray[np.uint16], cfa: str, algorithm: str, white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> NDArray[np.float32]:
    """LibRaw: black level, white balance (R, G, B factors), demosaicing. (H, W) -> (H, W, 3) linear, saturation = 1.

    The factors are divided by their minimum, so every channel clips at 1, as in a camera. LibRaw's own color
    matrix, gamma, automatic brightness and data-dependent maximum are off.
    """
    import rawpy

    r, g, b = white_balance
    with rawpy.imread(dng(raw, cfa)) as file:
        rgb = file.postprocess(
            demosaic_algorithm=getattr(rawpy.DemosaicAlgorithm, algorithm),
            output_color=rawpy.ColorSpace.raw,
            gamma=(1, 1),
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            output_bps=16,
            user_wb=[r, g, b, g],
            user_flip=0,
        )
    return np.asarray(rgb, np.float32) / np.float32(65535)
