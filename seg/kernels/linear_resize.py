"""Compiled loops of linear resizing along one side of an image, by positions of `resize.Axis`."""

import numpy as np
from numpy.typing import NDArray

from seg.kernels.numba_jit import compiled


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
    after_W = np.empty(block, np.uint64)  # unsigned: no check for negative indices
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
    rows_2: NDArray[np.int64],
    wide_2KW: NDArray[np.float32],
) -> int:
    """Make the two halves of a buffer hold the resized coarse rows `low` and `low + 1`.

    Rows that it holds already, as of the pixel row before, are not resized again.

    Args:
        coarse_hKw: coarse values.
        low: the upper coarse row.
        low_W: positions of the block's pixels, as of `Axis.blocks`.
        share_W: their shares.
        rows_2: the coarse row in each half, -1 for none; updated.
        wide_2KW: the buffer.

    Returns:
        the half that holds `low`.
    """
    high = min(low + 1, len(coarse_hKw) - 1)
    half = 1 if rows_2[1] == low else 0
    if rows_2[half] != low:
        widen(coarse_hKw[low], low_W, share_W, wide_2KW[half])
        rows_2[half] = low
    if rows_2[1 - half] != high:
        widen(coarse_hKw[high], low_W, share_W, wide_2KW[1 - half])
        rows_2[1 - half] = high
    return half


@compiled
def blend(
    wide_2KW: NDArray[np.float32], half: int, share: float, value_KW: NDArray[np.float32]
) -> None:
    """Compute the row that lies `share` of the way from one half of a buffer to the other."""
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
    """Add the transpose of `widen` of a block's values, then set the block to 0.

    Args:
        sum_KW: values of pixel `left` and after; 0 beyond the end of the image.
        left: first pixel of the block.
        low_W: positions of the block's pixels.
        share_W: their shares.
        first_w: as of `first_pixels`.
        total_Kw: coarse values to which the result is added.
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
