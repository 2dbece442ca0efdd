"""Calibration: whether the confidence of a prediction is its probability of being right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seg.errors import ConfigError, DataError
from seg.metrics.accumulator import PER_ONE, CountAccumulator
from seg.metrics.joint_counts import joint_counts
from seg.metrics.ratios import ratio

_MOST_BINS = 100
_ROUNDING = 1e-3  # by which a softmax in half precision may exceed 1


@dataclass(frozen=True)
class ReliabilityDiagram:
    """Data of a reliability diagram of M bins, NaN in empty ones.

    Attributes:
        edges: M + 1 confidences, 0 to 1.
        pixels: number of pixels in each bin, M.
        confidence: mean confidence of these pixels, M.
        accuracy: share of these pixels that is right, M.
    """

    edges: NDArray[np.float64]
    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


class ReliabilityBins(CountAccumulator):
    """Pixels, confidence and hits in bins of equal width over the confidence.

    Source: Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 2; bin m of
    M holds the confidences in ((m - 1) / M, m / M], and 0 is in the first. Confidences are rounded
    to 2**-24 and summed as integers.

    Args:
        num_bins: M.

    Raises:
        ConfigError: fewer than 1 or more than 100 bins.
    """

    key = "reliability"  # 3 x M: pixels, hits, confidence in 2**-24

    def __init__(self, num_bins: int = 15) -> None:
        if not 1 <= num_bins <= _MOST_BINS:
            raise ConfigError(
                f"{num_bins} calibration bins; allowed: 1 to {_MOST_BINS}, published: 15"
            )
        self.num_bins = num_bins
        self._counts = np.zeros((3, num_bins), np.int64)  # pixels, hits, confidence x PER_ONE

    def update(self, confidence: Tensor | NDArray[Any], right: Tensor | NDArray[np.bool_]) -> None:
        """Add pixels.

        Args:
            confidence: probability of the predicted class, 0 to 1, of any shape; without ignored
                pixels.
            right: whether the prediction is the label; of the same shape.

        Raises:
            DataError: a confidence that is no probability, or shapes that differ.
        """
        confidence_N, right_N = _flat(confidence), _flat(right).astype(np.bool_, copy=False)
        if confidence_N.shape != right_N.shape:
            raise DataError(f"{confidence_N.size} confidences, but {right_N.size} hits or misses")
        if not confidence_N.size:
            return
        if not (confidence_N.min() >= 0 and confidence_N.max() <= 1 + _ROUNDING):
            raise DataError(
                f"confidences from {confidence_N.min()} to {confidence_N.max()}; allowed: 0 to 1,\n"
                "  the largest probability of the softmax, without NaN"
            )
        units_N = np.minimum(np.rint(confidence_N * np.float32(PER_ONE)), np.float32(PER_ONE))
        # int32 has room for _MOST_BINS x PER_ONE
        bin_N = np.maximum(units_N.astype(np.int32) * self.num_bins - 1, 0) // PER_ONE
        joint = joint_counts(bin_N.astype(np.uint8), right_N.view(np.uint8), self.num_bins, 2)
        # integers below 2**53 are exact in the float64 of weights
        confidences = np.bincount(bin_N, weights=units_N, minlength=self.num_bins)
        self._counts += np.stack([joint.sum(1), joint[:, 1], confidences.astype(np.int64)])

    def ece(self) -> float:
        """Return the expected calibration error, 0 to 1; NaN where no pixel was added."""
        pixels, hits, confidences = self._counts
        return float(ratio(np.abs(hits - confidences / PER_ONE).sum(), pixels.sum()))

    def diagram(self) -> ReliabilityDiagram:
        """Return the bins as a diagram."""
        pixels, hits, confidences = self._counts
        return ReliabilityDiagram(
            edges=np.linspace(0, 1, self.num_bins + 1),
            pixels=pixels.copy(),
            confidence=ratio(confidences / PER_ONE, pixels),
            accuracy=ratio(hits, pixels),
        )


def _flat(values: Tensor | NDArray[Any]) -> NDArray[Any]:
    if isinstance(values, Tensor):
        wide = values.detach().float() if values.is_floating_point() else values.detach()
        return np.asarray(wide.cpu().numpy()).ravel()
    return np.asarray(values).ravel()
