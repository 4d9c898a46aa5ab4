"""Ranges that parameters and profiles have in common; a value outside is refused where it is read."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST = 10_000_000
"""More of anything is a slip: at one a millisecond it takes three hours."""

Count = Annotated[int, Field(ge=1, le=MOST)]
Steps = Annotated[int, Field(ge=1, le=100_000)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Decibel = Annotated[float, Field(gt=0, le=100)]
"""A PSNR. At 100 dB less than one gray level in a thousand values is moved."""
