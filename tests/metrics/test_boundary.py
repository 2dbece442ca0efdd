import math

import numpy as np
import pytest
from scipy import ndimage

from seg.errors import ConfigError
from seg.metrics.boundary import BoundaryIoU
from seg.metrics.contours import near_change
from tests.metrics.maps import IGNORE, random_maps


def eroded_away(mask, distance_px):
    """The published definition: erosions by a 3 x 3 square, nothing outside the image."""
    square = np.ones((3, 3), bool)
    return mask & ~ndimage.binary_erosion(mask, square, iterations=distance_px, border_value=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 60), (61, 33)])
@pytest.mark.parametrize("distance_px", [1, 2, 3, 7, 40])
def test_near_change_is_what_erosions_take_from_each_class(size, distance_px):
    generator = np.random.default_rng(distance_px)
    ids = ndimage.zoom(generator.integers(0, 4, (9, 9)), 8, order=0)[: size[0], : size[1]]
    near = near_change(ids.astype(np.uint16), distance_px, image_border=True)
    for class_id in range(4):
        mask = ids == class_id
        assert np.array_equal(near & mask, eroded_away(mask, distance_px))


@pytest.mark.parametrize("classes", [1, 2, 6])
@pytest.mark.parametrize(("seed", "ratio"), [(0, 0.02), (1, 0.001), (2, 0.05), (3, 0.02)])
def test_equals_the_definition_on_the_mask_of_each_class(seed, ratio, classes):
    ours = BoundaryIoU(classes, IGNORE, ratio=ratio)
    intersection, union = np.zeros(classes), np.zeros(classes)
    for image in range(3):
        maps = random_maps(10 * seed + image, classes)
        ours.update(*maps)
        distance_px = max(1, round(ratio * math.sqrt(60**2 + 90**2)))
        counted = maps[1] != IGNORE
        for class_id in range(classes):
            first, second = (eroded_away((m == class_id) & counted, distance_px) for m in maps)
            intersection[class_id] += (first & second).sum()
            union[class_id] += (first | second).sum()
    with np.errstate(invalid="ignore"):
        expected = intersection / union
    np.testing.assert_allclose(ours.iou(), expected, rtol=1e-15)
    mean = np.nanmean(expected) if np.isfinite(expected).sum() > 1 else math.nan
    assert ours.mean_iou() == pytest.approx(mean, nan_ok=True)


def test_right_wherever_there_is_a_label_scores_one():
    _, label = random_maps(0, 4)
    prediction = np.where(label == IGNORE, 2, label).astype(np.int64)
    metric = BoundaryIoU(4, IGNORE)
    metric.update(prediction, label)
    assert metric.mean_iou() == 1


def test_only_ignored_pixels_give_no_score():
    metric = BoundaryIoU(3, IGNORE)
    metric.update(np.zeros((4, 5), np.uint8), np.full((4, 5), IGNORE, np.uint8))
    assert np.isnan(metric.iou()).all()
    assert math.isnan(metric.mean_iou())


def test_arguments_stay_as_they_are():
    maps = random_maps(0, 4)
    before = [each.copy() for each in maps]
    BoundaryIoU(4, IGNORE).update(*maps)
    assert all(np.array_equal(*pair) for pair in zip(maps, before, strict=True))
    with pytest.raises(ConfigError, match=r"0\.02"):
        BoundaryIoU(4, IGNORE, ratio=0)
