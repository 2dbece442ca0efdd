"""Quotients of counts, NaN where there is nothing to divide by."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Return `part / whole` in float64, NaN where `whole` is 0; shapes broadcast."""
    numerator, denominator = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def iou(hits: NDArray[Any], labelled: NDArray[Any], predicted: NDArray[Any]) -> NDArray[np.float64]:
    """Return the IoU from pixel counts; NaN where neither labelled nor predicted."""
    return ratio(hits, labelled + predicted - hits)


def mean_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the last axis without NaN; NaN where all are NaN."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(-1), known.sum(-1))


def mean_of_several(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average as `mean_known`; return NaN also where a single value is known.

    For means over the classes of a split: if labels and predictions hold one class alone, its IoU
    is 1 whatever the network learned.
    """
    several = (~np.isnan(values)).sum(-1) > 1
    return np.where(several, mean_known(values), np.nan)
