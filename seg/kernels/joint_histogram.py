"""The joint histogram of two arrays of bytes."""

import numpy as np
from numpy.typing import NDArray

from seg.kernels.numba_jit import bands, compiled, in_parallel

_LEAST_PIXELS = 2**17


def byte_pairs(rows_N: NDArray[np.uint8], columns_N: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the joint histogram, 256 x 256, of two arrays of equal length below 2^31."""

    def counted(start: int, stop: int) -> NDArray[np.int64]:
        tables = np.zeros((4, 2**16), np.uint32)
        _count(rows_N[start:stop], columns_N[start:stop], tables)
        counts: NDArray[np.int64] = tables.sum(0, dtype=np.int64)
        return counts

    parts = in_parallel(counted, bands(len(rows_N), _LEAST_PIXELS))
    total: NDArray[np.int64] = np.sum(parts, 0, dtype=np.int64)
    return total.reshape(256, 256)


@compiled
def _count(
    rows_N: NDArray[np.uint8], columns_N: NDArray[np.uint8], tables: NDArray[np.uint32]
) -> None:
    # neighbours are often equal: with four tables no addition waits for the one before
    fours = len(rows_N) // 4 * 4
    for at in range(0, fours, 4):
        for lane in range(4):
            pair = (np.intp(rows_N[at + lane]) << 8) | np.intp(columns_N[at + lane])
            tables[lane, pair] += np.uint32(1)
    for at in range(fours, len(rows_N)):
        tables[0, (np.intp(rows_N[at]) << 8) | np.intp(columns_N[at])] += np.uint32(1)
