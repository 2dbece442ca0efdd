"""Values of image files: their kinds, their ranges, and their conversion to 0..255."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.errors import DataError

ValueRange = tuple[float, float] | tuple[tuple[float, float], ...]
"""The values that become 0 and 255: one pair for all bands, or one a band."""
NO_DATA_FILL = 127.5
"""What stands in images where there is no data: about zero once normalized."""
NO_DATA_BYTE = 128
"""The same in images of 8 bits."""
BYTE_BITS = 8


def is_plain(values: NDArray[Any], bits: int) -> bool:
    """Return whether values use all of a range without declaration: unsigned, up to 8 bits."""
    return bits <= BYTE_BITS and values.dtype.kind in "ub"


def kind_of(values: NDArray[Any], bits: int) -> str:
    """Return the kind of stored values: `16-bit`, `signed 16-bit`, `32-bit floating-point`."""
    if values.dtype.kind == "f":
        return f"{bits}-bit floating-point"
    return f"signed {bits}-bit" if values.dtype.kind == "i" else f"{bits}-bit"


def extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest number, without NaN and infinite ones."""
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)


def likely_range(low: float, high: float) -> str:
    """Return a range to declare for values seen from `low` to `high`.

    Of whole numbers from 0 on, that of the fewest bits which hold them: 0 to 4095 for 3000.
    """
    if low < 0:
        return as_text((low, high))
    whole = float(high).is_integer()
    most = float(2 ** int(high).bit_length() - 1) if whole else float(np.ceil(high))
    return as_text((0.0, max(most, 1.0)))


def as_text(numbers: Iterable[float]) -> str:
    """Return numbers as a list of the configuration takes them, exactly."""
    texts = ((float(number), f"{number:.12g}") for number in numbers)
    return ",".join(text if float(text) == number else repr(number) for number, text in texts)


def inverted(values: NDArray[Any], bits: int, path: Location) -> NDArray[Any]:
    """Return values with 0 for black from those of a file in which 0 means white.

    Raises:
        DataError: they are signed or floating-point, where nothing says which value is black.
    """
    if values.dtype.kind not in "ub":
        raise DataError(
            f"{path}: image holds {kind_of(values, bits)} values of which 0 means white\n"
            "  write it again with 0 for black (PhotometricInterpretation 1)",
            fault="image_kind",
        )
    return np.asarray(2**bits - 1 - values, values.dtype)


def scaled_values(
    values: NDArray[Any], ranges: Sequence[tuple[float, float]], *, clip: bool
) -> NDArray[np.float32]:
    """Map values so that each range becomes 0..255, in float32.

    Whole numbers of up to 16 bits and float32 are computed in float32, as exported graphs do, and
    all others in float64.

    Args:
        values: H x W, or H x W x bands.
        ranges: one for all bands, or one a band.
        clip: whether results beyond 0 and 255 become these.
    """
    low, scale = lows_and_scales(values.dtype, ranges)
    kind = low.dtype
    if len(ranges) == 1:
        low, scale = low[0], scale[0]
    scaled: NDArray[Any] = values.astype(kind)
    with np.errstate(over="ignore", invalid="ignore"):  # of what stands for no data
        np.subtract(scaled, low, out=scaled)
        np.multiply(scaled, scale, out=scaled)
    if clip:
        np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.float32, copy=False)


def lows_and_scales(
    stored: np.dtype[Any], ranges: Sequence[tuple[float, float]]
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Return what is subtracted from values and what they are multiplied by, one a range.

    Args:
        stored: type of the values, which decides the type of the results: float32 for whole
            numbers of up to 16 bits and float32, else float64.
        ranges: see `scaled_values`.
    """
    kind = np.float32 if stored.itemsize <= 2 or stored == np.float32 else np.float64
    return (
        np.array([low for low, _ in ranges], kind),
        np.array([255 / (high - low) for low, high in ranges], kind),
    )


def mark_no_data(image_HWC: NDArray[Any], lacks_data_HW: NDArray[np.bool_] | None) -> None:
    """Mark pixels without data in place: NaN in images with fractions, else filled."""
    if lacks_data_HW is not None:
        filled = image_HWC.dtype == np.uint8
        image_HWC[lacks_data_HW] = NO_DATA_BYTE if filled else np.nan


def fill_no_data(image_HWC: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Fill pixels without data, which are NaN, in place; return where they are, or None.

    Args:
        image_HWC: as `ImageDecoding.scale` returned it, writable.
    """
    lacks_data_HW = np.isnan(image_HWC[..., 0])
    if not lacks_data_HW.any():
        return None
    image_HWC[lacks_data_HW] = NO_DATA_FILL
    return lacks_data_HW


def as_range(plain: Sequence[Any]) -> ValueRange:
    """Return a range of plain data: a pair, or a pair a band."""
    if isinstance(plain[0], Sequence):
        return tuple((float(low), float(high)) for low, high in plain)
    return float(plain[0]), float(plain[1])


def range_text(value_range: ValueRange | None) -> str:
    """Return a range as a configuration takes it."""
    if value_range is None:
        return "null"
    if isinstance(value_range[0], tuple):
        return f"[{','.join(f'[{as_text(pair)}]' for pair in value_range)}]"
    return f"[{as_text(value_range)}]"
