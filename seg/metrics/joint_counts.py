"""Counts of (label, prediction) pairs of class maps on the CPU."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.kernels.numba_jit import should_use_numba_histogram

_EXACT = 2**24  # OpenCV counts in float32


def pair_counts(
    prediction_HW: NDArray[Any], label_HW: NDArray[Any], num_classes: int, ignore_index: int
) -> NDArray[np.int64]:
    """Count the pixels of class i (row) that were predicted as class j (column).

    Args:
        prediction_HW: integers below `num_classes`, of any shape; uint8 is the fastest.
        label_HW: integers below `num_classes`, or `ignore_index`, of the same shape.
        num_classes: K.
        ignore_index: label of pixels that do not count.

    Returns:
        K x K.

    Raises:
        DataError: shapes differ, or a value is no class.
    """
    if prediction_HW.shape != label_HW.shape:
        raise DataError(f"prediction {prediction_HW.shape} and label {label_HW.shape} differ")
    counted_HW = label_HW != ignore_index
    rows, columns = label_HW, prediction_HW
    if rows.dtype != np.uint8 or ignore_index < num_classes:
        _check_range("label", label_HW, counted_HW, num_classes)
        rows = marked(label_HW, counted_HW, num_classes)
    if columns.dtype != np.uint8:
        _check_range("prediction", prediction_HW, counted_HW, num_classes)
        columns = marked(prediction_HW, counted_HW, num_classes)
    counts = joint_counts(rows, columns, num_classes, num_classes)
    if counts.sum() != np.count_nonzero(counted_HW):
        _check_range("label", label_HW, counted_HW, num_classes)
        _check_range("prediction", prediction_HW, counted_HW, num_classes)
    return counts


def marked(
    map_HW: NDArray[Any], counted_HW: NDArray[np.bool_], num_classes: int
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return class ids in the smallest type, `num_classes` where `counted_HW` is false."""
    kind = np.uint8 if num_classes < 2**8 else np.uint16
    return np.where(counted_HW, map_HW.astype(kind, copy=False), kind(num_classes))


def joint_counts(
    rows: NDArray[Any], columns: NDArray[Any], num_rows: int, num_columns: int
) -> NDArray[np.int64]:
    """Return the joint histogram of two unsigned arrays of equal shape, `num_rows` x `num_columns`.

    Pairs outside the ranges are not counted.
    """
    rows_N, columns_N = rows.reshape(-1), columns.reshape(-1)
    if rows.dtype != np.uint8 or columns.dtype != np.uint8:
        inside_N = (rows_N < num_rows) & (columns_N < num_columns)
        pairs = rows_N[inside_N].astype(np.intp) * num_columns + columns_N[inside_N]
        return np.bincount(pairs, minlength=num_rows * num_columns).reshape(num_rows, num_columns)
    if should_use_numba_histogram(rows_N.size):
        from seg.kernels.joint_histogram import byte_pairs

        return byte_pairs(rows_N, columns_N)[:num_rows, :num_columns].copy()
    counts = np.zeros((num_rows, num_columns), np.int64)
    sizes, ranges = [num_rows, num_columns], [0, num_rows, 0, num_columns]
    for start in range(0, rows_N.size, _EXACT):
        part = slice(start, start + _EXACT)
        # several times as fast as numpy's and torch's bincount of pairs, which are int64
        counted = cv2.calcHist([rows_N[part], columns_N[part]], [0, 1], None, sizes, ranges)
        counts += counted.reshape(counts.shape).astype(np.int64)
    return counts


def _check_range(
    what: str, map_HW: NDArray[Any], counted_HW: NDArray[np.bool_], num_classes: int
) -> None:
    outside_HW = counted_HW & ((map_HW < 0) | (map_HW >= num_classes))
    if outside_HW.any():
        values = ", ".join(str(value) for value in np.unique(map_HW[outside_HW])[:8])
        raise DataError(f"the {what} holds {values}; allowed: 0..{num_classes - 1}")
