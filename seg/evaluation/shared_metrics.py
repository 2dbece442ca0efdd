"""Metrics that several processes measure together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, distributed

from seg.metrics.accumulator import Accumulator, total
from seg.metrics.per_image import Extremes


@dataclass(frozen=True)
class ExampleImage:
    """Example image, uint8, H x W x 3, with its label and its prediction, H x W."""

    image: NDArray[np.uint8]
    label: NDArray[Any]
    prediction: NDArray[Any]


class SharedMetrics:
    """What all evaluations measure beside their scores, and how processes add up.

    Args:
        num_classes: the number of classes, or of outputs.
        examples: how many of the worst and of the best images are stored.

    Attributes:
        extremes: these images.
        loss_sum, loss_images: of the batches.
        class_images: the number of images whose labels hold each class or output.
    """

    def __init__(self, num_classes: int, examples: int) -> None:
        self.extremes: Extremes[ExampleImage] = Extremes(examples)
        self.loss_sum, self.loss_images = 0.0, 0
        self.class_images = np.zeros(num_classes, np.int64)

    def add_loss(self, loss: Tensor, images: int) -> None:
        """Add the mean loss of a batch."""
        self.loss_sum += float(loss) * images
        self.loss_images += images

    def reduce(self) -> None:
        """Add what the other processes have measured, if there are any."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        others: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(others, self)
        for own, *parts in zip(self._sums(), *(other._sums() for other in others), strict=True):
            own.load_sums(total(part.sums() for part in parts))
        for rank, other in enumerate(others):
            if rank != distributed.get_rank():
                self.merge_images(other)
        self.loss_sum = sum(other.loss_sum for other in others)
        self.loss_images = sum(other.loss_images for other in others)
        self.class_images = np.sum([other.class_images for other in others], axis=0)

    def merge_images(self, other: Self) -> None:
        """Take the example images of another process."""
        self.extremes.merge(other.extremes)

    def _sums(self) -> Sequence[Accumulator]:
        """Return the parts whose state is sums."""
        raise NotImplementedError
