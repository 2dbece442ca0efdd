"""Where the pixels of one side of a picture lie among coarse values, and resizing along it."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from seg.kernels.numba_jit import compiled

_CACHED_BYTES = 300_000  # what the second cache holds; larger blocks pay for fewer beginnings
_BUFFERS_BYTES = 20  # of a class and pixel
_LEAST, _VECTORS = 128, 32


@dataclass(frozen=True)
class Places:
    """Pixel `p` is `(1 - share[p]) * value[low[p]] + share[p] * value[low[p] + 1]`.

    Attributes:
        low: int64; the last value has no next one, and a share of 0.
        share: float32, 0 to 1.
    """

    low: NDArray[np.int64]
    share: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.low)

    def padded(self, block: int) -> "Places":
        """With the last pixel repeated up to whole blocks, so that loops have one length."""
        more = -len(self) % block
        return Places(np.pad(self.low, (0, more), "edge"), np.pad(self.share, (0, more), "edge"))

    def first(self, values: int) -> NDArray[np.int64]:
        """The first pixel at or beyond each of `values` coarse values, and the number of pixels.

        For places that do not fall.
        """
        return np.searchsorted(self.low, np.arange(values + 1))


def block_px(width: int, classes: int) -> int:
    """Pixels of a row that loops work on together: whole vectors, and buffers that stay cached."""
    most = max(_LEAST, _CACHED_BYTES // (_BUFFERS_BYTES * classes))
    even = ceil(width / ceil(width / most))
    return ceil(even / _VECTORS) * _VECTORS


@compiled
def widen(
    coarse_Kw: NDArray[np.float32],
    low_W: NDArray[np.int64],
    share_W: NDArray[np.float32],
    wide_KW: NDArray[np.float32],
) -> None:
    """Resize a coarse row to a block's pixels."""
    classes, width = coarse_Kw.shape
    block = len(low_W)
    after_W = np.empty(block, np.uint64)  # unsigned: no check for places counted from the end
    place_W = np.empty(block, np.uint64)
    for x in range(block):
        place_W[x] = np.uint64(low_W[x])
        after_W[x] = np.uint64(min(low_W[x] + 1, width - 1))
    for k in range(classes):
        coarse_w, wide_W = coarse_Kw[k], wide_KW[k]
        for x in range(block):
            value = coarse_w[place_W[x]]
            wide_W[x] = value + share_W[x] * (coarse_w[after_W[x]] - value)


@compiled
def follow(
    coarse_hKw: NDArray[np.float32],
    low: int,
    low_W: NDArray[np.int64],
    share_W: NDArray[np.float32],
    held_2: NDArray[np.int64],
    wide_2KW: NDArray[np.float32],
) -> int:
    """See that the coarse rows `low` and the next one lie resized in the two halves of a buffer.

    Returns:
        the half of `low`.
    """
    high = min(low + 1, len(coarse_hKw) - 1)
    half = 1 if held_2[1] == low else 0
    if held_2[half] != low:
        widen(coarse_hKw[low], low_W, share_W, wide_2KW[half])
        held_2[half] = low
    if held_2[1 - half] != high:
        widen(coarse_hKw[high], low_W, share_W, wide_2KW[1 - half])
        held_2[1 - half] = high
    return half


@compiled
def blend(
    wide_2KW: NDArray[np.float32], half: int, share: float, value_KW: NDArray[np.float32]
) -> None:
    """The row that lies `share` of the way from one half of a buffer to the other."""
    for k in range(len(value_KW)):
        for x in range(value_KW.shape[1]):
            value = wide_2KW[half, k, x]
            value_KW[k, x] = value + share * (wide_2KW[1 - half, k, x] - value)


@compiled
def narrow(
    sum_KW: NDArray[np.float32],
    left: int,
    low_W: NDArray[np.int64],
    share_W: NDArray[np.float32],
    first_w: NDArray[np.int64],
    total_Kw: NDArray[np.float32],
) -> None:
    """Add what `widen` turned round makes of a block, which is set to 0.

    Args:
        sum_KW: pixels `left` and after; 0 where the picture ends.
        left: first pixel of the block.
        low_W, share_W: of the block.
        first_w: as of `Places.first`.
        total_Kw: what is added to.
    """
    begin, end = low_W[0], low_W[-1] + 1
    edge_w = np.minimum(np.maximum(first_w[begin : end + 1] - left, 0), len(low_W)).astype(
        np.uint64
    )
    for k in range(len(sum_KW)):
        carried, sum_W = np.float32(0), sum_KW[k]
        for c in range(begin, end):
            total, later = np.float32(0), np.float32(0)
            for x in range(edge_w[c - begin], edge_w[c + 1 - begin]):
                total += sum_W[x]
                later += share_W[x] * sum_W[x]
            total_Kw[k, c] += carried + (total - later)
            carried = later
        if end < total_Kw.shape[1]:
            total_Kw[k, end] += carried
        sum_KW[k] = 0
