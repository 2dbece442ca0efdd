import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from seg.errors import ConfigError
from seg.metrics.confusion import ConfusionMatrix
from seg.metrics.trimap import TrimapIoU
from tests.metrics.maps import IGNORE, random_maps


@pytest.mark.parametrize("width_px", [1, 3, 10])
@pytest.mark.parametrize("classes", [1, 2, 6])
def test_equals_the_iou_of_the_band(classes, width_px):
    ours, band_only = (
        TrimapIoU(classes, IGNORE, width_px=width_px),
        ConfusionMatrix(classes, IGNORE),
    )
    for seed in range(4):
        prediction, label = random_maps(seed, classes)
        ours.update(prediction, label)
        size = 2 * width_px + 1
        lowest = ndimage.minimum_filter(label, size, mode="nearest")
        band = lowest != ndimage.maximum_filter(label, size, mode="nearest")
        banded = np.where(band, label, IGNORE)
        band_only.update(torch.from_numpy(prediction), torch.from_numpy(banded))
    np.testing.assert_array_equal(ours.iou(), band_only.iou().numpy())
    assert ours.mean_iou() == pytest.approx(band_only.mean_iou(), nan_ok=True)


def test_a_picture_of_one_class_has_no_band():
    metric = TrimapIoU(2, IGNORE, width_px=3)
    metric.update(np.ones((5, 5), np.uint8), np.zeros((5, 5), np.uint8))
    assert math.isnan(metric.mean_iou())


def test_width_below_a_pixel_is_refused():
    with pytest.raises(ConfigError, match="1 or more"):
        TrimapIoU(2, IGNORE, width_px=0)
