"""Processing inside the camera: color matrix, tone curve, noise reduction, sharpening, JPEG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import scipy  # it imports its parts as they are used
from numpy.typing import NDArray
from PIL import Image

from benchbench.data.virtual.cameras import Camera, DenoiseSpec, JpegSpec, SharpenSpec, ToneSpec

Float = NDArray[np.float32]

TOE = 0.003
"""Linear light, 1 = saturation, below which every tone curve is straight."""
FOOT = 0.30
"""Share of the range of gray, at either end, in which a model's black and white levels show. Levels up to
255 * FOOT / 2 away from black and white leave the curve rising."""

# ITU-T T.81 tables K.1 and K.2, row by row.
_LUMINANCE = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
_CHROMINANCE = np.full((8, 8), 99)
_CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# ITU-R BT.601, full range, as in JFIF.
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_RGB = np.linalg.inv(_YCC).astype(np.float32)


def process(linear: Float, camera: Camera) -> NDArray[np.uint8]:
    """Developed raw (H, W, 3), linear, white-balanced, saturation = 1 -> 8-bit picture before JPEG."""
    picture = tone_curve(color_matrix(linear, camera), camera.tone)
    ycc = np.asarray(picture @ _YCC.T, np.float32)
    denoise(ycc, camera.denoise)
    sharpen(ycc, camera.sharpen)
    return np.asarray(np.clip(np.rint(ycc @ _RGB.T), 0, 255), np.uint8)


def color_matrix(linear: Float, camera: Camera) -> Float:
    """The model's bias of white and its 3 x 3 matrix; clipped to [0, 1]."""
    red, blue = camera.white_bias
    matrix = np.array(camera.matrix, np.float32) * np.array((red, 1.0, blue), np.float32)
    return np.asarray(np.clip(linear @ matrix.T, 0, 1), np.float32)


def tone_curve(linear: Float, spec: ToneSpec) -> Float:
    """Linear [0, 1] -> gray levels: gamma with a straight toe, then a share `contrast` of the S-curve 3 y^2 - 2 y^3,
    then output black in the foot and output white in the shoulder.

    The toe is straight below `TOE`, with the curve's slope where they meet, as in sRGB and BT.709: a bare power would
    raise the sensor's last bits to whole gray levels. Between foot and shoulder all black and white levels give the
    same gray: a model's levels show where a picture is darkest and brightest, and cost nothing elsewhere.
    """
    power = 1 / spec.gamma
    share = TOE**power * (1 - power)
    lift = share / (1 - share)
    slope = (1 + lift) * power * TOE ** (power - 1)
    curve = np.float32(1 + lift) * np.power(linear, np.float32(power)) - np.float32(lift)
    y = np.where(linear < TOE, np.float32(slope) * linear, curve)
    y += spec.contrast * (y * y * (3 - 2 * y) - y)
    black, white = np.array(spec.black, np.float32), np.array(spec.white, np.float32)
    foot = np.square(np.maximum(1 - y / np.float32(FOOT), 0))
    shoulder = np.square(np.maximum(1 - (1 - y) / np.float32(FOOT), 0))
    return np.asarray(255 * y + black * foot - (255 - white) * shoulder, np.float32)


def denoise(ycc: Float, spec: DenoiseSpec) -> None:
    """Noise reduction in place on (H, W, 3) Y, Cb, Cr in gray levels."""
    if spec.kind == "median":  # strength: the share of the median in the result
        ycc[:, :, 0] += spec.strength * (scipy.ndimage.median_filter(ycc[:, :, 0], 3, mode="nearest") - ycc[:, :, 0])
    elif spec.kind == "sigma":
        ycc[:, :, 0] = _sigma_filter(ycc[:, :, 0], spec.strength)
    elif spec.kind == "wavelet":
        ycc[:, :, 0] = _undecimated_threshold(ycc[:, :, 0], spec.strength)
    if spec.chroma > 0:
        ycc[:, :, 1:] = scipy.ndimage.gaussian_filter(ycc[:, :, 1:], (spec.chroma, spec.chroma, 0), mode="nearest")


def sharpen(ycc: Float, spec: SharpenSpec) -> None:
    """Unsharp mask in place on the luminance; differences below the threshold are left alone."""
    detail = ycc[:, :, 0] - scipy.ndimage.gaussian_filter(ycc[:, :, 0], spec.radius, mode="nearest")
    ycc[:, :, 0] += spec.amount * np.sign(detail) * np.maximum(np.abs(detail) - spec.threshold, 0)


def _sigma_filter(y: Float, sigma: float) -> Float:
    """Bilateral filter on 5 x 5 px with a Gaussian of 1.2 px in space and `sigma` gray levels in value (Tomasi
    1998).
    """
    padded = np.pad(y, 2, mode="edge")
    h, w = y.shape
    total = np.ones_like(y)
    out = y.copy()
    for i in range(5):
        for j in range(5):
            if (i, j) == (2, 2):
                continue
            other = padded[i : i + h, j : j + w]
            space = ((i - 2) ** 2 + (j - 2) ** 2) / (2 * 1.2**2)
            weight = np.exp(-((other - y) ** 2) / np.float32(2 * sigma**2) - np.float32(space))
            total += weight
            out += weight * other
    return np.asarray(out / total, np.float32)


def _undecimated_threshold(y: Float, strength: float) -> Float:
    """Soft threshold on three levels of the a-trous B3-spline wavelet (Starck & Murtagh 1998), halved from
    level to level.
    """
    kernel = np.array([1, 4, 6, 4, 1], np.float32) / 16
    low, out = y, np.zeros_like(y)
    for level in range(3):
        spread = np.zeros(4 * 2**level + 1, np.float32)
        spread[:: 2**level] = kernel
        smooth = scipy.ndimage.correlate1d(
            scipy.ndimage.correlate1d(low, spread, 0, mode="nearest"), spread, 1, mode="nearest"
        )
        detail = low - smooth
        out += np.sign(detail) * np.maximum(np.abs(detail) - strength / 2**level, 0)
        low = smooth
    return np.asarray(out + low, np.float32)


def quantization_tables(spec: JpegSpec) -> list[list[int]]:
    """Luminance and chrominance table, 64 entries each, row by row (as Pillow's `qtables`).

    libjpeg's scaling of the standard tables by quality, times (1 + tilt * (u + v) / 14), and the chrominance
    times `chroma`.
    """
    scale = 5000 / spec.quality if spec.quality < 50 else 200 - 2 * spec.quality
    u, v = np.meshgrid(np.arange(8), np.arange(8))
    tilt = 1 + spec.tilt * (u + v) / 14
    tables = (_LUMINANCE * scale * tilt, _CHROMINANCE * scale * tilt * spec.chroma)
    return [np.clip(np.floor((t + 50) / 100), 1, 255).astype(int).ravel().tolist() for t in tables]


def encode(picture: NDArray[np.uint8], camera: Camera, *, make: str, model: str) -> bytes:
    """The JPEG file that the camera writes, with EXIF Make and Model."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = make, model
    file = BytesIO()
    tables = quantization_tables(camera.jpeg)
    Image.fromarray(picture).save(
        file, "JPEG", qtables=tables, subsampling=camera.jpeg.subsampling, exif=exif.tobytes()
    )
    return file.getvalue()


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8."""
    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
        return np.asarray(image.convert("RGB"))


def center(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Plain center crop (size, size, 3)."""
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return np.ascontiguousarray(pixels[top : top + size, left : left + size])
