"""EXIF of a photograph that was changed: kept, stripped, or made to fit the camera that it should come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PIL import Image

from benchbench.base.jpeg import MAKE, MODEL, CameraFile

ExifMode = Literal["keep", "strip", "consistent"]
_ORIENTATION, _EXIF, _GPS = 0x0112, 0x8769, 0x8825
# What says nothing of the camera: orientation, resolution, times, color space, size.
_NEUTRAL = frozenset({_ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0132})
_NEUTRAL_INNER = frozenset({0x9003, 0x9004, 0xA001, 0xA002, 0xA003})


@dataclass(frozen=True)
class Written:
    """EXIF to write, and what was done to it in words."""

    content: bytes
    said: str


def rewritten(original: bytes, mode: ExifMode, wanted: CameraFile | None) -> Written:
    """Return the EXIF of the changed photograph. A thumbnail, which shows the photograph unchanged, is never kept.

    Args:
        original: the Exif segment, or nothing.
        wanted: what is known of files of the wanted camera model.
    """
    before = Image.Exif()
    try:
        before.load(original)
        inner, gps = dict(before.get_ifd(_EXIF)), dict(before.get_ifd(_GPS))
    except Exception:  # whatever damaged Exif makes its reader raise: there is none then
        before, inner, gps = Image.Exif(), {}, {}
    tags = {tag: before[tag] for tag in before if tag not in (_EXIF, _GPS)}
    count = len(tags) + len(inner) + len(gps)
    if mode == "keep":
        return Written(_bytes(tags, inner, gps) if count else b"", "EXIF is kept, without its thumbnail")
    kept = {tag: value for tag, value in tags.items() if tag == _ORIENTATION}
    kept_inner: dict[int, object] = {}
    if mode == "consistent":
        kept = {tag: value for tag, value in tags.items() if tag in _NEUTRAL}
        kept_inner = {tag: value for tag, value in inner.items() if tag in _NEUTRAL_INNER}
        if wanted is not None and wanted.model:
            kept |= {MAKE: wanted.make, MODEL: wanted.model}
    dropped = count - len([tag for tag in kept if tag not in (MAKE, MODEL)]) - len(kept_inner)
    named = f"make and model are '{wanted.make}', '{wanted.model}'" if MODEL in kept and wanted else "no make and model"
    return Written(
        _bytes(kept, kept_inner, {}) if kept or kept_inner else b"", f"EXIF: {named}, {dropped} tags dropped"
    )


def _bytes(tags: dict[int, object], inner: dict[int, object], gps: dict[int, object]) -> bytes:
    made = Image.Exif()
    made.update(tags)
    for number, values in ((_EXIF, inner), (_GPS, gps)):
        if values:
            made.get_ifd(number).update(values)
            made[number] = values
    return made.tobytes()
