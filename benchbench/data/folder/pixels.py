"""One photograph from a file: decoded whole and with every doubt of the decoder, or the reason why it is of no use."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from benchbench.base.jpeg import MAKE, MODEL, SERIAL, JpegHeader, exif_text, jpeg_header
from benchbench.contracts.layout import FORMATS, Layout

MOST_PIXELS = 150_000_000
"""Of a photograph: more than any camera takes at one exposure, and less than would fill a worker's memory."""
_MODES = {
    "L": "gray",
    "CMYK": "CMYK",
    "P": "palette",
    "1": "black and white",
    "RGBA": "RGB with transparency",
    "LA": "gray with transparency",
}
_OTHERS = {b"RIFF": "WebP", b"GIF8": "GIF", b"BM": "BMP", b"\0\0\0\x0cjP": "JPEG 2000", b"\xff\x0a": "JPEG XL"}
_ROWS, _COLUMNS = np.arange(64), np.arange(72)
_EIGHT, _NINE = np.arange(0, 64, 8), np.arange(0, 72, 8)
_SUBFILE, _BITS, _SUB_IFDS = 254, 258, 330  # TIFF tags


@dataclass(frozen=True)
class Photo:
    """A photograph. pixels: (H, W, 3) uint8, stored orientation. jpeg: of a JPEG file. make, model, serial: by EXIF."""

    pixels: NDArray[np.uint8]
    jpeg: JpegHeader | None = None
    make: str = ""
    model: str = ""
    serial: str = ""


FaultKind = Literal["undecodable", "damaged", "too small", "too large", "not RGB", "bits", "pages", "kind"]


class UnusableError(Exception):
    """Why a file is of no use, as the rest of a sentence: 'is too small (80x60)'; `kind` names all like it."""

    def __init__(self, kind: FaultKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def read_photo(file: Path, size: int, layout: Layout | None = None) -> Photo:
    """Read a photograph; what its content is decides, whatever its name says.

    Args:
        size: side of the crop that it has to hold, px.
        layout: knows how to read files that are no images.

    Raises:
        UnusableError: for whatever reason; nothing else is raised.
    """
    try:
        pixels = layout.pixels(file) if layout is not None else None
        if pixels is not None:
            _check_size(pixels.shape[1], pixels.shape[0], size)
            return Photo(pixels)
        content = file.read_bytes()
        return _jpeg(content, size) if content[:2] == b"\xff\xd8" else _other(file, content[:32], size)
    except UnusableError:
        raise
    except OSError as error:
        raise UnusableError("undecodable", f"cannot be read ({error.strerror or error})") from None
    except Exception as error:  # whatever a damaged file makes a decoder raise is a fact about the file
        raise UnusableError("undecodable", f"cannot be decoded ({_why(error)})") from None


def _why(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return "truncated file" if "truncated" in text.lower() else text or type(error).__name__


def _check_size(width: int, height: int, size: int) -> None:
    if width * height > MOST_PIXELS:
        found, most = width * height / 1e6, MOST_PIXELS // 10**6
        raise UnusableError("too large", f"has {found:.0f} megapixels; up to {most} are read")
    if min(width, height) < size:
        raise UnusableError("too small", f"is too small ({width}x{height}; the crop takes {size}x{size})")


def _jpeg(content: bytes, size: int) -> Photo:
    header = jpeg_header(content)
    if header is None:
        raise UnusableError("undecodable", "cannot be decoded (truncated file)")
    if len(header.coding.sampling) != 3:
        name = {1: "gray", 4: "CMYK"}.get(len(header.coding.sampling), f"{len(header.coding.sampling)} components")
        raise UnusableError("not RGB", f"is not RGB ({name})")
    if header.bits != 8:
        raise UnusableError("bits", f"has {header.bits} bits a channel, and 8 are read")
    _check_size(header.width, header.height, size)
    try:
        # The same library as Pillow's, and it says what Pillow swallows: warnings of wrong pixels.
        pixels = simplejpeg.decode_jpeg(content, "RGB", fastdct=False, fastupsample=False, strict=True)
    except ValueError as error:
        text = str(error)
        if "Premature end" in text:
            raise UnusableError("undecodable", "cannot be decoded (truncated file)") from None
        if "Corrupt JPEG" in text:
            raise UnusableError("damaged", f"is damaged ({text})") from None
        pixels = _pillow(content)  # arithmetic coding, and whatever else that library was built without
    return Photo(pixels, header, *exif_text(header.exif, MAKE, MODEL, SERIAL))


def _pillow(content: bytes) -> NDArray[np.uint8]:
    import io

    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return np.asarray(image.convert("RGB"))


def _other(file: Path, start: bytes, size: int) -> Photo:
    for magic, name in _OTHERS.items():
        if start.startswith(magic) and (name != "WebP" or start[8:12] == b"WEBP"):
            raise UnusableError("kind", f"is a {name} file, whatever its name says; JPEG, PNG and TIFF are read")
    if start[4:8] == b"ftyp":
        raise UnusableError("kind", "is an HEIC or AVIF file, whatever its name says; JPEG, PNG and TIFF are read")
    try:
        with warnings.catch_warnings():  # of large pictures, which have a limit of their own here
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnusableError("undecodable", "cannot be decoded (not an image file)") from None
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 10**6
        raise UnusableError("too large", f"has more than {most} megapixels; up to {most} are read") from None
    with image:
        if image.format == "TIFF":
            tags = image.tag_v2  # type: ignore[attr-defined]
            bits = max(tags.get(_BITS, (8,)))
            if tags.get(_SUBFILE, 0) & 1 or _SUB_IFDS in tags:
                raise UnusableError("pages", "begins with a preview, as a raw file does; save it as one picture")
            if (pages := getattr(image, "n_frames", 1)) > 1:
                raise UnusableError("pages", f"has {pages} pages; save it as one picture")
        else:
            bits = start[24] if image.format == "PNG" else 8
        if bits != 8 and image.mode not in ("1", "P"):
            raise UnusableError("bits", f"has {bits} bits a channel, and 8 are read")
        if image.mode != "RGB":
            raise UnusableError("not RGB", f"is not RGB ({_MODES.get(image.mode, image.mode)})")
        if image.format not in ("PNG", "TIFF"):
            raise UnusableError("kind", f"is a {image.format} file; JPEG, PNG and TIFF are read")
        _check_size(image.width, image.height, size)
        return Photo(np.asarray(image), None, *exif_text(image.info.get("exif", b""), MAKE, MODEL, SERIAL))


def pixel_digest(pixels: NDArray[np.uint8]) -> str:
    """sha256 over shape and pixels, hexadecimal."""
    found = hashlib.sha256(repr(pixels.shape).encode())
    found.update(np.ascontiguousarray(pixels).data)
    return found.hexdigest()


def look_hash(pixels: NDArray[np.uint8]) -> int:
    """64 bits that say what a photograph shows: which of two neighbours in an 8 x 9 thumbnail is brighter.

    Copies that were saved again or scaled differ in a few bits; photographs of other scenes in about half of them.
    """
    height, width = pixels.shape[:2]
    rows, columns = _ROWS * height // 64, _COLUMNS * width // 72
    # Sums of 64 samples each, of green alone.
    thumbnail = np.add.reduceat(pixels[rows[:, None], columns, 1].astype(np.int32), _EIGHT, 0)
    thumbnail = np.add.reduceat(thumbnail, _NINE, 1)
    bits = np.packbits(thumbnail[:, 1:] > thumbnail[:, :-1])
    return int.from_bytes(bits.tobytes())
