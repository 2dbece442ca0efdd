"""NumPy files (`.npy`, `.npz`) as images; nothing in them is executed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.errors import DataError
from seg.io.npz_file import read_npy, read_npz

_NPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_MAX_BYTES_A_PIXEL = 32  # of the largest image that is read


def is_numpy(start: bytes) -> bool:
    """Return whether a file that starts so is a `.npy`, or an archive as `.npz` is one."""
    return start.startswith((_NPY, _ZIP))


def format_of(start: bytes) -> str:
    """Return the name of a NumPy file's format."""
    return "NPY" if start.startswith(_NPY) else "NPZ"


def read_array(content: bytes, path: Location, max_pixels: int) -> NDArray[Any]:
    """Return the array of a file, H x W x bands, in this machine's byte order.

    An array of three dimensions is H x W x bands. One with more bands than rows is refused: it may
    be stored as bands x H x W.

    Args:
        content: of the file.
        path: of the file, for messages.
        max_pixels: the largest image that is read; of a compressed file nothing larger is unpacked.

    Raises:
        DataError: it is larger, or no image.
        ValueError: it is damaged, or holds anything but numbers.
    """
    max_bytes = max_pixels * _MAX_BYTES_A_PIXEL
    if content.startswith(_NPY):
        array = read_npy(content, max_bytes=max_bytes)
    else:
        arrays = read_npz(content, max_bytes=max_bytes)
        if len(arrays) != 1:
            names = ", ".join(map(repr, list(arrays)[:4])) or "none"
            raise DataError(
                f"{path}: image holds {len(arrays)} arrays: {names}\n"
                "  save the one that is the image on its own",
                fault="not_a_picture",
            )
        (array,) = arrays.values()
    image = array[..., None] if array.ndim == 2 else array
    if image.ndim != 3 or 0 in image.shape:
        raise _no_image(path, array.shape, "allowed: H x W, or H x W x bands")
    if image.shape[2] > image.shape[0]:
        raise _no_image(
            path,
            array.shape,
            "more bands than rows: is it bands x H x W? numpy.moveaxis(array, 0, -1) makes it"
            " H x W x bands;\n  a TIFF takes any shape",
        )
    if image.shape[0] * image.shape[1] > max_pixels:
        message = f"{path}: image has more than {max_pixels} pixels; cut it into tiles"
        raise DataError(message, fault="too_large")
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def _no_image(path: Location, shape: tuple[int, ...], why: str) -> DataError:
    text = " x ".join(map(str, shape)) or "no dimensions"
    return DataError(f"{path}: an array of {text} is no image\n  {why}", fault="not_a_picture")
