"""Bootstrap replicates of sums over images, from which any score of sums follows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError
from seg.metrics.accumulator import CountAccumulator, Sums
from seg.metrics.bootstrap import poisson_weights

_WAITING = 32  # images that are added by one product of matrices


class ResampledSums(CountAccumulator):
    """Replicates of the sum of D counts an image, weighted as by `PoissonBootstrap`.

    Args:
        length: D.
        replicates: B; memory is 8 x B x D bytes.
        seed: of the weights, 0 or more.

    Raises:
        ConfigError: no replicate.
    """

    key = "resampled"  # B x D

    def __init__(self, length: int, *, replicates: int = 1000, seed: int = 0) -> None:
        if replicates < 1:
            raise ConfigError(f"{replicates} bootstrap replicates; allowed: 1 or more")
        self.seed = seed
        self._counts = np.zeros((replicates, length), np.int64)
        self._waiting: list[tuple[str, NDArray[np.int64]]] = []

    def update(self, name: str, counts_D: NDArray[np.integer[Any]]) -> None:
        """Add an image by its counts; `name` is unique within the split."""
        self._waiting.append((name, counts_D.astype(np.int64)))
        if len(self._waiting) == _WAITING:
            self._flush()

    @property
    def replicates(self) -> NDArray[np.int64]:
        """Return the replicates of the sums, B x D."""
        self._flush()
        return self._counts

    def sums(self) -> Sums:
        """Return a copy of the replicates under their key."""
        self._flush()
        return super().sums()

    def _flush(self) -> None:
        if not self._waiting:
            return
        weights = [poisson_weights(self.seed, name, len(self._counts)) for name, _ in self._waiting]
        counts = np.stack([counts_D for _, counts_D in self._waiting])
        # float64 is exact below 2**53, and several times as fast as a product of integers
        added = np.stack(weights, 1).astype(np.float64) @ counts.astype(np.float64)
        self._counts += added.astype(np.int64)
        self._waiting.clear()
