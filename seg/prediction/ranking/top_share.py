"""The mean of the largest values of an image that comes in parts."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

_BINS = 2**16


class TopShare:
    """Counts values of 0 to 1, in memory that does not grow with them.

    Attributes:
        count: number of values so far.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._sums = np.zeros(_BINS)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values, of any shape."""
        bins = np.minimum((values.ravel() * _BINS).astype(np.intp), _BINS - 1)
        self._counts += np.bincount(bins, minlength=_BINS)
        self._sums += np.bincount(bins, values.ravel(), _BINS)

    @property
    def count(self) -> int:
        """Return how many values were counted."""
        return int(self._counts.sum())

    def mean(self, share: float) -> float | None:
        """Return the mean of the largest share of the values, rounded up to whole ones.

        It is exact up to the width of a bin, 1/65536. None without values.
        """
        if not self.count:
            return None
        most = max(1, ceil(share * self.count - 1e-9))
        counts, sums = self._counts[::-1], self._sums[::-1]
        before = np.cumsum(counts) - counts
        taken = np.clip(most - before, 0, counts)
        return float((sums * (taken / np.maximum(counts, 1))).sum() / most)
