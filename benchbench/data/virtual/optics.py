"""Optics: a lens of the lensfun database as a map from photograph to scene, its vignetting, and its blur.

A rendered photograph stands for the camera's whole field of view, scaled down: its half diagonal is the
sensor's. Distortion, lateral chromatic aberration and vignetting, functions of the relative radius, are
therefore the measured ones at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy  # it imports its parts as they are used
from numpy.typing import NDArray

from benchbench.base.errors import DataError
from benchbench.data.virtual.cameras import LensSpec

Image = NDArray[np.float32]
_FAR = 1000.0  # focus distance in m: lensfun's vignetting calibrations for compacts are at infinity


@dataclass(frozen=True)
class Optics:
    """A lens at one photograph size.

    where: (H, W, 3, 2) float32, by photograph row, column and color, the scene's (x, y) in px, 0 = center of the
        first pixel.
    light: (H, W, 1) float32, share of the light that arrives, 1 at the center.
    margin: px of scene that the lens sees outside the ideal frame on each side.
    """

    where: NDArray[np.float32]
    light: NDArray[np.float32]
    blur: float
    margin: int

    @cached_property
    def _planes(self) -> list[scipy.sparse.csr_array]:
        side = self.where.shape[0] + 2 * self.margin
        return [bicubic(self.where[:, :, c] + self.margin, side) for c in range(3)]

    def image(self, scene: Image) -> Image:
        """Scene of (H + 2 margin, W + 2 margin, 3), linear light -> what falls on the sensor, (H, W, 3)."""
        height, width = self.where.shape[:2]
        planes = [plane @ scene[:, :, c].ravel() for c, plane in enumerate(self._planes)]
        out: Image = np.stack(planes, axis=1).reshape(height, width, 3)
        np.maximum(out, 0, out=out)  # cubic interpolation rings below zero at sharp edges
        if self.blur > 0:
            out = scipy.ndimage.gaussian_filter(out, (self.blur, self.blur, 0), mode="nearest")
        return np.asarray(out * self.light, np.float32)


def bicubic(where: NDArray[np.float32], side: int) -> scipy.sparse.csr_array:
    """Cubic convolution (Keys 1981, a = -1/2) as a matrix: (H W, side^2), float32.

    where: (H, W, 2), the (x, y) of each pixel in a picture of `side` x `side` px, whose edge pixels go on outside.
    A lens moves every photograph alike, so its weights are worth keeping.
    """
    at = np.asarray(where, np.float64).reshape(-1, 2)
    first = np.floor(at)
    t = at - first
    weights = np.stack(  # (pixels, 2, 4), taps at -1, 0, 1, 2
        [
            ((-0.5 * t + 1) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1,
            ((-1.5 * t + 2) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        ],
        axis=2,
    )
    taps = np.clip(first[:, :, None] + np.arange(-1, 3), 0, side - 1).astype(np.int32)
    columns = taps[:, 1, :, None] * side + taps[:, 0, None, :]
    values = weights[:, 1, :, None] * weights[:, 0, None, :]
    rows = np.arange(0, values.size + 1, 16, dtype=np.int32)
    return scipy.sparse.csr_array(
        (values.astype(np.float32).ravel(), columns.ravel(), rows), shape=(len(at), side * side)
    )


@dataclass(frozen=True)
class Calibration:
    """Terms of lensfun's models: ptlens (a, b, c); poly3 (v, c, b, each for red and blue); pa (k1, k2, k3)."""

    distortion: tuple[float, ...]
    tca: tuple[float, ...]
    vignetting: tuple[float, ...]


@lru_cache(maxsize=1)
def _database() -> Any:
    import lensfunpy

    # Only the bundled database: one that the user has updated would render other pixels.
    return lensfunpy.Database(load_common=False, load_bundled=True)


@lru_cache(maxsize=32)
def calibration(spec: LensSpec) -> Calibration:
    """The lens's terms in lensfun at its focal length and aperture.

    Raises:
        DataError: lensfun's bundled database does not have them.
    """
    for camera in _database().find_cameras(spec.maker, spec.camera):
        for lens in _database().find_lenses(camera):
            found = (
                lens.interpolate_distortion(spec.focal),
                lens.interpolate_tca(spec.focal),
                lens.interpolate_vignetting(spec.focal, spec.aperture, _FAR),
            )
            if all(terms is not None for terms in found) and found[0].model.name == "PTLENS":
                a, b, c = (tuple(round(float(t), 7) for t in terms.terms) for terms in found)
                return Calibration(a, b, c)
    raise DataError(
        f"lensfun's bundled database has no full calibration of '{spec.maker} {spec.camera}' "
        f"at {spec.focal} mm, f/{spec.aperture}; a virtual camera needs it. Install lensfunpy 1.14 or newer."
    )


@lru_cache(maxsize=6)  # of 27 MB each at 256 px; photographs come camera by camera
def lens_optics(spec: LensSpec, size: int) -> Optics:
    """The lens for photographs of `size` x `size` px.

    lensfun's models (lensfun.sourceforge.net, "calibration"), evaluated here: its own SSE code is rough to half
    a pixel with a period of four pixels, which would be a trace of lensfun and not of the lens.

        distortion (ptlens)  r_d = r_u (a r_u^3 + b r_u^2 + c r_u + 1 - a - b - c), r = 1 at half the shorter side
        chromatic aberration r_color = r_d (b r_d^2 + c r_d + v), the same unit, for red and blue
        vignetting           light = 1 + k1 r^2 + k2 r^4 + k3 r^6, r = 1 in the corner
    """
    found = calibration(spec)
    center = (size - 1) / 2
    y, x = np.mgrid[:size, :size] - center
    radius = np.hypot(x, y)
    unit = center * np.sqrt(2) / np.hypot(spec.aspect, 1)  # px of half the shorter side of the calibrated frame
    a, b, c = found.distortion
    ideal = np.linspace(0, 3 * radius.max() / unit, 8192)
    distorted = ideal * (a * ideal**3 + b * ideal**2 + c * ideal + 1 - a - b - c)
    red, blue, red1, blue1, red2, blue2 = found.tca
    where = np.empty((size, size, 3, 2), np.float32)
    for k, (v, v1, v2) in enumerate(((red, red1, red2), (1.0, 0.0, 0.0), (blue, blue1, blue2))):
        seen = distorted * (v2 * distorted**2 + v1 * distorted + v)
        turn = int(np.argmin(np.diff(seen) > 0)) or len(seen)  # beyond its frame the polynomial may fold back
        if seen[turn - 1] * unit < radius.max():
            raise DataError(f"the calibration of '{spec.camera}' does not reach the corners of the frame.")
        scale = np.interp(radius / unit, seen[:turn], ideal[:turn]) * unit / np.maximum(radius, 1e-9)
        where[:, :, k, 0], where[:, :, k, 1] = center + x * scale, center + y * scale
    overshoot = max(0.0, -float(np.min(where)), float(np.max(where)) - (size - 1))
    r2 = radius**2 / (2 * center**2)
    k1, k2, k3 = found.vignetting
    light = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return Optics(where, np.asarray(light[:, :, None], np.float32), spec.blur, int(np.ceil(overshoot)) + 2)
