"""A label map with regions of all kinds, and its regions."""

import cv2
import numpy as np

from seg.prediction.polygons import trace_regions

IGNORED = 255


def blobs(seed=0, shape=(90, 120), sigma=2.5, classes=4):
    """Regions of all sizes, with holes, single pixels, and pixels that meet at a corner."""
    random = np.random.default_rng(seed)
    noise = random.normal(size=(classes, *shape))
    fields = [cv2.GaussianBlur(each, (0, 0), sigma) for each in noise]
    label_HW = np.argmax(fields, 0).astype(np.uint8)
    label_HW[20:40, 30:60] = IGNORED
    label_HW[60:66, 10:30] = np.indices((6, 20)).sum(0) % 2  # a checkerboard
    label_HW[70, 50:110] = 3  # a line
    return label_HW


def trace(label_HW, tolerance=0.0, smallest=0, **options):
    return trace_regions(
        label_HW, num_classes=4, tolerance_px=tolerance, min_area_px=smallest, **options
    )
