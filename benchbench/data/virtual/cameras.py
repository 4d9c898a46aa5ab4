"""The table of virtual camera models, cameras.toml, as validated, frozen objects."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Triple = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
BlackLevel = Annotated[float, Field(ge=0, le=40)]
WhiteLevel = Annotated[float, Field(ge=215, le=255)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LensSpec(_Part):
    """A calibrated lens of the lensfun database. focal in mm, aperture as an f-number, blur as a Gaussian sigma
    in px.
    """

    maker: str
    camera: str
    focal: Positive
    aperture: Positive
    aspect: Positive
    blur: NotNegative


class SensorSpec(_Part):
    """Bayer sensor; all levels are relative to saturation = 1."""

    cfa: Literal["RGGB", "BGGR", "GRBG", "GBRG"]
    response: Triple
    prnu: NotNegative
    fixed: NotNegative
    noise_a: NotNegative
    noise_b: NotNegative


class ToneSpec(_Part):
    """Tone curve: gamma, S-curve share, and the 8-bit output levels of no light and of saturation per channel.

    The bounds of the levels leave the curve rising: `benchbench.data.virtual.processing.tone_curve`.
    """

    gamma: Positive
    contrast: float
    black: tuple[BlackLevel, BlackLevel, BlackLevel]
    white: tuple[WhiteLevel, WhiteLevel, WhiteLevel]


class DenoiseSpec(_Part):
    """Noise reduction; strength in gray levels, chroma as a Gaussian sigma in px."""

    kind: Literal["none", "median", "sigma", "wavelet"]
    strength: NotNegative
    chroma: NotNegative


class SharpenSpec(_Part):
    """Unsharp mask: radius (sigma) in px, threshold in gray levels."""

    radius: Positive
    amount: NotNegative
    threshold: NotNegative


class JpegSpec(_Part):
    """Quantization tables and chroma subsampling; see `benchbench.data.virtual.processing.quantization_tables`."""

    quality: Annotated[int, Field(ge=1, le=100)]
    tilt: float
    chroma: Positive
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"]


class Camera(_Part):
    """One virtual camera model: every parameter of the imaging chain."""

    make: str
    model: str
    lens: LensSpec
    sensor: SensorSpec
    exposure: Positive
    white_bias: tuple[float, float]
    matrix: tuple[Triple, Triple, Triple]
    tone: ToneSpec
    demosaic: Literal["LINEAR", "VNG", "PPG", "AHD", "DCB", "DHT", "AAHD"]
    denoise: DenoiseSpec
    sharpen: SharpenSpec
    jpeg: JpegSpec

    @property
    def name(self) -> str:
        """`<Make>_<Model>`, as in Dresden file names."""
        return f"{self.make}_{self.model}"


class CameraTable(_Part):
    """cameras.toml: the models in class order, and the neutral camera of the camera-off control."""

    camera: tuple[Camera, ...]
    neutral: Camera


@lru_cache(maxsize=1)
def camera_table() -> CameraTable:
    """Read and validate the packaged table."""
    text = files("benchbench.data.virtual").joinpath("cameras.toml").read_text(encoding="utf-8")
    return CameraTable.model_validate(tomllib.loads(text))
