"""Values of images of more than 8 bits, and how many a declared range cuts off."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import extremes, is_plain, kind_of, likely_range, range_text
from seg.data.wrappers.excluded import Finding


@dataclass(frozen=True)
class Extent:
    """The values of one image: their kind in words, and how many are beyond the declared range."""

    kind: str
    low: float
    high: float
    beyond: int
    total: int


@dataclass(frozen=True)
class WatchedDecoding(ImageDecoding):
    """The same decoding, which records the extent of what it scales."""

    extents: list[Extent] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, decoding: ImageDecoding) -> "WatchedDecoding":
        """Watch a decoding."""
        return cls(**{each.name: getattr(decoding, each.name) for each in fields(decoding)})

    def scale(
        self,
        values: NDArray[Any],
        bits: int,
        path: Location,
        lacks_data: NDArray[np.bool_] | None = None,
    ) -> NDArray[Any]:
        """Scale values and record their extent."""
        if not is_plain(values, bits) or self.value_range is not None:
            low, high = np.array(self.ranges or ((-np.inf, np.inf),)).T
            beyond = int(((values < low) | (values > high)).sum())
            extent = Extent(kind_of(values, bits), *extremes(values), beyond, values.size)
            self.extents.append(extent)
        return super().scale(values, bits, path, lacks_data)


def describe_ranges(
    split: str, extents: Sequence[Extent], decoding: ImageDecoding
) -> list[Finding]:
    """Return at most one note: the range that the images of a split fill.

    Args:
        split: its name.
        extents: of the images whose values are not plain (`is_plain`), or of all if a range is
            declared.
        decoding: what is declared.
    """
    if not extents:
        return []
    low, high = min(each.low for each in extents), max(each.high for each in extents)
    kinds = " and ".join(sorted({each.kind for each in extents}))
    message = f"{split}: {len(extents)} images of {kinds} values from {low:.12g} to {high:.12g}"
    if decoding.value_range is None:
        message += f": {decoding.section}.value_range=[{likely_range(low, high)}]"
    else:
        declared = range_text(decoding.value_range)
        share = sum(each.beyond for each in extents) / sum(each.total for each in extents)
        message += f"; {share:.1%} beyond {decoding.section}.value_range={declared}"
    return [Finding(split=split, sample="", file="", kind="value_range", message=message)]
