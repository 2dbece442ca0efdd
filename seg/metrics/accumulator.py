"""The interface of streaming metrics, by which several processes share one evaluation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from seg.errors import DataError
from seg.metrics.ratios import iou, mean_of_several

Sums = dict[str, NDArray[Any]]
"""Name -> int64 or float64 array; adding those of two parts of a split gives those of both."""

PER_ONE = 2**24
"""Fractions (confidences, recalls) are summed as whole numbers of 1 / PER_ONE: exactly, so that
neither the order nor the number of processes changes a bit. There is room for 2**39 of them."""


@runtime_checkable
class Accumulator(Protocol):
    """A metric whose whole state is sums; its size does not depend on the number of images."""

    def sums(self) -> Sums:
        """Return a copy of the state."""
        ...

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the state by what `sums` gave, of this or of several processes added up.

        Raises:
            DataError: a sum is missing or has another shape.
        """
        ...


class CountAccumulator:
    """An accumulator whose state is one int64 array of counts.

    Attributes:
        key: name of the array among the sums.
    """

    key: ClassVar[str]
    _counts: NDArray[np.int64]

    def sums(self) -> Sums:
        """Return a copy of the counts under their key."""
        return {self.key: self._counts.copy()}

    def load_sums(self, sums: Mapping[str, NDArray[Any]]) -> None:
        """Replace the counts.

        Raises:
            DataError: the sums are of another metric, or of other numbers of classes, bins or
                replicates.
        """
        self._counts = checked_sum(sums, self.key, self._counts.shape, np.int64)


class ClassIoU(CountAccumulator):
    """IoU of each class over some pixels of each image, summed over the data set.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
    """

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self._counts = np.zeros((3, num_classes), np.int64)  # hits, labelled, predicted

    def _add(self, joint: NDArray[np.int64]) -> None:
        """Add pixels by label (row) and prediction (column); K x K or, with other pixels, more."""
        counts = np.stack([joint.diagonal(), joint.sum(1), joint.sum(0)])
        self._counts += counts[:, : self.num_classes]

    def iou(self) -> NDArray[np.float64]:
        """Return the IoU of each class, K; NaN where it does not occur among these pixels."""
        return iou(*self._counts)

    def mean_iou(self) -> float:
        """Return the mean of `iou` over the classes that occur; NaN where fewer than two do."""
        return float(mean_of_several(self.iou()))


def total_over_ranks(values: Sequence[float], device: torch.device) -> list[float]:
    """Return numbers summed in float64 over all ranks, where there are several.

    Args:
        values: of this rank; integers below 2**53 stay exact.
        device: by which the ranks communicate.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(sums)
    return sums.tolist()


def total(parts: Iterable[Mapping[str, NDArray[Any]]]) -> Sums:
    """Add up the sums of several processes; `parts` must not be empty.

    Raises:
        DataError: the parts are not of one kind of metric.
    """
    first, *others = parts
    added = {name: np.array(array) for name, array in first.items()}
    for other in others:
        if other.keys() != added.keys():
            raise DataError(f"sums {sorted(added)} and {sorted(other)} are of different metrics")
        added = {
            name: array + checked_sum(other, name, array.shape) for name, array in added.items()
        }
    return added


def checked_sum(
    sums: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...], dtype: Any = None
) -> NDArray[Any]:
    """Return a copy of one of the sums.

    Raises:
        DataError: it is missing or has another shape than the metric.
    """
    if name not in sums:
        raise DataError(f"no sum {name!r} among {sorted(sums)}; they are of another metric")
    if sums[name].shape != shape:
        raise DataError(
            f"sum {name!r} has shape {sums[name].shape}, this metric {shape};\n"
            "  evaluate all parts with the same classes, bins and replicates"
        )
    return np.array(sums[name], dtype=dtype)
