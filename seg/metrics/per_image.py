"""Scores of single images, and the images with the worst and the best."""

import math
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.errors import ConfigError, DataError
from seg.metrics.ratios import iou, mean_known, ratio

Payload = TypeVar("Payload")


@dataclass(frozen=True)
class ImageScores:
    """Scores of one image.

    Attributes:
        name: unique within the split.
        mean_iou: over the classes that occur in its label or prediction; NaN without any.
        pixel_accuracy: share of its labelled pixels that are right; NaN without any.
    """

    name: str
    mean_iou: float
    pixel_accuracy: float


def image_scores(name: str, counts_KK: NDArray[np.integer[Any]]) -> ImageScores:
    """Return scores from pixels by label (row) and prediction (column), as of `pair_counts`."""
    hits = counts_KK.diagonal()
    return ImageScores(
        name=name,
        mean_iou=float(mean_known(iou(hits, counts_KK.sum(1), counts_KK.sum(0)))),
        pixel_accuracy=float(ratio(hits.sum(), counts_KK.sum())),
    )


@dataclass(frozen=True)
class KeptImage(Generic[Payload]):
    """An image that is kept, with the caller's data about it."""

    scores: ImageScores
    payload: Payload


class Extremes(Generic[Payload]):
    """The images with the lowest and those with the highest mIoU, `count` of each.

    Of images with equal mIoU those whose names come first are kept, so that neither order nor
    processes matter. Images without a score are not kept, and a name once only.

    Args:
        count: how many of each.

    Raises:
        ConfigError: a negative count.
    """

    def __init__(self, count: int = 6) -> None:
        if count < 0:
            raise ConfigError(f"{count} images to keep; allowed: 0 or more")
        self.count = count
        self._worst: list[KeptImage[Payload]] = []
        self._best: list[KeptImage[Payload]] = []

    def wants(self, scores: ImageScores) -> bool:
        """Return whether `add` would keep the image, so that a payload is made only then."""
        if math.isnan(scores.mean_iou):
            return False
        return any(
            len(images) < self.count or rank(scores) < rank(images[-1].scores)
            for images, rank in ((self._worst, _worst_first), (self._best, _best_first))
            if self.count
        )

    def add(self, scores: ImageScores, payload: Payload) -> None:
        """Keep the image if it is one of the worst or best so far."""
        if not math.isnan(scores.mean_iou):
            self._keep([KeptImage(scores, payload)], [KeptImage(scores, payload)])

    def merge(self, other: Self) -> None:
        """Add the images that another process kept.

        Raises:
            DataError: it keeps another number of images.
        """
        if other.count != self.count:
            raise DataError(f"{self.count} and {other.count} extreme images cannot be merged")
        self._keep(other._worst, other._best)

    def worst(self) -> list[KeptImage[Payload]]:
        """Return the images with the lowest mIoU, lowest first."""
        return list(self._worst)

    def best(self) -> list[KeptImage[Payload]]:
        """Return the images with the highest mIoU, highest first."""
        return list(self._best)

    def _keep(self, worst: list[KeptImage[Payload]], best: list[KeptImage[Payload]]) -> None:
        for images, rank, new in (
            (self._worst, _worst_first, worst),
            (self._best, _best_first, best),
        ):
            by_name = {image.scores.name: image for image in (*new, *images)}
            images[:] = sorted(by_name.values(), key=lambda image: rank(image.scores))[: self.count]


def _worst_first(scores: ImageScores) -> tuple[float, str]:
    return scores.mean_iou, scores.name


def _best_first(scores: ImageScores) -> tuple[float, str]:
    return -scores.mean_iou, scores.name
