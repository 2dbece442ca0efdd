"""A bounded sample of pixels with their predicted distributions."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.errors import ConfigError, DataError
from seg.metrics.seeded_rng import draws

_LEAST_LOG_PROBABILITY = -1e4  # -inf would make the likelihood of any sample infinite
_SLACK = 4  # choose again when there are a quarter more than `capacity`


class LogProbabilitySample:
    """`capacity` pixels drawn without replacement from all labelled pixels of a split.

    Every pixel has a random key that depends on the seed, its image and its place in it; the
    pixels with the smallest keys are kept (priority sampling, Duffield et al., JACM 2007, with
    equal weights). So the sample is uniform, the same for every order of the images and every
    split over processes, and no larger for more images.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        capacity: largest number of pixels that are kept.
        seed: of the keys, 0 or more.

    Raises:
        ConfigError: room for less than one pixel.
    """

    def __init__(
        self, num_classes: int, ignore_index: int, *, capacity: int = 200_000, seed: int = 0
    ) -> None:
        if capacity < 1:
            raise ConfigError(f"a sample of {capacity} pixels; allowed: 1 or more")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.capacity = capacity
        self.seed = seed
        self._keys = np.empty(0, np.uint64)
        self._rows = np.empty((0, num_classes), np.float32)
        self._labels = np.empty(0, np.int64)
        self._limit = np.uint64(2**64 - 1)

    def update(
        self,
        image: str | int,
        log_probabilities: Tensor | NDArray[Any],
        label: Tensor | NDArray[Any],
    ) -> None:
        """Add an image as a whole, always with its pixels in the same order.

        Args:
            image: name or index, unique within the split.
            log_probabilities: logarithm of the softmax, K x N or K x H x W, on any device; logits
                do as well, as they differ by a constant of the pixel, which no temperature sees.
            label: class ids or `ignore_index`, N or H x W.

        Raises:
            DataError: shapes that do not fit, or NaN among the chosen probabilities.
        """
        if log_probabilities.shape != (self.num_classes, *label.shape):
            raise DataError(
                f"log probabilities {tuple(log_probabilities.shape)} of labels "
                f"{tuple(label.shape)}; expected: {(self.num_classes, *label.shape)}"
            )
        label_N = label.detach().cpu().numpy() if isinstance(label, Tensor) else label
        label_N = label_N.reshape(-1)
        keys_N = draws(self.seed, "pixel sample", image, label_N.size)
        chosen = np.flatnonzero((keys_N < self._limit) & (label_N != self.ignore_index))
        chosen = chosen[smallest(keys_N[chosen], self.capacity)]
        rows = _columns(log_probabilities, chosen)
        if np.isnan(rows).any():
            raise DataError(f"image {image}: NaN among the log probabilities")
        np.maximum(rows, _LEAST_LOG_PROBABILITY, out=rows)
        self._add(keys_N[chosen], rows, label_N[chosen].astype(np.int64))

    def merge(self, other: Self) -> None:
        """Add the pixels that another process sampled from other images.

        Raises:
            DataError: a sample of another seed, size or number of classes.
        """
        kind = (self.num_classes, self.capacity, self.seed)
        other_kind = (other.num_classes, other.capacity, other.seed)
        if kind != other_kind:
            raise DataError(f"samples differ in (classes, capacity, seed): {kind}, {other_kind}")
        self._add(other._keys, other._rows, other._labels)

    def pixels(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return log probabilities N x K and labels N, N <= `capacity`, ordered by their keys."""
        order = np.argsort(self._keys)[: self.capacity]
        return self._rows[order], self._labels[order]

    def __len__(self) -> int:
        return min(len(self._keys), self.capacity)

    def _add(
        self, keys: NDArray[np.uint64], rows: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> None:
        self._keys = np.concatenate([self._keys, keys])
        self._rows = np.concatenate([self._rows, rows])
        self._labels = np.concatenate([self._labels, labels])
        if len(self._keys) > self.capacity + self.capacity // _SLACK:
            lowest = smallest(self._keys, self.capacity)
            self._keys, self._rows = self._keys[lowest], self._rows[lowest]
            self._labels = self._labels[lowest]
            self._limit = self._keys.max()


def smallest(keys: NDArray[np.uint64], count: int) -> NDArray[np.intp]:
    """Return the positions of the `count` smallest keys, or of all, in no order."""
    if len(keys) <= count:
        return np.arange(len(keys))
    return np.argpartition(keys, count - 1)[:count]


def _columns(log_probabilities: Tensor | NDArray[Any], chosen: NDArray[np.intp]) -> NDArray[Any]:
    """Copy the log probabilities of the chosen pixels to float32, N x K."""
    if isinstance(log_probabilities, Tensor):
        places = torch.from_numpy(chosen).to(log_probabilities.device)
        columns = log_probabilities.detach().flatten(1)[:, places].T.float().cpu()
        return np.array(columns.numpy(), np.float32, order="C")
    columns_KN = log_probabilities.reshape(len(log_probabilities), -1)[:, chosen]
    return np.array(columns_KN.T, np.float32, order="C")
