"""Images of which parts are read on demand."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import fill_no_data


class Raster(Protocol):
    """An image of any size, as a network takes it.

    Attributes:
        height, width: pixels.
    """

    @property
    def height(self) -> int:
        """Return the height, px."""

    @property
    def width(self) -> int:
        """Return the width, px."""

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read a part of the image, h x w x channels, uint8 or float32; the slices lie inside."""

    def without_data(self, rows: slice) -> NDArray[np.bool_] | None:
        """Return which pixels of some rows have no data; None if all have."""


@dataclass(frozen=True)
class ArrayRaster:
    """An image in memory.

    Attributes:
        image_HWC: in 0..255, uint8 or float32.
        lacks_data_HW: which of its pixels have no data; None: all have.
    """

    image_HWC: NDArray[Any]
    lacks_data_HW: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, image_HWC: NDArray[Any], decoding: ImageDecoding) -> "ArrayRaster":
        """Wrap an image as `decoding` scaled it; pixels without data are filled in place."""
        return cls(image_HWC, None if decoding.nodata is None else fill_no_data(image_HWC))

    @property
    def height(self) -> int:
        """Return the height, px."""
        return int(self.image_HWC.shape[0])

    @property
    def width(self) -> int:
        """Return the width, px."""
        return int(self.image_HWC.shape[1])

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a view of a part of the image."""
        return self.image_HWC[rows, columns]

    def without_data(self, rows: slice) -> NDArray[np.bool_] | None:
        """Return which pixels of some rows have no data; None if all have."""
        return None if self.lacks_data_HW is None else self.lacks_data_HW[rows]
