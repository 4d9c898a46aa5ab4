"""The header of a JPEG file: what its camera wrote into it, read without decoding a pixel."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from operator import itemgetter

from PIL import Image

# Zigzag order of ITU-T T.81, figure 5: position in the file -> place in the 8 x 8 table, row by row.
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i % 8 if (i // 8 + i % 8) % 2 == 0 else i // 8))
# Twenty thousand headers are read at once: picked in C, not in a loop.
_ROWS = itemgetter(*sorted(range(64), key=_ZIGZAG.__getitem__))
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file is compressed.

    sampling: (horizontal, vertical) factors of each component. tables: quantization table of each component, 64
    entries row by row.
    """

    sampling: tuple[tuple[int, int], ...]
    tables: tuple[tuple[int, ...], ...]

    @property
    def subsampling(self) -> int | None:
        """The color sampling as Pillow's writer takes it: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0; None: it cannot.

        What counts is how much finer the first component is: 2x2,1x2,1x2 is 4:2:2 in another order of blocks.
        """
        first, *others = self.sampling
        finer = {(first[0] / h, first[1] / v) for h, v in others}
        known = {(1.0, 1.0): 0, (2.0, 1.0): 1, (2.0, 2.0): 2}
        return known.get(finer.pop()) if len(finer) == 1 else None

    @property
    def sampling_text(self) -> str:
        """The sampling factors, e.g. '2x2,1x2,1x2'."""
        return ",".join(f"{h}x{v}" for h, v in self.sampling)


@dataclass(frozen=True)
class CameraFile:
    """How a camera model writes its files. make, model: as its EXIF says, or nothing."""

    coding: JpegCoding
    make: str = ""
    model: str = ""


@dataclass(frozen=True)
class JpegHeader:
    """What stands before the picture of a JPEG file.

    width, height: px. bits: of a sample. exif: the Exif segment or nothing.
    """

    width: int
    height: int
    bits: int
    coding: JpegCoding
    exif: bytes = b""


def jpeg_header(content: bytes) -> JpegHeader | None:
    """Read the segments before the first scan; None if this is no JPEG file, or its header is damaged."""
    tables: dict[int, tuple[int, ...]] = {}
    frame, exif, at = b"", b"", 2
    if content[:2] != b"\xff\xd8":
        return None
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _ALONE or marker == 0xFF:  # fill bytes may stand before any marker
            at += 1 if marker == 0xFF else 2
            continue
        size = int.from_bytes(content[at + 2 : at + 4])
        segment = content[at + 4 : at + 2 + size]
        if marker == 0xDB:
            _tables(segment, tables)
        elif marker in _SOF:
            frame = segment
        elif marker == 0xE1 and segment[:6] == b"Exif\0\0" and not exif:
            exif = segment
        elif marker == 0xDA:
            return _header(frame, tables, exif)
        at += 2 + size
    return None


def _tables(segment: bytes, tables: dict[int, tuple[int, ...]]) -> None:
    at = 0
    while at < len(segment):
        width, number = 1 + (segment[at] >> 4), segment[at] & 15
        values = segment[at + 1 : at + 1 + 64 * width]
        if len(values) < 64 * width:
            return
        tables[number] = _ROWS(values if width == 1 else struct.unpack(">64H", values))
        at += 1 + 64 * width


def _header(frame: bytes, tables: dict[int, tuple[int, ...]], exif: bytes) -> JpegHeader | None:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return None
    parts = [frame[6 + 3 * k : 9 + 3 * k] for k in range(frame[5])]
    if not all(part[1] >> 4 and part[1] & 15 for part in parts):
        return None
    return JpegHeader(
        width=int.from_bytes(frame[3:5]),
        height=int.from_bytes(frame[1:3]),
        bits=frame[0],
        coding=JpegCoding(
            tuple((part[1] >> 4, part[1] & 15) for part in parts), tuple(tables.get(part[2], ()) for part in parts)
        ),
        exif=exif,
    )


def exif_text(exif: bytes, *tags: int) -> tuple[str, ...]:
    """Return the texts of tags of the main directory or of the Exif one; '' for one that is not there or damaged."""
    if not exif:
        return ("",) * len(tags)
    found = Image.Exif()
    try:
        found.load(exif)
        inner = found.get_ifd(0x8769)
        values = [found.get(tag) or inner.get(tag) or "" for tag in tags]
    except Exception:  # whatever damaged Exif makes its reader raise: there is none then
        return ("",) * len(tags)
    return tuple(" ".join(str(value).replace("\0", " ").split()) for value in values)


MAKE, MODEL, SERIAL = 0x010F, 0x0110, 0xA431
