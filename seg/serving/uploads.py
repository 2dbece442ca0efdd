"""Images that others send: checked by their first bytes and headers before they are decoded."""

import re
from collections.abc import Callable

from seg.data.readers.jpeg2000 import is_jpeg2000
from seg.data.readers.readers import read_filled
from seg.data.readers.tiff_pages import is_tiff
from seg.data.readers.urls import in_memory_file
from seg.data.readers.value_range import ImageDecoding
from seg.errors import DataError
from seg.inference.image_source import ArrayRaster

FORMAT_FAULT = "format"
"""The fault of a file of a format that is not allowed."""

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_NPY = b"\x93NUMPY"
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes of the kinds of information headers
_ZIP_END, _ZIP_END_BYTES, _MOST_COMMENT = b"PK\x05\x06", 22, 2**16 - 1
_PLACES = re.compile(r"<_io\.\w+[^>]*>|(?:memory://|/vsimem/)[^\s'\"]*")


def decode(content: bytes, decoding: ImageDecoding, *, max_pixels: int) -> ArrayRaster:
    """Decode an image file in memory, as `seg.predict` does its files.

    Raises:
        DataError: it is of no allowed format, damaged, too large, or not of the declared kind.
    """
    check_format(content, decoding)
    try:
        with in_memory_file(content, "image") as location:
            return ArrayRaster(*read_filled(location, decoding, max_pixels=max_pixels))
    except DataError as error:
        message = _PLACES.sub("image", str(error))
        raise DataError(message, fault=error.fault) from None


def check_format(content: bytes, decoding: ImageDecoding) -> None:
    """Check by its first bytes that a file is of an allowed format, and by its end that it is all.

    JPEG 2000 and NumPy files are allowed where the network declares bands or a range of values.

    Raises:
        DataError: it is not.
    """
    is_declared = decoding.bands is not None or decoding.value_range is not None
    kinds = {**_USUAL, **(_DECLARED if is_declared else {})}
    kind = next((name for name, is_it in kinds.items() if is_it(content)), None)
    if kind is None:
        raise DataError(
            f"image: starts with {content[:8]!r}, of no allowed format\n"
            f"  allowed: {', '.join(kinds)}",
            fault=FORMAT_FAULT,
        )
    if kind == "JPEG" and content.find(_JPEG_END, _scan_of(content)) < 0:
        raise DataError("image: is truncated; send it again", fault="truncated")
    if _has_more(kind, content):
        raise DataError(
            "image: further data lie behind its end; save it again with an image program",
            fault="trailing_data",
        )


def _has_more(kind: str, content: bytes) -> bool:
    """Return whether another file is appended."""
    if kind == "PNG" and _PNG_END in content:
        return not content.endswith(_PNG_END)
    if kind == "WebP":
        return len(content) > int.from_bytes(content[4:8], "little") + 9  # one pads odd lengths
    at = content.rfind(_ZIP_END, max(0, len(content) - _ZIP_END_BYTES - _MOST_COMMENT))
    comment = int.from_bytes(content[at + 20 : at + 22], "little")
    return at >= 0 and at + _ZIP_END_BYTES + comment == len(content)


def _scan_of(content: bytes) -> int:
    """Return where the first scan of a JPEG begins: its preview in a segment has an end, too."""
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != b"\xda":
        at += 2 + max(2, int.from_bytes(content[at + 2 : at + 4]))
    return at


def _is_webp(content: bytes) -> bool:
    return content.startswith(b"RIFF") and content[8:12] == b"WEBP"


def _is_bmp(content: bytes) -> bool:
    header = int.from_bytes(content[14:18], "little")
    return content.startswith(b"BM") and header in _BMP_HEADERS


_USUAL: dict[str, Callable[[bytes], bool]] = {
    "PNG": lambda content: content.startswith(_PNG),
    "JPEG": lambda content: content.startswith(_JPEG),
    "WebP": _is_webp,
    "BMP": _is_bmp,
    "TIFF": is_tiff,
}
_DECLARED: dict[str, Callable[[bytes], bool]] = {
    "JPEG 2000": is_jpeg2000,
    "NumPy (.npy)": lambda content: content.startswith(_NPY),
}
