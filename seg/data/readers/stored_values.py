"""The values that an image file stores, where Pillow returns others.

Pillow stretches grey of fewer than 8 bits to 0..255 and PGM files by their largest value, inverts
WhiteIsZero and PBM, and keeps the high byte of 16-bit color.
"""

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.readers.image_decoding import Opened

_PNG_DEPTH, _PNG_COLOR = 24, 25  # positions of bit depth and color type in a PNG file
_GREY_ALPHA = 4
_GAP = rb"(?:\s|#[^\n]*\n)+"
# width, height and the largest value of a grey or RGB file (Netpbm: pgm, ppm)
_HEADER = re.compile(rb"P[2356](?:" + _GAP + rb"(\d+)){3}")


def stored_bits(file: Opened) -> int:
    """Return the bits of a stored value of one channel."""
    if file.array is not None:
        return 8 * file.array.dtype.itemsize
    if file.page is not None:
        return file.page.bits
    if file.format == "PNG":
        return file.content[_PNG_DEPTH]
    if file.format == "PPM":
        return max(1, _largest(file.content).bit_length())
    return {"1": 1, "I": 32, "F": 32}.get(file.mode, 8)


def white_is_zero(file: Opened) -> bool:
    """Return whether the stored value 0 means white."""
    if file.page is not None:
        return file.page.white_is_zero
    return file.format == "PPM" and file.mode == "1"


def stored_grey(file: Opened) -> NDArray[Any]:
    """Return the values of a file of one channel as they are stored, H x W; Pillow decodes it."""
    values = np.array(file.pillow_image)
    bits = stored_bits(file)
    if file.format == "PPM" and file.mode not in ("1", "F"):
        return _as_in_pgm(values, file.mode, _largest(file.content))
    if values.dtype == np.bool_:
        return values.astype(np.uint8) ^ np.uint8(white_is_zero(file))
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if file.page is not None and file.mode == "I" and file.page.unsigned:
        return values.view(np.uint32)  # Pillow takes them for signed ones
    if file.mode != "L":
        return values
    if white_is_zero(file):
        values = 255 - values
    return values // (255 // (2**bits - 1)) if bits < 8 else values


def is_grey_alpha(file: Opened) -> bool:
    """Return whether a file stores grey and alpha; Pillow makes RGBA of those of 16 bits."""
    of_png = file.format == "PNG" and file.content[_PNG_COLOR] == _GREY_ALPHA
    return of_png or file.mode == "LA"


def deep_color(file: Opened) -> NDArray[np.uint16]:
    """Decode 16-bit color as stored, H x W x 3 or H x W x 4, RGB and alpha.

    It is oriented as Pillow orients it.

    Raises:
        ValueError: OpenCV, which decodes it, and Pillow do not agree on the high bytes.
    """
    high_HWC = np.asarray(file.pillow_image)  # Pillow also reports truncated files
    content = np.frombuffer(file.content, np.uint8)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        values_HWC = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if values_HWC is None or values_HWC.dtype != np.uint16:
        raise ValueError("16-bit color that OpenCV does not decode")
    if values_HWC.ndim == 2:
        values_HWC = values_HWC[..., None]
    if high_HWC.ndim == 2:
        high_HWC = high_HWC[..., None]
    order = [2, 1, 0, 3][: values_HWC.shape[2]] if values_HWC.shape[2] > 1 else [0]
    values_HWC = values_HWC[..., order]
    if is_grey_alpha(file):
        values_HWC, high_HWC = values_HWC[..., [0, -1]], high_HWC[..., [0, -1]]
    deep_HWC = np.asarray(values_HWC, np.uint16)
    compared = min(deep_HWC.shape[2], high_HWC.shape[2])  # a color that is clear has no alpha there
    if not np.array_equal(deep_HWC[..., :compared] >> 8, high_HWC):
        raise ValueError("16-bit color on which two decoders do not agree")
    return deep_HWC


def deep_pnm(file: Opened) -> NDArray[np.uint16] | None:
    """Return the values of a PNM of more than 8 bits, H x W or H x W x 3; None for other files."""
    if file.format != "PPM" or (largest := _largest(file.content)) < 256:
        return None
    if file.mode != "RGB":
        return np.asarray(_as_in_pgm(np.array(file.pillow_image), file.mode, largest), np.uint16)
    file.pillow_image.load()  # reports a truncated file
    width, height = file.pillow_image.size
    count = width * height * 3
    header = _HEADER.match(file.content)
    start = header.end() + 1 if header else 0  # one blank follows the largest value
    if file.content.startswith(b"P3"):
        values = np.array(file.content[start:].split()[:count], np.uint16)
    else:
        values = np.frombuffer(file.content, ">u2", count, start).astype(np.uint16)
    return values.reshape(height, width, 3)


def _as_in_pgm(values: NDArray[Any], mode: str, largest: int) -> NDArray[Any]:
    """Undo Pillow's stretching, which is one to one."""
    top = 255 if mode == "L" else 65535
    if largest == top:
        return values
    stored = np.rint(values.astype(np.float64) * largest / top)
    return stored.astype(np.uint8 if largest < 256 else np.uint16)


def _largest(content: bytes) -> int:
    """Return the largest value that a PNM file announces; 1 for bitmaps."""
    header = _HEADER.match(content)
    return int(header[1]) if header else 1
