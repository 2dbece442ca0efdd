"""Trimap mIoU: how well the pixels near the borders of the label are classified."""

from typing import Any

from numpy.typing import NDArray

from seg.errors import ConfigError
from seg.metrics.accumulator import ClassIoU
from seg.metrics.contours import near_change
from seg.metrics.joint_counts import joint_counts, marked


class TrimapIoU(ClassIoU):
    """IoU over the pixels within `width_px` of a change of the label, summed over the data set.

    Source: Kohli et al., "Robust Higher Order Potentials for Enforcing Label Consistency" (IJCV
    2009); Chen et al., "DeepLab" (TPAMI 2018), section 4. Here the band holds the pixels whose
    surrounding square of 2 x `width_px` + 1 pixels contains another label, on both sides of a
    border. Borders to ignored regions count, the border of the image does not; ignored pixels are
    in no band. The band depends on the labels alone.

    Args:
        num_classes: number of classes K.
        ignore_index: label of pixels that do not count.
        width_px: how far the band reaches to each side of a border.

    Raises:
        ConfigError: a width below one pixel.
    """

    key = "trimap"  # 3 x K pixels of the band: hits, labelled, predicted

    def __init__(self, num_classes: int, ignore_index: int, *, width_px: int) -> None:
        if width_px < 1:
            raise ConfigError(f"trimap width {width_px} px; allowed: 1 or more")
        super().__init__(num_classes, ignore_index)
        self.width_px = width_px

    def update(self, prediction_HW: NDArray[Any], label_HW: NDArray[Any]) -> None:
        """Add an image: class ids below K, of equal shape; labels may be `ignore_index`."""
        classes = self.num_classes
        ids_HW = marked(label_HW, label_HW != self.ignore_index, classes)
        band_HW = near_change(ids_HW, self.width_px, image_border=False)
        rows = marked(ids_HW, band_HW, classes)
        self._add(joint_counts(rows, prediction_HW, classes + 1, classes)[:classes])
