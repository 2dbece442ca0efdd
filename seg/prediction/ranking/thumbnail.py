"""Small versions of an image of any size and of its maps, built as the rows come."""

import numpy as np
from numpy.typing import NDArray

from seg.prediction.writer import ItemRows

SIDE_PX = 480
"""The longest side of a thumbnail."""


class Thumbnail:
    """Means over cells of whole pixels; of labels the one in the middle of a cell.

    Args:
        height, width: of the image, px.
    """

    def __init__(self, height: int, width: int) -> None:
        self._height = height
        self._cell = cell = -(-max(height, width) // SIDE_PX)
        rows, columns = -(-height // cell), -(-width // cell)
        self._sums = np.zeros((rows, columns, 3), np.float64)
        self._counts = np.zeros((rows, columns, 1), np.float64)
        self._uncertainty = np.zeros((rows, columns, 2), np.float64)
        self._columns = np.arange(0, width, cell)
        self._middles = np.minimum(self._columns + cell // 2, width - 1)
        self._label_rows: list[NDArray[np.integer]] = []

    def add(self, piece: ItemRows, uncertainty_HW: NDArray[np.float32]) -> None:
        """Take the next rows; uncertainty is NaN where there is no data."""
        has_data_HW = np.isfinite(uncertainty_HW)
        self._add(self._sums, piece.rows, piece.image)
        self._add(self._counts, piece.rows, np.ones((*uncertainty_HW.shape, 1)))
        both = np.stack([np.where(has_data_HW, uncertainty_HW, 0), has_data_HW], 2)
        self._add(self._uncertainty, piece.rows, both)
        for row in range(piece.rows.start, piece.rows.stop):
            start = row // self._cell * self._cell
            if row == min(start + self._cell // 2, self._height - 1):
                self._label_rows.append(piece.label_HW[row - piece.rows.start, self._middles])

    @property
    def image_HW3(self) -> NDArray[np.uint8]:
        """Return the image, RGB."""
        return np.asarray(np.rint(self._sums / self._counts), np.uint8)

    @property
    def label_HW(self) -> NDArray[np.integer]:
        """Return the label map."""
        return np.stack(self._label_rows)

    @property
    def uncertainty_HW(self) -> NDArray[np.float64]:
        """Return the mean uncertainty of the pixels with data; 0 where there are none."""
        total, count = self._uncertainty[..., 0], self._uncertainty[..., 1]
        return np.asarray(total / np.maximum(count, 1))

    def _add(self, sums: NDArray[np.float64], rows: slice, values_HWC: NDArray[np.generic]) -> None:
        """Add values to the cells in which they lie."""
        by_column = np.add.reduceat(values_HWC, self._columns, axis=1, dtype=np.float64)
        cells = np.arange(rows.start, rows.stop) // self._cell
        firsts = np.flatnonzero(np.diff(cells, prepend=-1))
        sums[cells[firsts]] += np.add.reduceat(by_column, firsts, axis=0)
