"""Strategies that choose the samples of a training epoch: each once, or rare classes more often."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.statistics import DatasetStatistics
from seg.errors import ConfigError, DataError

Statistics = DatasetStatistics | Callable[[], DatasetStatistics]
"""The counts of the training split, or a function that counts when an epoch is first drawn."""


class SamplingStrategy(Protocol):
    """The interface of what chooses the samples of an epoch."""

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return the indices of one epoch in their order, as many as there are samples.

        The result depends on `generator` alone, so that runs resume and processes agree.
        """
        ...


class Shuffle:
    """Every sample once; `statistics` is not used."""

    def __init__(self, *, samples: int, statistics: Statistics) -> None:
        self._samples = samples

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return a random permutation."""
        return generator.permutation(self._samples)


class ClassUniform:
    """A share of the epoch gives every class the same chance (Zhu et al., CVPR 2019).

    For that share a class is drawn, then one of the samples in which it occurs; the rest of the
    epoch are different samples drawn as by `Shuffle`. Zhu et al. cut a tile around the class; this
    chooses whole samples and leaves the crop to the augmentation.

    Args:
        share: of the epoch, 0 to 1.
        samples: number of samples.
        statistics: which classes occur in each.

    Raises:
        ConfigError: a share below 0 or above 1.
    """

    def __init__(self, *, share: float, samples: int, statistics: Statistics) -> None:
        if not 0 <= share <= 1:
            raise ConfigError(f"sampler.share {share} must be from 0 to 1")
        self._share = share
        self._samples = samples
        self._statistics = statistics
        self._indices_by_class: list[NDArray[np.int64]] | None = None

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return the indices of both shares in random order.

        Raises:
            DataError: no class occurs in any sample.
        """
        if self._indices_by_class is None:
            present_NK = _counted(self._statistics, self._samples).present
            occurring = [np.flatnonzero(column) for column in present_NK.T if column.any()]
            if not occurring:
                raise DataError(
                    "sampler: no class occurs in any training sample; all pixels are ignored\n"
                    "  check labels.ignore and the label files"
                )
            self._indices_by_class = occurring
        count = round(self._share * self._samples)
        indices = generator.permutation(self._samples)
        classes = generator.integers(len(self._indices_by_class), size=count)
        positions = generator.random(count)
        for train_id, candidates in enumerate(self._indices_by_class):
            chosen = np.flatnonzero(classes == train_id)
            indices[chosen] = candidates[(positions[chosen] * len(candidates)).astype(np.int64)]
        return generator.permutation(indices)


class RepeatFactor:
    """Samples with rare classes are drawn more often (LVIS, Gupta et al., CVPR 2019).

    A class that occurs in the share f of the samples has the factor max(1, sqrt(threshold / f)), a
    sample the greatest factor of its classes. An epoch stays as long as the dataset: each sample is
    expected in it in proportion to its factor, rounded up or down by systematic resampling.

    Args:
        threshold: the share of samples below which a class counts as rare, above 0, at most 1.
        samples: number of samples.
        statistics: which classes occur in each.

    Raises:
        ConfigError: a threshold out of bounds.
    """

    def __init__(self, *, threshold: float, samples: int, statistics: Statistics) -> None:
        if not 0 < threshold <= 1:
            raise ConfigError(f"sampler.threshold {threshold} must be above 0 and at most 1")
        self._threshold = threshold
        self._samples = samples
        self._statistics = statistics
        self._factors: NDArray[np.float64] | None = None

    @property
    def factors(self) -> NDArray[np.float64]:
        """Return the repeat factor of each of the N samples, 1 or more."""
        if self._factors is None:
            statistics = _counted(self._statistics, self._samples)
            shares_K = np.maximum(statistics.image_counts, 1) / self._samples
            factors_K = np.maximum(1.0, np.sqrt(self._threshold / shares_K))
            self._factors = np.where(statistics.present, factors_K, 1.0).max(axis=1)
        return self._factors

    def draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Return the resampled indices in random order."""
        # A new order each time: systematic resampling hardly ever takes both of two neighbours.
        order = generator.permutation(self._samples)
        ends = np.cumsum(self.factors[order])
        step = ends[-1] / self._samples
        points = (np.arange(self._samples) + generator.random()) * step
        chosen = np.searchsorted(ends, points, side="right").clip(max=self._samples - 1)
        return generator.permutation(order[chosen])


def _counted(statistics: Statistics, samples: int) -> DatasetStatistics:
    """Return the counts, computed now if need be, which must be of so many samples."""
    counted = statistics if isinstance(statistics, DatasetStatistics) else statistics()
    if len(counted) != samples:
        raise ValueError(f"statistics of {len(counted)} samples for a dataset of {samples}")
    return counted
