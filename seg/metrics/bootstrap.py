"""Bootstrap confidence intervals: how far scores depend on the choice of images in a split."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError, DataError
from seg.metrics.accumulator import CountAccumulator
from seg.metrics.ratios import mean_of_several, ratio
from seg.metrics.seeded_rng import draws

_POISSON_CDF = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(18)])  # up to 1 - 2**-53


class PoissonBootstrap(CountAccumulator):
    """Bootstrap replicates of the scores, in memory that does not grow with the images.

    In each of B replicates an image counts as often as a Poisson variable of mean 1 says; for many
    images that is the bootstrap that draws images with replacement (Hanley and MacGibbon, "Creating
    Non-Parametric Bootstrap Samples Using Poisson Frequencies", 2006; Chamandy et al., "Estimating
    Uncertainty for Massive Data Streams", 2012). The weights of an image follow from the seed and
    its name alone: two runs over the same split have the same replicates, so that the difference of
    theirs is that of a paired bootstrap, and neither order nor processes matter.

    In a replicate without any pixel of a class the class is NaN and does not enter the mIoU.

    Args:
        num_classes: number of classes K.
        replicates: B.
        seed: of the weights, 0 or more.

    Raises:
        ConfigError: no replicate.
    """

    key = "bootstrap"  # B x 3 x K weighted pixels: intersection, union, label

    def __init__(self, num_classes: int, *, replicates: int = 1000, seed: int = 0) -> None:
        if replicates < 1:
            raise ConfigError(f"{replicates} bootstrap replicates; allowed: 1 or more")
        self.num_classes = num_classes
        self.replicates = replicates
        self.seed = seed
        # intersection, union and label pixels
        self._counts = np.zeros((replicates, 3, num_classes), np.int64)

    def update(self, name: str, counts_KK: NDArray[np.integer[Any]]) -> None:
        """Add an image.

        Args:
            name: unique within the split, the same in all runs that are compared.
            counts_KK: pixels of each label (row) and prediction (column), as of `pair_counts`.
        """
        hits, labelled, predicted = counts_KK.diagonal(), counts_KK.sum(1), counts_KK.sum(0)
        parts = np.stack([hits, labelled + predicted - hits, labelled]).astype(np.int64)
        weights_B = poisson_weights(self.seed, name, self.replicates)
        self._counts += np.multiply.outer(weights_B, parts)

    def iou(self) -> NDArray[np.float64]:
        """Return replicates of the IoU of each class, B x K; NaN where the class is absent."""
        return ratio(self._counts[:, 0], self._counts[:, 1])

    def mean_iou(self) -> NDArray[np.float64]:
        """Return replicates of the mean IoU over occurring classes, B; NaN below two."""
        return mean_of_several(self.iou())

    def pixel_accuracy(self) -> NDArray[np.float64]:
        """Return replicates of the share of pixels that are right, B."""
        return ratio(self._counts[:, 0].sum(1), self._counts[:, 2].sum(1))


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two runs over the same resampled images.

    Attributes:
        mean: of the replicates' differences.
        low, high: percentile interval of the difference.
        p: two-sided: twice the share of replicates on the rarer side of 0, at least 2 / (B + 1),
            the resolution of B replicates.
    """

    mean: float
    low: float
    high: float
    p: float


def poisson_weights(seed: int, name: str, count: int) -> NDArray[np.int64]:
    """Return Poisson variables of mean 1 that depend on the arguments alone, B."""
    uniform = (draws(seed, "bootstrap", name, count) >> np.uint64(11)) * 2.0**-53
    return np.searchsorted(_POISSON_CDF, uniform, side="right").astype(np.int64)


def interval(values_B: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of replicates, low and high; NaN where all are NaN.

    Raises:
        ConfigError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level {level} of an interval; allowed: between 0 and 1, usual: 0.95")
    known = values_B[~np.isnan(values_B)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_difference(
    first_B: NDArray[np.float64], second_B: NDArray[np.float64], level: float = 0.95
) -> PairedDifference:
    """Compare two runs over the same split and seed: `first_B - second_B`.

    Raises:
        DataError: different numbers of replicates.
        ConfigError: a level that is not between 0 and 1.
    """
    if first_B.shape != second_B.shape:
        raise DataError(
            f"replicates {first_B.shape} and {second_B.shape} are of no pair;\n"
            "  evaluate both with the same number of replicates, seed and split"
        )
    difference = first_B - second_B
    known = difference[~np.isnan(difference)]
    low, high = interval(known, level)
    if not known.size:
        return PairedDifference(math.nan, low, high, math.nan)
    rarer = min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0))
    p = min(1.0, 2 * (rarer + 1) / (known.size + 1))
    return PairedDifference(float(known.mean()), low, high, p)
