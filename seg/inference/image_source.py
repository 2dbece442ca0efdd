"""Images of which parts are read on demand."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Raster(Protocol):
    """An RGB image of any size.

    Attributes:
        height, width: pixels.
    """

    @property
    def height(self) -> int:
        """Return the height, px."""

    @property
    def width(self) -> int:
        """Return the width, px."""

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Read a part of the image, uint8, h x w x 3; the slices lie inside."""


@dataclass(frozen=True)
class ArrayRaster:
    """An image in memory, uint8, H x W x 3."""

    image_HW3: NDArray[np.uint8]

    @property
    def height(self) -> int:
        """Return the height, px."""
        return int(self.image_HW3.shape[0])

    @property
    def width(self) -> int:
        """Return the width, px."""
        return int(self.image_HW3.shape[1])

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Return a view of a part of the image."""
        return self.image_HW3[rows, columns]
