"""The likeliest class of each pixel of bilinearly resized logits, without storing those."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.kernels.label_tensors import label_tensor_dtype
from seg.kernels.linear_resize import follow
from seg.kernels.numba_jit import bands, compiled, in_parallel
from seg.kernels.resize import Axis

_LEAST_ROWS = 8


def upsampled_argmax(
    logits_hKw: Tensor, axes: tuple[Axis, Axis], rows: slice, columns: slice
) -> Tensor:
    """Return the class of the greatest resized logit, the first of equal ones, H x W.

    A pixel's class does not depend on which other pixels are computed.

    Args:
        logits_hKw: on a CPU, free of NaN.
        axes: positions of the image's rows and columns.
        rows: the H rows to compute.
        columns: the W columns to compute.

    Returns:
        of the type of `label_tensor_dtype`.
    """
    coarse_hKw = logits_hKw.detach().float().contiguous().numpy()
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    label_HW = torch.empty(shape, dtype=label_tensor_dtype(coarse_hKw.shape[1])).numpy()
    low_H, share_H = axes[0].positions(rows)
    (low_W, share_W), block = axes[1].blocks(columns, coarse_hKw.shape[1])

    def label(start: int, stop: int) -> None:
        part = slice(start, stop)
        _label(coarse_hKw, low_H[part], share_H[part], low_W, share_W, block, label_HW[part])

    in_parallel(label, bands(len(label_HW), _LEAST_ROWS))
    return torch.from_numpy(label_HW)


@compiled
def _label(
    coarse_hKw: NDArray[np.float32],
    low_H: NDArray[np.int64],
    share_H: NDArray[np.float32],
    low_W: NDArray[np.int64],
    share_W: NDArray[np.float32],
    block: int,
    label_HW: NDArray[Any],
) -> None:
    classes = coarse_hKw.shape[1]
    wide_2KW = np.empty((2, classes, block), np.float32)
    # best of the classes so far, alternating between two halves: stores then need no masks
    best_2W, index_2W = np.empty((2, block), np.float32), np.empty((2, block), np.int32)
    rows_2 = np.empty(2, np.int64)
    for left in range(0, label_HW.shape[1], block):
        rows_2[:] = -1
        at = slice(left, left + block)
        for y in range(len(low_H)):
            half = follow(coarse_hKw, low_H[y], low_W[at], share_W[at], rows_2, wide_2KW)
            best_2W[0] = -np.inf
            index_2W[0] = 0
            share = share_H[y]
            for k in range(classes):
                now, new = k % 2, 1 - k % 2
                for x in range(block):
                    value = wide_2KW[half, k, x]
                    value += share * (wide_2KW[1 - half, k, x] - value)
                    best, index = best_2W[now, x], index_2W[now, x]
                    best_2W[new, x] = value if value > best else best
                    index_2W[new, x] = np.int32(k) if value > best else index
            for x in range(min(block, label_HW.shape[1] - left)):
                label_HW[y, left + x] = index_2W[classes % 2, x]
