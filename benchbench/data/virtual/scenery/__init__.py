"""Scenery: ten kinds of scene, drawn in linear light.

To add a kind, write a function (n, rng) -> (n, n, 3) float32 with the tools of `sketch` and enter it in KINDS.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .built import architecture, text
from .landscape import landscape, sky
from .leaves import foliage, objects
from .light import bokeh, night
from .sketch import Float, blur, resize
from .surfaces import fabric, skin

Draw = Callable[[int, np.random.Generator], Float]

KINDS: dict[str, Draw] = {
    "objects": objects,
    "foliage": foliage,
    "sky": sky,
    "landscape": landscape,
    "fabric": fabric,
    "skin": skin,
    "architecture": architecture,
    "text": text,
    "bokeh": bokeh,
    "night": night,
}
__all__ = ["KINDS", "SOFTNESS", "Float", "blur", "draw", "resize"]

SOFTNESS = (1.2, 2.2)
"""Gaussian blur of a scene, sigma in scene px, drawn from this range: lenses and photographers are never perfect."""


def draw(kind: str, size: int, rng: np.random.Generator) -> Float:
    """Return a scene of a kind, (size, size, 3) float32 in linear light of any scale.

    It is drawn at half its size, which after `SOFTNESS` holds all there is to see.
    """
    half = max(size // 2, 16)
    picture = blur(KINDS[kind](half, rng), rng.uniform(*SOFTNESS) * half / size)
    return np.asarray(np.maximum(resize(picture, size), 0), np.float32)
