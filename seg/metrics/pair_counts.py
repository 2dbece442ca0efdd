"""Counts of (label, prediction) pairs of class maps on the CPU."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError


def pair_counts(
    prediction_HW: NDArray[Any], label_HW: NDArray[Any], num_classes: int, ignore_index: int
) -> NDArray[np.int64]:
    """How many pixels of class i (row) were predicted as class j (column).

    Args:
        prediction_HW: integers below `num_classes`, of any shape.
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
    ignored_HW = label_HW == ignore_index
    _refuse_strangers("label", label_HW, num_classes, ignored_HW)
    _refuse_strangers("prediction", prediction_HW, num_classes, None)
    ids_HW = marked(label_HW, ~ignored_HW, num_classes)
    return joint_counts(ids_HW, prediction_HW, num_classes + 1, num_classes)[:num_classes]


def marked(
    map_HW: NDArray[Any], counted_HW: NDArray[np.bool_], num_classes: int
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Class ids in as few bytes as they need, `num_classes` where `counted_HW` is false."""
    kind = np.uint8 if num_classes < 2**8 else np.uint16
    return np.where(counted_HW, map_HW.astype(kind, copy=False), kind(num_classes))


def joint_counts(
    rows: NDArray[Any], columns: NDArray[Any], num_rows: int, num_columns: int
) -> NDArray[np.int64]:
    """Joint histogram, `num_rows` x `num_columns`, of two integer arrays of equal shape.

    Values must be within 0 and the number of rows or columns.
    """
    pairs = rows.astype(np.intp)
    pairs *= num_columns
    pairs += columns.astype(np.intp, copy=False)
    counts = np.bincount(pairs.ravel(), minlength=num_rows * num_columns)
    return counts.reshape(num_rows, num_columns)


def _refuse_strangers(
    what: str, map_HW: NDArray[Any], num_classes: int, ignored_HW: NDArray[np.bool_] | None
) -> None:
    known_HW = map_HW < num_classes
    if map_HW.dtype.kind != "u":
        known_HW &= map_HW >= 0
    if ignored_HW is not None:
        known_HW |= ignored_HW
    if not known_HW.all():
        found = ", ".join(str(value) for value in np.unique(map_HW[~known_HW])[:8])
        raise DataError(f"the {what} holds {found}; allowed: 0..{num_classes - 1}")
