"""A picture of which parts are read when they are needed."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Raster(Protocol):
    """An RGB picture of any size.

    Attributes:
        height, width: pixels.
    """

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """A part of the picture, uint8, h x w x 3; the slices lie inside."""
        ...


@dataclass(frozen=True)
class ArrayRaster:
    """A picture in memory, uint8, H x W x 3."""

    image_HW3: NDArray[np.uint8]

    @property
    def height(self) -> int:
        return int(self.image_HW3.shape[0])

    @property
    def width(self) -> int:
        return int(self.image_HW3.shape[1])

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        return self.image_HW3[rows, columns]
