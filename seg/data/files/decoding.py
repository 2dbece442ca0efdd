"""How the values of image files become RGB of 0 to 255."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.files.locations import Location
from seg.errors import DataError

_BYTE_BITS = 8


@dataclass(frozen=True)
class ImageDecoding:
    """What a configuration declares about the values of a dataset's image files.

    Attributes:
        value_range: the values that become 0 and 255; values outside are clipped. None: files of up
            to 8 bits a channel use all of their range, and files of more bits are refused.
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
            values: uint8 or uint16, of any shape.
            bits: of a stored value, 1 to 16.
            path: the file, for messages.

        Raises:
            DataError: more than 8 bits and no declared range, or a declared range that values of so
                few bits cannot fill.
        """
        if self.value_range is None:
            if bits > _BYTE_BITS:
                raise self.undeclared(path, bits, int(values.min()), int(values.max()))
            if bits == _BYTE_BITS:
                return np.asarray(values, np.uint8)
        elif bits <= _BYTE_BITS and self.value_range[1] > 2**bits - 1:
            declared = ",".join(f"{value:g}" for value in self.value_range)
            raise DataError(
                f"{path}: image holds values of {bits} bits, 0 to {2**bits - 1}, and"
                f" {self.section}.value_range=[{declared}] is declared\n"
                "  give images of one kind: convert this one, or leave it out",
                fault="value_range",
            )
        low, high = self.value_range or (0.0, 2.0**bits - 1)
        return np.asarray(_table(low, high, bits)[values], np.uint8)

    def undeclared(self, path: Location, bits: int, low: int, high: int) -> DataError:
        """Say that values of more than 8 bits need a declared range, and which was seen."""
        return DataError(
            f"{path}: image holds {bits}-bit values, {low} to {high}, and nothing says which of"
            " them is white\n"
            f"  train with {self.section}.value_range=[0,{likely_maximum(high)}], which checkpoints"
            " remember, or convert images to 8 bits",
            fault="value_range",
        )

    def to_dict(self) -> dict[str, Any]:
        """What decides the pixels, as plain data."""
        value_range = None if self.value_range is None else list(self.value_range)
        return {
            "value_range": value_range,
            "bands": None if self.bands is None else list(self.bands),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ImageDecoding":
        """The inverse of `to_dict`."""
        value_range, bands = plain.get("value_range"), plain.get("bands")
        return cls(
            None if value_range is None else (float(value_range[0]), float(value_range[1])),
            None if bands is None else tuple(int(band) for band in bands),
        )

    def __str__(self) -> str:
        lists = {
            key: "null" if values is None else f"[{','.join(f'{value:g}' for value in values)}]"
            for key, values in self.to_dict().items()
        }
        return " ".join(f"{self.section}.{key}={text}" for key, text in lists.items())


PLAIN = ImageDecoding()
"""Nothing declared: images of up to 8 bits, grey or RGB."""

_current: ContextVar[ImageDecoding] = ContextVar("image_decoding", default=PLAIN)


@contextmanager
def decoding_images(decoding: ImageDecoding) -> Iterator[None]:
    """Within it, datasets that are built take this decoding."""
    token = _current.set(decoding)
    try:
        yield
    finally:
        _current.reset(token)


def current_decoding() -> ImageDecoding:
    """The decoding that a dataset which is being built takes."""
    return _current.get()


def likely_maximum(high: int) -> int:
    """Return the largest value of the fewest bits that hold `high`: 4095 for 3000."""
    return int(2 ** int(high).bit_length() - 1)


@lru_cache(maxsize=8)
def _table(low: float, high: float, bits: int) -> NDArray[np.uint8]:
    values = np.arange(2**bits, dtype=np.float64)
    scaled = np.clip((values - low) / (high - low), 0, 1) * 255
    table: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    table.flags.writeable = False
    return table
