"""Temperature scaling: one number that calibrates the confidences of a network."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import softmax

from seg.errors import DataError
from seg.metrics.calibration import ReliabilityBins
from seg.metrics.pixel_sample import LogProbabilitySample

LOWEST, HIGHEST = 0.05, 20.0
"""Range of the temperature."""

_ROWS = 16_384  # pixels at a time: float64 of the whole sample would take gigabytes


def fit_temperature(sample: LogProbabilitySample) -> float:
    """Return the T that minimises the negative log likelihood of softmax(log p / T).

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 4.2; as
    log p are the logits up to a constant, T is that of the logits. The likelihood is convex in
    1 / T, so that its slope has one zero, which is searched in float64.

    T lies within 0.05 and 20. An end is returned where the likelihood still improves there: 0.05
    where every sampled pixel is predicted right (as is often so if a single class occurs), 20 where
    the predictions are worse than chance. T is 1 where it has no influence (uniform predictions).

    Raises:
        DataError: the sample is empty.
    """
    if not len(sample):
        raise DataError("no labelled pixel to fit a temperature on; is every pixel ignored?")
    rows, labels = sample.pixels()

    def slope(log_sharpness: float) -> float:
        """Return the derivative of the mean negative log likelihood by 1 / T."""
        sharpness = float(np.exp(log_sharpness))
        total = 0.0
        for scaled, label in _scaled(rows, labels, sharpness):
            expected = (softmax(scaled, axis=1) * scaled).sum(1)
            total += float((expected - scaled[np.arange(len(scaled)), label]).sum())
        return total / sharpness / len(labels)

    softest, sharpest = -np.log(HIGHEST), -np.log(LOWEST)
    at_softest, at_sharpest = slope(softest), slope(sharpest)
    if at_softest == at_sharpest == 0:
        return 1.0
    if at_softest >= 0:
        return HIGHEST
    if at_sharpest <= 0:
        return LOWEST
    return float(np.exp(-brentq(slope, softest, sharpest, xtol=1e-10)))


def tempered_reliability(
    sample: LogProbabilitySample, temperature: float, *, num_bins: int = 15
) -> ReliabilityBins:
    """Return the reliability of softmax(log p / T) over the sample; T = 1: as predicted."""
    bins = ReliabilityBins(num_bins)
    for scaled, label in _scaled(*sample.pixels(), 1 / temperature):
        bins.update(softmax(scaled, axis=1).max(1), scaled.argmax(1) == label)
    return bins


def _scaled(
    rows: NDArray[np.float32], labels: NDArray[np.int64], sharpness: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    for begin in range(0, len(labels), _ROWS):
        part = slice(begin, begin + _ROWS)
        wide = rows[part].astype(np.float64)
        yield (wide - wide.max(1, keepdims=True)) * sharpness, labels[part]
