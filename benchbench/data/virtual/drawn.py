"""Other camera models, as many as wanted: drawn from the parameter space of the virtual cameras, beside the twelve."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, get_args

import numpy as np

from benchbench.base.errors import BenchError
from benchbench.base.seeds import stream
from benchbench.data.virtual.cameras import (
    Camera,
    DenoiseSpec,
    JpegSpec,
    LensSpec,
    SensorSpec,
    SharpenSpec,
    ToneSpec,
    camera_table,
)

Cfa = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
Demosaicing = Literal["LINEAR", "VNG", "PPG", "AHD", "DCB", "DHT", "AAHD"]
Denoiser = Literal["none", "median", "sigma", "wavelet"]
Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]

DRAWING = 1
"""Raise when the code draws other models from the same seed and table."""
CFAS: tuple[Cfa, ...] = get_args(Cfa)
DEMOSAICINGS: tuple[Demosaicing, ...] = get_args(Demosaicing)
DENOISERS: tuple[Denoiser, ...] = get_args(Denoiser)
SUBSAMPLINGS: tuple[Subsampling, ...] = get_args(Subsampling)
LENSES = (
    # maker, camera, focal length in mm, f-number, aspect of the frames: of lensfun's database, full calibrations,
    # none of which a camera of the table has
    ("Apple", "iPhone XS", 4.25, 1.8, 1.3333),
    ("Apple", "iPhone XS (tele)", 6.0, 2.4, 1.3333),
    ("Canon", "Canon PowerShot G1 X Mark II", 12.5, 2.0, 1.5),
    ("Canon", "Canon PowerShot G5 X Mark II", 8.8, 1.8, 1.5),
    ("Canon", "Canon PowerShot G7 X", 8.8, 1.8, 1.5),
    ("Canon", "Canon PowerShot SX220 HS", 5.0, 3.1, 1.3333),
    ("Canon", "Canon PowerShot SX30 IS", 4.3, 2.7, 1.3333),
    ("DJI", "FC3411", 8.38, 2.8, 1.5),
    ("DJI", "Mavic Air FC2103", 4.5, 2.8, 1.3333),
    ("DJI", "Mavic Pro FC220", 4.7, 2.2, 1.3333),
    ("Fujifilm", "FinePix X100", 23.0, 2.0, 1.5),
    ("Fujifilm", "X100V", 23.0, 2.0, 1.5),
    ("Fujifilm", "XF10", 18.5, 2.8, 1.5),
    ("Huawei", "CLT-L29", 4.0, 1.8, 1.3333),
    ("Ricoh Imaging Company, Ltd.", "Ricoh GR III", 18.3, 2.8, 1.5),
    ("Sony", "DSC-RX100M6", 9.0, 2.8, 1.5),
)


def drawn_cameras(count: int, seed: int = 0) -> tuple[Camera, ...]:
    """Return `count` camera models, none of which is in the table; the first of more are the same ones.

    Each number is uniform between the smallest and the largest in the table, each choice is uniform. No drawn model has
    a lens of the table, or both demosaicing and noise reduction of one of its models, so that none is a listed model
    under another name.

    Args:
        count: at least 0.
        seed: names a population of models.

    Raises:
        BenchError: a negative count.
    """
    if count < 0:
        raise BenchError(f"{count} camera models were asked for; at least 0 are expected.")
    return tuple(_draw(seed, number) for number in range(count))


def _draw(seed: int, number: int) -> Camera:
    rng = stream(seed, "drawn camera", DRAWING, number)
    table = camera_table().camera

    def uniform(of: Callable[[Camera], float], digits: int = 4, among: Iterable[Camera] = table) -> float:
        """Draw between the extremes of the table, to so many significant digits."""
        values = [of(camera) for camera in among]
        return float(f"{rng.uniform(min(values), max(values)):.{digits}g}")

    def levels(of: Callable[[Camera], tuple[float, float, float]]) -> tuple[float, float, float]:
        r, g, b = (float(np.rint(uniform(lambda camera, c=c: of(camera)[c]))) for c in range(3))  # type: ignore[misc]
        return r, g, b

    lens = LENSES[rng.integers(len(LENSES))]
    taken = {(camera.demosaic, camera.denoise.kind) for camera in table}
    free = [(d, n) for d in DEMOSAICINGS for n in DENOISERS if (d, n) not in taken]
    demosaic, denoiser = free[rng.integers(len(free))]
    same = [camera for camera in table if camera.denoise.kind == denoiser]
    red, blue = (uniform(lambda camera, c=c: camera.sensor.response[c]) for c in (0, 2))  # type: ignore[misc]
    return Camera(
        make="Drawn",
        model=f"{seed}-{number:04d}",
        lens=LensSpec(
            maker=lens[0],
            camera=lens[1],
            focal=lens[2],
            aperture=lens[3],
            aspect=lens[4],
            blur=uniform(lambda camera: camera.lens.blur, 2),
        ),
        sensor=SensorSpec(
            cfa=CFAS[rng.integers(len(CFAS))],
            response=(red, 1.0, blue),
            prnu=uniform(lambda camera: camera.sensor.prnu),
            fixed=uniform(lambda camera: camera.sensor.fixed),
            noise_a=uniform(lambda camera: camera.sensor.noise_a),
            noise_b=uniform(lambda camera: camera.sensor.noise_b),
        ),
        exposure=uniform(lambda camera: camera.exposure),
        white_bias=(uniform(lambda camera: camera.white_bias[0]), uniform(lambda camera: camera.white_bias[1])),
        matrix=_matrix(lambda i, j: uniform(lambda camera: camera.matrix[i][j])),
        tone=ToneSpec(
            gamma=uniform(lambda camera: camera.tone.gamma),
            contrast=uniform(lambda camera: camera.tone.contrast),
            black=levels(lambda camera: camera.tone.black),
            white=levels(lambda camera: camera.tone.white),
        ),
        demosaic=demosaic,
        denoise=DenoiseSpec(
            kind=denoiser,
            strength=uniform(lambda camera: camera.denoise.strength, 2, same or table),
            chroma=uniform(lambda camera: camera.denoise.chroma, 2),
        ),
        sharpen=SharpenSpec(
            radius=uniform(lambda camera: camera.sharpen.radius, 3),
            amount=uniform(lambda camera: camera.sharpen.amount, 3),
            threshold=uniform(lambda camera: camera.sharpen.threshold, 2),
        ),
        jpeg=JpegSpec(
            quality=int(rng.integers(min(c.jpeg.quality for c in table), max(c.jpeg.quality for c in table) + 1)),
            tilt=uniform(lambda camera: camera.jpeg.tilt, 2),
            chroma=uniform(lambda camera: camera.jpeg.chroma, 2),
            subsampling=SUBSAMPLINGS[rng.integers(len(SUBSAMPLINGS))],
        ),
    )


Row = tuple[float, float, float]


def _matrix(draw: Callable[[int, int], float]) -> tuple[Row, Row, Row]:
    """Return a color matrix whose off-diagonal numbers are drawn; its rows sum to 1, so that gray stays gray."""

    def row(i: int) -> Row:
        numbers = [0.0 if i == j else draw(i, j) for j in range(3)]
        numbers[i] = round(1 - sum(numbers), 6)
        return numbers[0], numbers[1], numbers[2]

    return row(0), row(1), row(2)
