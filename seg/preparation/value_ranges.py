"""Which values images of more than 8 bits hold, and what a declared range cuts off."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.files.decoding import ImageDecoding, likely_maximum
from seg.data.files.locations import Location
from seg.data.quarantine import Finding

_BYTE_BITS = 8


@dataclass(frozen=True)
class Extent:
    """The values of one image.

    Attributes:
        bits: of a value.
        low, high: the smallest and the largest.
        beyond: how many lie outside the declared range.
        total: how many there are.
    """

    bits: int
    low: int
    high: int
    beyond: int
    total: int


@dataclass(frozen=True)
class WatchedDecoding(ImageDecoding):
    """The same decoding, which notes the extent of what it scales."""

    extents: list[Extent] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, decoding: ImageDecoding) -> "WatchedDecoding":
        """Watch a decoding."""
        return cls(decoding.value_range, decoding.bands, decoding.section)

    def scale(self, values: NDArray[Any], bits: int, path: Location) -> NDArray[np.uint8]:
        if bits > _BYTE_BITS or self.value_range is not None:
            low, high = self.value_range or (0, 2**bits - 1)
            beyond = int(((values < low) | (values > high)).sum())
            extent = Extent(bits, int(values.min()), int(values.max()), beyond, values.size)
            self.extents.append(extent)
        return super().scale(values, bits, path)


def describe_ranges(
    split: str, extents: Sequence[Extent], decoding: ImageDecoding
) -> list[Finding]:
    """At most one note: the range that the images of a split fill.

    Args:
        split: its name.
        extents: of the images of more than 8 bits, or of all where a range is declared.
        decoding: what is declared.
    """
    if not extents:
        return []
    low, high = min(each.low for each in extents), max(each.high for each in extents)
    bits = max(each.bits for each in extents)
    message = f"{split}: {len(extents)} images of {bits}-bit values from {low} to {high}"
    if decoding.value_range is None:
        message += f": {decoding.section}.value_range=[0,{likely_maximum(high)}]"
    else:
        declared = ",".join(f"{value:g}" for value in decoding.value_range)
        share = sum(each.beyond for each in extents) / sum(each.total for each in extents)
        message += f"; {share:.1%} beyond {decoding.section}.value_range=[{declared}]"
    return [Finding(split=split, sample="", file="", kind="value_range", message=message)]
