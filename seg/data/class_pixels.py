"""Pixels of classes in label maps."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.label_space import LabelSpace


def class_pixels(code_counts: NDArray[np.int64], labels: LabelSpace) -> NDArray[np.int64]:
    """Return the pixels of each class from those of each code, `labels.num_classes`.

    They are the same, unless classes overlap: then a pixel counts for each of its classes.

    Args:
        code_counts: of each number in a label map, the ignored one may be there too.
        labels: what the numbers mean.
    """
    counts = code_counts[: labels.num_codes]
    if labels.members is None or labels.mode != "multi_label":
        return counts
    return np.asarray(counts @ labels.members.astype(np.int64))


def classes_of_codes(codes: Iterable[int], labels: LabelSpace) -> set[int]:
    """Return the classes, by their positions, for which some codes stand."""
    counts: NDArray[Any] = np.zeros(labels.num_codes, np.int64)
    counts[[code for code in codes if code < labels.num_codes]] = 1
    return set(np.flatnonzero(class_pixels(counts, labels)).tolist())
