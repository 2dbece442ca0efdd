"""Values of images of more than 8 bits, and how many a declared range cuts off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import extremes, is_plain, kind_of, likely_range, range_text
from seg.data.wrappers.excluded import Finding, plain_text


@dataclass(frozen=True)
class Extent:
    """The values of one image.

    Attributes:
        path: its file.
        dtype: their type, a name of numpy's.
        kind: the same in words.
        low, high: the extremes.
        beyond: how many are beyond the declared range.
        total: how many there are.
    """

    path: str
    dtype: str
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
            seen = values if values.ndim == 3 else values[..., None]
            without = self.nodata_of(values, lacks_data)
            seen = seen if without is None else seen[~without]
            if len(low) in (1, seen.shape[-1]):  # else the image is refused
                beyond = int(((seen < low) | (seen > high)).sum())
                facts = (str(path), values.dtype.name, kind_of(values, bits))
                self.extents.append(Extent(*facts, *extremes(seen), beyond, seen.size))
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
        beyond, total = (sum(getattr(each, key) for each in extents) for key in ("beyond", "total"))
        share = beyond / max(total, 1)
        message += f"; {share:.1%} beyond {decoding.section}.value_range={declared}"
        worst = max(extents, key=lambda each: each.beyond)
        if worst.beyond:
            message += f", most in {worst.path}: {worst.beyond} of {worst.total}"
    return [Finding(split=split, sample="", file="", kind="value_range", message=message)]


def find_mixed_types(
    split: str, extents: Mapping[str, Extent], expected: Extent | None
) -> list[Finding]:
    """Return a fault for each image of another type than the first one of training.

    Args:
        split: its name.
        extents: by the names of samples.
        expected: of the first image of the training split, whose type trainings write down.
    """
    if expected is None:
        return []
    return [
        Finding(
            split=split,
            sample=plain_text(name),
            file=plain_text(each.path),
            kind="image_kind",
            message=plain_text(
                f"{each.path}: image holds {each.dtype} values, and {expected.path}, the first one"
                f" of training, {expected.dtype}\n  give images of one type: convert this one, or"
                " leave it out"
            ),
        )
        for name, each in extents.items()
        if each.dtype != expected.dtype
    ]
