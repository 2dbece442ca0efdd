"""Conversion of the values of image files to RGB of 0 to 255; transparent pixels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.errors import DataError

_BYTE_BITS = 8


@dataclass(frozen=True)
class ImageDecoding:
    """The values and bands of image files that a configuration declares.

    Attributes:
        value_range: the values that become 0 and 255; values outside are clipped. None: files of up
            to 8 bits a channel use all of their range, and files of more bits, of signed and of
            floating-point values are refused.
        bands: of TIFF and JPEG 2000 files, the band that is grey, or those that are red, green and
            blue, counted from 1. None: files of further bands are refused.
        section: of the configuration that holds both, for messages.
    """

    value_range: tuple[float, float] | None = None
    bands: tuple[int, ...] | None = None
    section: str = field(default="dataset", compare=False)

    def scale(self, values: NDArray[Any], bits: int, path: Location) -> NDArray[np.uint8]:
        """Scale stored values to 0..255.

        Args:
            values: whole numbers or floating-point ones, of any shape.
            bits: of a stored value.
            path: the file, for messages.

        Raises:
            DataError: other values than unsigned ones of up to 8 bits and no declared range, a
                declared range that values of so few bits cannot fill, or values that are no
                numbers.
        """
        if self.value_range is None:
            if not is_plain(values, bits):
                raise self.undeclared(path, values, bits)
            if bits == _BYTE_BITS:
                return np.asarray(values, np.uint8)
        else:
            self._check_few_bits(values, bits, path)
        low, high = self.value_range or (0.0, 2.0**bits - 1)
        if values.dtype in (np.uint8, np.uint16):
            return np.asarray(_table(low, high, bits)[values], np.uint8)
        floating = values.dtype.kind == "f"
        if (lacking := int((~np.isfinite(values)).sum()) if floating else 0) > 0:
            raise DataError(
                f"{path}: image holds {lacking} values that are NaN or infinite\n"
                "  write numbers in their place, or leave it out",
                fault="image_kind",
            )
        shares = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
        return np.rint(shares * 255).astype(np.uint8)

    def undeclared(self, path: Location, values: NDArray[Any], bits: int) -> DataError:
        """Return the error for values that need a declared range, with their own range."""
        low, high = extremes(values)
        seen = as_text((low, high)).replace(",", " to ")
        return DataError(
            f"{path}: image holds {kind_of(values, bits)} values, {seen}, and nothing says which"
            " are black and white\n"
            f"  train with {self.section}.value_range=[{likely_range(low, high)}], which"
            " checkpoints remember, or convert images to 8 bits",
            fault="value_range",
        )

    def _check_few_bits(self, values: NDArray[Any], bits: int, path: Location) -> None:
        low, high = self.value_range or (0.0, 0.0)
        signed = values.dtype.kind == "i"
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if bits <= _BYTE_BITS and (low < lowest or high > highest):
            raise DataError(
                f"{path}: image holds values of {bits} bits, {lowest} to {highest}, and"
                f" {self.section}.value_range=[{as_text((low, high))}] is declared\n"
                "  give images of one kind: convert this one, or leave it out",
                fault="value_range",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return all that decides the pixels, as plain data."""
        value_range = None if self.value_range is None else list(self.value_range)
        return {
            "value_range": value_range,
            "bands": None if self.bands is None else list(self.bands),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ImageDecoding":
        """Return the decoding of what `to_dict` returned."""
        value_range, bands = plain.get("value_range"), plain.get("bands")
        return cls(
            None if value_range is None else (float(value_range[0]), float(value_range[1])),
            None if bands is None else tuple(int(band) for band in bands),
        )

    def __str__(self) -> str:
        lists = {
            key: "null" if values is None else f"[{as_text(values)}]"
            for key, values in self.to_dict().items()
        }
        return " ".join(f"{self.section}.{key}={text}" for key, text in lists.items())


PLAIN = ImageDecoding()
"""Nothing declared: images of up to 8 bits, grey or RGB."""


def is_plain(values: NDArray[Any], bits: int) -> bool:
    """Return whether values use all of a range without declaration: unsigned, up to 8 bits."""
    return bits <= _BYTE_BITS and values.dtype.kind in "ub"


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
    """Return numbers as a list of the configuration takes them."""
    return ",".join(f"{number:.12g}" for number in numbers)


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


def check_alpha(
    alpha_HW: NDArray[Any],
    path: Location,
    *,
    is_mask: Callable[[], bool] | None,
    others: Sequence[int] = (1, 2, 3),
    section: str = "dataset",
    whole: bool = True,
) -> None:
    """Refuse transparent pixels, whose color is undefined, unless alpha is a mask.

    Args:
        alpha_HW: as stored, unsigned.
        path: the file, for messages.
        is_mask: of a TIFF or JPEG 2000 file, whether it lies on the map: alpha of 0 and full alone
            then says which pixels have data. Asked where pixels are transparent. None: of another
            format.
        others: the bands beside alpha, counted from 1, for messages.
        section: of the configuration that chooses bands, for messages.
        whole: whether this is all of the image, which must have data somewhere.

    Raises:
        DataError: transparent pixels that no mask explains.
    """
    clear_HW = alpha_HW != np.iinfo(alpha_HW.dtype).max
    if not clear_HW.any():
        return
    if is_mask is None:
        raise DataError(
            f"{path}: image has transparent pixels, whose color is undefined\n"
            "  flatten it onto a background and save it as RGB",
            fault="transparent",
        )
    if not is_mask():
        reason = "is not opaque: transparent pixels, or a further band"
    elif alpha_HW[clear_HW].any():
        reason = "holds more than 0 and full: half transparent pixels, or a further band"
    elif whole and clear_HW.all():
        reason = "is 0 throughout: no pixel has data"
    else:
        return
    band = next(band for band in range(1, len(others) + 2) if band not in others)
    raise DataError(
        f"{path}: band {band} is marked as alpha and {reason}\n"
        f"  train with {section}.bands=[{','.join(map(str, others))}] to leave it out, which"
        " checkpoints remember,\n  or write the file without it",
        fault="transparent",
    )


def no_rgb(path: Location, kind: str) -> DataError:
    """Return the error for pixels that cannot become RGB."""
    return DataError(
        f"{path}: image has pixels of kind {kind!r}\n"
        "  allowed: grey, RGB, palette, CMYK; convert it to 8-bit RGB",
        fault="image_kind",
    )


@lru_cache(maxsize=8)
def _table(low: float, high: float, bits: int) -> NDArray[np.uint8]:
    values = np.arange(2**bits, dtype=np.float64)
    scaled = np.clip((values - low) / (high - low), 0, 1) * 255
    table: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    table.flags.writeable = False
    return table
