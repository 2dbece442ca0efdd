"""A decoding that leaves values as they are stored."""

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding


class StoredValues(NamedTuple):
    """Values of a file, H x W or H x W x bands, their bits, and which pixels have no data."""

    values: NDArray[Any]
    bits: int
    lacks_data_HW: NDArray[np.bool_] | None


@dataclass(frozen=True)
class StoredDecoding(ImageDecoding):
    """The same decoding, which keeps the values that it is to scale in `captured`."""

    captured: list[StoredValues] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, decoding: ImageDecoding, **changes: Any) -> "StoredDecoding":
        """Keep the values of a decoding with some changes."""
        declared = {each.name: getattr(decoding, each.name) for each in fields(ImageDecoding)}
        return cls(**{**declared, **changes})

    def scale(
        self,
        values: NDArray[Any],
        bits: int,
        path: Location,
        lacks_data: NDArray[np.bool_] | None = None,
    ) -> NDArray[Any]:
        """Keep the values; the image returned is black."""
        lacks_data = self.check(values, path, lacks_data)
        self.captured.append(StoredValues(values, bits, lacks_data))
        return np.zeros(values.shape, self.dtype)
