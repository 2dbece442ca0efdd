"""The counts of sigmoid outputs from which all of their scores follow, and these scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.losses.mask_loss import IGNORED
from seg.metrics.accumulator import PER_ONE, CountAccumulator
from seg.metrics.boundary import BoundaryIoU
from seg.metrics.calibration import ReliabilityBins
from seg.metrics.mask_scores import BINS, average_precision
from seg.metrics.ratios import iou, mean_known, ratio

_PIXELS, _BOUNDARY, _RELIABILITY = 4, 3, 45
_PARTS = np.cumsum([_PIXELS, _BOUNDARY, _RELIABILITY])
LENGTH = _PIXELS + _BOUNDARY + _RELIABILITY + 2 * BINS
"""Counts of one output: hit, labelled, predicted and counted pixels; the first three near contours;
the bins of calibration; the histogram of probabilities outside and inside."""

Scores = dict[str, NDArray[np.float64]]


class MaskCounts(CountAccumulator):
    """Counts of K outputs, summed over images.

    Args:
        num_outputs: K.
    """

    key = "masks"  # K x LENGTH

    def __init__(self, num_outputs: int) -> None:
        self._counts = np.zeros((num_outputs, LENGTH), np.int64)

    def add(self, counts_KD: NDArray[np.int64]) -> None:
        """Add an image by its counts."""
        self._counts += counts_KD

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return the counts, K x LENGTH."""
        return self._counts


def probability_counts(
    probabilities_KN: NDArray[np.float32], masks_KN: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Return the counts of some pixels that follow from probabilities; the others are 0.

    Args:
        probabilities_KN: of each output, of the pixels that count.
        masks_KN: 0 or 1.
    """
    counts = np.zeros((len(masks_KN), LENGTH), np.int64)
    bins_KN = np.minimum((probabilities_KN * np.float32(BINS)).astype(np.int64), BINS - 1)
    for row, probabilities, mask, bins in zip(
        counts, probabilities_KN, masks_KN, bins_KN, strict=True
    ):
        calibration = ReliabilityBins()
        calibration.update(probabilities, mask == 1)
        row[_PARTS[1] : _PARTS[2]] = calibration.sums()[ReliabilityBins.key].ravel()
        row[_PARTS[2] :] = np.bincount(mask.astype(np.int64) * BINS + bins, minlength=2 * BINS)
    return counts


def mask_counts(
    predicted_KHW: NDArray[np.bool_], masks_KHW: NDArray[np.uint8], *, boundary_ratio: float
) -> NDArray[np.int64]:
    """Return the counts of an image that follow from its masks; the others are 0.

    Args:
        predicted_KHW: where each output is present.
        masks_KHW: 0, 1 or `IGNORED`.
        boundary_ratio: as of `BoundaryIoU`.
    """
    counts = np.zeros((len(masks_KHW), LENGTH), np.int64)
    for row, predicted, mask in zip(counts, predicted_KHW, masks_KHW, strict=True):
        inside, counted = mask == 1, mask != IGNORED
        parts = (inside & predicted, inside, predicted & counted, counted)
        row[:_PIXELS] = [np.count_nonzero(part) for part in parts]
        boundary = BoundaryIoU(2, IGNORED, ratio=boundary_ratio)
        boundary.update(predicted.astype(np.uint8), mask)
        row[_PIXELS : _PARTS[1]] = boundary.sums()[BoundaryIoU.key][:, 1]
    return counts


def output_scores(counts_KD: NDArray[np.int64]) -> Scores:
    """Return the scores of each output, ... x K; NaN where one does not occur.

    They are `iou`, `dice`, `precision`, `recall`, `average_precision`, `boundary_iou` and `ece`:
    the expected calibration error of the probability that a pixel is part of the output.

    Args:
        counts_KD: ... x K x LENGTH.
    """
    pixels, boundary, bins, histogram = np.split(counts_KD, _PARTS, axis=-1)
    hits, inside, predicted, counted = np.moveaxis(pixels, -1, 0)
    _, right, confidence = np.moveaxis(bins.reshape(*bins.shape[:-1], 3, -1), -2, 0)
    return {
        "iou": iou(hits, inside, predicted),
        "dice": ratio(2 * hits, inside + predicted),
        "precision": ratio(hits, predicted),
        "recall": ratio(hits, inside),
        "average_precision": average_precision(histogram.reshape(*histogram.shape[:-1], 2, BINS)),
        "boundary_iou": iou(*np.moveaxis(boundary, -1, 0)),
        "ece": ratio(np.abs(right - confidence / PER_ONE).sum(-1), counted),
    }


def mean_output_scores(counts_KD: NDArray[np.int64]) -> Scores:
    """Return the means of `output_scores` over the outputs that occur, and the right decisions.

    Args:
        counts_KD: ... x K x LENGTH.
    """
    means = {key: mean_known(values) for key, values in output_scores(counts_KD).items()}
    hits, inside, predicted, counted = np.moveaxis(counts_KD[..., :_PIXELS], -1, 0)
    right = counted - inside - predicted + 2 * hits
    names = {"iou": "miou", "boundary_iou": "boundary_miou", "ece": "ece"}
    flat = {names.get(key, f"mean_{key}"): values for key, values in means.items()}
    return {**flat, "pixel_accuracy": ratio(right.sum(-1), counted.sum(-1))}


def reliability(counts_KD: NDArray[np.int64]) -> ReliabilityBins:
    """Return the bins of calibration of all outputs together."""
    bins = ReliabilityBins()
    counts: dict[str, NDArray[Any]] = {
        ReliabilityBins.key: counts_KD[:, _PARTS[1] : _PARTS[2]].sum(0).reshape(3, -1)
    }
    bins.load_sums(counts)
    return bins
