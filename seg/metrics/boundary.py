"""Boundary IoU: intersection over union of what lies near the contours."""

import math
from typing import Any

from numpy.typing import NDArray

from seg.errors import ConfigError
from seg.metrics.accumulator import ClassIoU
from seg.metrics.contours import near_change
from seg.metrics.joint_counts import joint_counts, marked


class BoundaryIoU(ClassIoU):
    """Boundary IoU of each class, intersections and unions summed over the data set.

    Source: Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation"
    (CVPR 2021). The boundary of a mask is what d erosions by a 3 x 3 square remove,
    d = max(1, round(`ratio` x image diagonal)) pixels; there is no mask outside the image, so the
    image border is contour. The score of a class is the IoU of the boundaries of its predicted and
    of its labelled mask.

    Ignored pixels are removed from the labelled and the predicted mask of every class before
    contours are computed. So they count nowhere, the edge of an ignored region is contour in both,
    and a prediction that is right wherever there is a label scores 1.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        ratio: width of the boundary as a share of the image diagonal.

    Raises:
        ConfigError: `ratio` is not between 0 and 1.
    """

    key = "boundary"  # 3 x K pixels near contours: hits, labelled, predicted

    def __init__(self, num_classes: int, ignore_index: int, *, ratio: float = 0.02) -> None:
        if not 0 < ratio < 1:
            raise ConfigError(f"boundary ratio {ratio}; allowed: between 0 and 1, published: 0.02")
        super().__init__(num_classes, ignore_index)
        self.ratio = ratio

    def update(self, prediction_HW: NDArray[Any], label_HW: NDArray[Any]) -> None:
        """Add an image: class ids below K, of equal shape; labels may be `ignore_index`."""
        counted_HW = label_HW != self.ignore_index
        ids = [marked(map_HW, counted_HW, self.num_classes) for map_HW in (label_HW, prediction_HW)]
        distance_px = max(1, round(self.ratio * math.hypot(*label_HW.shape)))
        near = [near_change(map_HW, distance_px, image_border=True) for map_HW in ids]
        rows, columns = (
            marked(map_HW, near_HW, self.num_classes)
            for map_HW, near_HW in zip(ids, near, strict=True)
        )
        side = self.num_classes + 1
        self._add(joint_counts(rows, columns, side, side))
