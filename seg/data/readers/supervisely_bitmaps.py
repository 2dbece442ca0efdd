"""Bitmaps of Supervisely: a PNG file, compressed once more and written as base64."""

import base64
import binascii
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.image_decoding import Opened, opened
from seg.data.readers.pixel_centers import Size
from seg.data.readers.urls import in_memory_file
from seg.errors import DataError, brief

_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_MOST_BYTES_A_PIXEL = 8
_ROOM_BYTES = 2**20  # for the other chunks of a PNG
_WITH_ALPHA = ("LA", "PA", "RGBA")
_GREY = ("1", "L", "I", "I;16")


def decode_bitmap(data: Any, size: Size, where: str) -> NDArray[np.bool_]:
    """Decode a bitmap: pixels that are not 0 in a grey file, or not transparent.

    Of a file that was not compressed once more, pixels with any value above 0.

    Args:
        data: the text of the file.
        size: width and height of the image; a larger bitmap is refused.
        where: the object, for messages.

    Raises:
        DataError: it is damaged, larger than the image, or of another form.
    """
    content, is_packed = _unpack(data, size, where)
    with in_memory_file(content, f"{where}: bitmap") as location, opened(location, "label") as file:
        image = file.pillow_image
        values_HW: NDArray[Any]
        if is_packed and image.mode in _GREY:
            values_HW = np.asarray(image)
        elif not is_packed and image.mode in ("RGB", *_WITH_ALPHA):
            values_HW = np.asarray(image).max(axis=-1)
        elif is_packed and (image.mode in _WITH_ALPHA or "transparency" in image.info):
            values_HW = np.asarray(image.convert("RGBA"))[..., 3]
        else:
            raise _other_form(file, where)
    return values_HW.astype(np.bool_)


def decode_alpha(data: Any, size: Size, where: str) -> NDArray[np.bool_]:
    """Decode an alpha mask: the pixels whose alpha, the values of a grey file, is above 0.

    Args, Raises: as for `decode_bitmap`.
    """
    content, _ = _unpack(data, size, where)
    with in_memory_file(content, f"{where}: bitmap") as location, opened(location, "label") as file:
        if file.mode not in ("1", "L"):
            raise _other_form(file, where)
        return np.asarray(file.pillow_image).astype(np.bool_)


def _unpack(data: Any, size: Size, where: str) -> tuple[bytes, bool]:
    """Return a PNG file, and whether it was compressed."""
    try:
        content = base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise _damaged(where, f"no base64 ({error})") from error
    is_packed = not content.startswith(_PNG)
    if is_packed:
        most = _MOST_BYTES_A_PIXEL * size[0] * size[1] + _ROOM_BYTES
        stream = zlib.decompressobj()
        try:
            content = stream.decompress(content, most)
        except zlib.error as error:
            raise _damaged(where, f"not compressed by zlib ({error})") from error
        if stream.unconsumed_tail:
            raise DataError(
                f"{where}: its bitmap has more than {most} bytes, too many for an image of"
                f" {size[0]} x {size[1]}",
                fault="too_large",
            )
        if not stream.eof:
            raise _damaged(where, "truncated")
    if not content.startswith(_PNG):
        raise _damaged(where, f"no PNG file; it starts with {brief(content[:8])}")
    width, height = struct.unpack(">II", content[16:24].ljust(8, b"\0"))
    if width > size[0] or height > size[1]:
        raise DataError(
            f"{where}: its bitmap is larger than the image: {width} x {height}, and"
            f" {size[0]} x {size[1]}",
            fault="size_mismatch",
        )
    return content, is_packed


def _other_form(file: Opened, where: str) -> DataError:
    return _damaged(
        where,
        f"a PNG file of {file.mode} pixels, which the package supervisely does not read either",
    )


def _damaged(where: str, why: str) -> DataError:
    return DataError(f"{where}: its bitmap is {why}", fault="annotation")
