"""Recall of segments by their size."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.metrics.accumulator import PER_ONE, CountAccumulator
from seg.metrics.joint_counts import joint_counts, marked
from seg.metrics.ratios import ratio

STRATA = ("small", "medium", "large")
"""Segments below 0.1 %, below 1 %, and from 1 % of the image's area on."""

# a segment is small, or medium, if the image has more than these times its area
_LIMITS = (1_000, 100)


class SizeStrata(CountAccumulator):
    """Recall of the labelled segments, small ones apart from large ones.

    A segment is a region of one class in the label whose pixels touch each other at a side or a
    corner (8-neighbourhood). Ignored pixels belong to no segment and separate the regions on their
    two sides. Its size is its share of all pixels of the image, ignored ones included: below 0.1 %
    it is small, below 1 % medium, otherwise large. A pixel is right where the prediction has the
    class of the label; the recall of a segment is the share of its pixels that are right.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
    """

    key = "strata"  # 4 x 3: segments, pixels, right pixels, recalls in 2**-24

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        # segments, pixels, right pixels, recalls x PER_ONE
        self._counts = np.zeros((4, len(STRATA)), np.int64)

    def update(self, prediction_HW: NDArray[Any], label_HW: NDArray[Any]) -> None:
        """Add an image: class ids below K, of equal shape; labels may be `ignore_index`."""
        classes = self.num_classes
        ids_HW = marked(label_HW, label_HW != self.ignore_index, classes)
        right_HW = ids_HW == prediction_HW
        for class_id in np.flatnonzero(joint_counts(ids_HW, ids_HW, classes, classes).diagonal()):
            mask_HW = ids_HW == class_id
            left, top, width, height = cv2.boundingRect(mask_HW.view(np.uint8))
            box = slice(top, top + height), slice(left, left + width)
            areas, hits = _areas_and_hits(mask_HW[box], right_HW[box])
            stratum = sum(areas * limit >= label_HW.size for limit in _LIMITS)
            recalls = np.rint(hits / areas * PER_ONE)
            for row, values in enumerate((np.ones_like(areas), areas, hits, recalls)):
                # integers below 2**53 are exact in the float64 of weights
                sums = np.bincount(stratum, weights=values, minlength=len(STRATA))
                self._counts[row] += sums.astype(np.int64)

    def scores(self) -> dict[str, dict[str, float]]:
        """Return the scores of each of `STRATA`.

        Returns:
            `segments` and `pixels` (counts), `pixel_recall` (share of the pixels that are right)
            and `segment_recall` (mean recall of a segment); NaN where there is no segment.
        """
        segments, pixels, right, recalls = self._counts
        by_name = {
            "segments": segments,
            "pixels": pixels,
            "pixel_recall": ratio(right, pixels),
            "segment_recall": ratio(recalls / PER_ONE, segments),
        }
        return {
            stratum: {name: values[row].item() for name, values in by_name.items()}
            for row, stratum in enumerate(STRATA)
        }


def _areas_and_hits(
    mask_HW: NDArray[np.bool_], right_HW: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pixels and the right pixels of each segment of a mask."""
    # OpenCV's own statistics of components take several times as long
    count, segment_HW = cv2.connectedComponents(mask_HW.view(np.uint8), connectivity=8)
    inside = np.flatnonzero(mask_HW)
    segments = segment_HW.ravel()[inside] - 1
    right = right_HW.ravel()[inside]
    areas = np.bincount(segments, minlength=count - 1)
    return areas, np.bincount(segments[right], minlength=count - 1)
