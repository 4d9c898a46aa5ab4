"""Optics: a lens of the lensfun database as a map from photograph to scene, its vignetting, and its blur.

A rendered photograph stands for the camera's whole field of view, scaled down: its half diagonal is the
sensor's. Distortion, lateral chromatic aberration and vignetting, functions of the relative radius, are
therefore the measured ones at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from benchbench.data.cameras import LensSpec
from benchbench.errors import DataError

Image = NDArray[np.float32]
_FAR = 1000.0  # focus distance in m: lensfun's vignetting calibrations for compacts are at infinity


@dataclass(frozen=True)
class Optics:
    """A lens at one photograph size, both arrays indexed by photograph row and column.

    where: (H, W, 3, 2) float32, the scene's (x, y) in px for each pixel and color, 0 = center of the first pixel.
    light: (H, W, 3) float32, share of the light that arrives, 1 at the center.
    margin: px of scene that the lens sees outside the ideal frame on each side.
    """

    where: NDArray[np.float32]
    light: NDArray[np.float32]
    blur: float
    margin: int

    def image(self, scene: Image) -> Image:
        """Scene of (H + 2 margin, W + 2 margin, 3), linear light -> what falls on the sensor, (H, W, 3)."""
        out = np.empty(self.light.shape, np.float32)
        for c in range(3):
            x, y = self.where[:, :, c, 0], self.where[:, :, c, 1]
            at = np.stack((y, x)) + self.margin
            map_coordinates(scene[:, :, c], at, output=out[:, :, c], order=3, mode="nearest")
        np.maximum(out, 0, out=out)  # cubic interpolation rings below zero at sharp edges
        if self.blur > 0:
            out = gaussian_filter(out, (self.blur, self.blur, 0), mode="nearest")
        return out * self.light


@lru_cache(maxsize=1)
def _database() -> Any:
    import lensfunpy

    # Only the bundled database: one that the user has updated would render other pixels.
    return lensfunpy.Database(load_common=False, load_bundled=True)


def find_lens(spec: LensSpec) -> tuple[Any, Any]:
    """The lensfun camera and lens that `spec` names; the fixed lens of a compact with all three calibrations."""
    for camera in _database().find_cameras(spec.maker, spec.camera):
        for lens in _database().find_lenses(camera):
            if lens.calib_distortion and lens.calib_tca and lens.calib_vignetting:
                return camera, lens
    raise DataError(
        f"lensfun's bundled database has no full calibration of '{spec.maker} {spec.camera}'; "
        "a virtual camera needs it. Install lensfunpy 1.14 or newer."
    )


def calibration(spec: LensSpec) -> dict[str, list[float]]:
    """Terms of the lens at its focal length and aperture: distortion (ptlens a, b, c), tca (poly3), vignetting
    (k1, k2, k3).
    """
    _, lens = find_lens(spec)
    found = {
        "distortion": lens.interpolate_distortion(spec.focal),
        "tca": lens.interpolate_tca(spec.focal),
        "vignetting": lens.interpolate_vignetting(spec.focal, spec.aperture, _FAR),
    }
    missing = [name for name, terms in found.items() if terms is None]
    if missing:
        raise DataError(f"lensfun has no {missing[0]} for '{spec.camera}' at {spec.focal} mm, f/{spec.aperture}.")
    return {name: [round(float(t), 7) for t in terms.terms] for name, terms in found.items()}


@lru_cache(maxsize=32)
def lens_optics(spec: LensSpec, size: int) -> Optics:
    """The lens for photographs of `size` x `size` px. lensfun's correction, reversed: it adds the faults."""
    import lensfunpy

    camera, lens = find_lens(spec)
    modifier = lensfunpy.Modifier(lens, camera.crop_factor, size, size)
    flags = lensfunpy.ModifyFlags
    modifier.initialize(
        spec.focal, spec.aperture, _FAR, 1.0, pixel_format=np.float32,
        flags=flags.DISTORTION | flags.TCA | flags.VIGNETTING, reverse=True,
    )  # fmt: skip
    where = modifier.apply_subpixel_geometry_distortion()
    light = np.ones((size, size, 3), np.float32)
    if where is None or not modifier.apply_color_modification(light):
        raise DataError(f"lensfun cannot apply the calibration of '{spec.camera}' at {spec.focal} mm.")
    overshoot = max(0.0, float(-where.min()), float(where.max()) - (size - 1))
    return Optics(np.ascontiguousarray(where), light, spec.blur, int(np.ceil(overshoot)) + 2)
