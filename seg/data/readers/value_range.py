"""What a configuration declares of image files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.data.readers.value_scaling import (
    BYTE_BITS,
    ValueRange,
    as_range,
    as_text,
    extremes,
    is_plain,
    kind_of,
    likely_range,
    mark_no_data,
    range_text,
    scaled_values,
)
from seg.errors import DataError

RGB_CHANNELS = 3

_USUAL: dict[str, Any] = {"kind": None, "clip": True, "nodata": None}
_PIXELS = tuple(_USUAL)  # beside range and bands, what decides the pixels


@dataclass(frozen=True)
class ImageDecoding:
    """The images that a configuration declares: bands, type and range of the values of their files.

    Attributes:
        value_range: the values that become 0 and 255: one pair, or one a band. None: files of up
            to 8 bits a channel use all of their range, and files of more bits, of signed and of
            floating-point values are refused.
        bands: of the files, counted from 1, or by name. None: a file has one (grey), three (RGB),
            or one of these and alpha. One band is repeated as red, green and blue; any other
            number makes as many channels.
        kind: the type of the stored values, a name of numpy's; None: any.
        clip: whether values beyond the range become 0 and 255.
        nodata: the value of pixels without data, or `nan`; None: all have data.
        composite: the positions among `bands` that pictures show as red, green and blue, from 1.
        section: of the configuration that holds all of these, for messages.
    """

    value_range: ValueRange | None = None
    bands: tuple[int | str, ...] | None = None
    section: str = field(default="dataset", compare=False)
    kind: str | None = None
    clip: bool = True
    nodata: float | Literal["nan"] | None = None
    composite: tuple[int, int, int] | None = None

    @property
    def channels(self) -> int:
        """Return the channels of images."""
        grey_or_rgb = self.bands is None or len(self.bands) == 1
        return RGB_CHANNELS if grey_or_rgb else len(self.bands or ())

    @property
    def dtype(self) -> type[np.uint8] | type[np.float32]:
        """Return the type of images: uint8 as stored, or float32 with fractions."""
        return np.uint8 if self.value_range is None and self.nodata is None else np.float32

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Return the declared ranges: none, one for all bands, or one a band."""
        if self.value_range is None:
            return ()
        first, *_ = self.value_range
        if isinstance(first, tuple):
            return self.value_range  # type: ignore[return-value]
        return (self.value_range,)  # type: ignore[return-value]

    @property
    def bands_text(self) -> str:
        """Return the bands as a configuration takes them."""
        return "null" if self.bands is None else f"[{','.join(map(str, self.bands))}]"

    def scale(
        self,
        values: NDArray[Any],
        bits: int,
        path: Location,
        lacks_data: NDArray[np.bool_] | None = None,
    ) -> NDArray[Any]:
        """Scale stored values to 0..255.

        Args:
            values: whole numbers or floating-point ones, H x W or H x W x bands.
            bits: of a stored value.
            path: the file, for messages.
            lacks_data: the pixels of which the file says that they have no data, H x W; None: it
                says nothing.

        Returns:
            of type `dtype`; float32 keeps fractions, and is NaN where there is no data; uint8 is
            128 there.

        Raises:
            DataError: other values than unsigned ones of up to 8 bits and no declared range, a
                declared range that values of so few bits cannot fill, another type than `kind`, or
                values that are no numbers.
        """
        lacks_data = self.check(values, path, lacks_data)
        if self.value_range is None:
            if not is_plain(values, bits):
                raise self.undeclared(path, values, bits)
            if bits == BYTE_BITS and lacks_data is None and self.nodata is None:
                return np.asarray(values, np.uint8)
        else:
            self._check_bands(values, path)
            self._check_few_bits(values, bits, path)
        scaled = scaled_values(values, self.ranges or ((0.0, 2.0**bits - 1),), clip=self.clip)
        image = np.rint(scaled).astype(np.uint8) if self.dtype is np.uint8 else scaled
        mark_no_data(image, lacks_data)
        return image

    def check(
        self, values: NDArray[Any], path: Location, lacks_data: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_] | None:
        """Check stored values against what is declared of them, other than their range.

        Returns:
            which pixels have no data, by the file or as declared, H x W; None: all have.

        Raises:
            DataError: they are of another type, or no numbers.
        """
        self._check_kind(values, path)
        lacks_data = self.nodata_of(values, lacks_data)
        self._check_numbers(values, lacks_data, path)
        return lacks_data

    def nodata_of(
        self, values: NDArray[Any], lacks_data: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_] | None:
        """Return which pixels have no data, by the file or as declared, H x W; None: all have."""
        declared = self._lacking_data(values)
        if declared is None:
            return lacks_data
        return declared if lacks_data is None else declared | lacks_data

    def undeclared(self, path: Location, values: NDArray[Any], bits: int) -> DataError:
        """Return the error for values that need a declared range, with their own range."""
        low, high = extremes(values)
        seen = as_text((low, high)).replace(",", " to ")
        return DataError(
            f"{path}: image holds {kind_of(values, bits)} values, {seen}, and nothing says which"
            " are black and white\n"
            f"  train with {self.section}.value_range=[{likely_range(low, high)}], which"
            " checkpoints remember,\n"
            f"  or {self.section}.scaling=percentiles, which counts it, or convert to 8 bits",
            fault="value_range",
        )

    def _lacking_data(self, values: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Return where a band of a pixel has no data, H x W; None: nothing is declared."""
        if self.nodata is None:
            return None
        if self.nodata == "nan":
            if values.dtype.kind != "f":
                return None
            lacks_data = np.isnan(values)
        else:
            lacks_data = values == self.nodata
        return np.asarray(lacks_data if values.ndim == 2 else lacks_data.any(-1))

    def _check_numbers(
        self, values: NDArray[Any], lacks_data: NDArray[np.bool_] | None, path: Location
    ) -> None:
        if values.dtype.kind != "f":
            return
        bad = ~np.isfinite(values)
        if lacks_data is not None:
            bad = bad[~lacks_data]
        if bad.any():
            raise DataError(
                f"{path}: image holds {int(bad.sum())} values that are NaN or infinite\n"
                f"  declare {self.section}.nodata=nan where NaN means no data; write numbers in"
                " place of others, or leave it out",
                fault="image_kind",
            )

    def _check_kind(self, values: NDArray[Any], path: Location) -> None:
        if self.kind is not None and values.dtype.newbyteorder("=") != np.dtype(self.kind):
            raise DataError(
                f"{path}: image holds {values.dtype.newbyteorder('=')} values, and"
                f" {self.section}.kind={self.kind} is declared or was found at training\n"
                "  give images of one kind: convert this one, or leave it out",
                fault="image_kind",
            )

    def _check_bands(self, values: NDArray[Any], path: Location) -> None:
        bands = values.shape[2] if values.ndim == 3 else 1
        if len(self.ranges) not in (1, bands):
            raise DataError(
                f"{path}: image holds {bands} bands, and {self.section}.value_range declares"
                f" {len(self.ranges)} pairs\n"
                "  give images of one kind: convert this one, or leave it out",
                fault="bands",
            )

    def _check_few_bits(self, values: NDArray[Any], bits: int, path: Location) -> None:
        low, high = min(low for low, _ in self.ranges), max(high for _, high in self.ranges)
        signed = values.dtype.kind == "i"
        lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if bits <= BYTE_BITS and self.clip and (low < lowest or high > highest):
            raise DataError(
                f"{path}: image holds values of {bits} bits, {lowest} to {highest}, and"
                f" {self.section}.value_range={range_text(self.value_range)} is declared\n"
                "  give images of one kind: convert this one, or leave it out",
                fault="value_range",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return all that decides the pixels, as plain data."""
        return {key: getattr(self, key) for key in _PIXELS} | {
            "value_range": _plain(self.value_range),
            "bands": _plain(self.bands),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "ImageDecoding":
        """Return the decoding of what `to_dict` returned."""
        bands, value_range = plain.get("bands"), plain.get("value_range")
        return cls(
            value_range=None if value_range is None else as_range(value_range),
            bands=None if bands is None else tuple(bands),
            kind=plain.get("kind"),
            clip=plain.get("clip", True),
            nodata=plain.get("nodata"),
        )

    def __str__(self) -> str:
        texts = {
            "value_range": range_text(self.value_range),
            "bands": self.bands_text,
        }
        further = {key: getattr(self, key) for key in _PIXELS if getattr(self, key) != _USUAL[key]}
        return " ".join(f"{self.section}.{key}={text}" for key, text in (texts | further).items())


PLAIN = ImageDecoding()
"""Nothing declared: images of up to 8 bits, grey or RGB."""


def _plain(values: Any) -> Any:
    """Return tuples as lists."""
    return [_plain(each) for each in values] if isinstance(values, tuple) else values
