"""Regions of predictions: their confidences, and polygons without holes."""

import numpy as np
import pytest

from seg.data.label_space import LabelSpace
from seg.data.outputs import binary_outputs
from seg.errors import ConfigError
from seg.prediction.regions import (
    confidence,
    drawn_classes,
    image_confidence,
    trace_classes,
    without_holes,
)
from tests.prediction.traced_maps import blobs, trace
from tests.prediction.written_formats import COLORS, NAMES, SPACE

pytest.importorskip("shapely")
pytest.importorskip("rasterio")


@pytest.mark.parametrize("seed", range(4))
def test_parts_without_holes_are_the_pixels_of_the_region(seed):
    label_HW = blobs(seed, sigma=1.2)
    regions = [each for each in trace(label_HW).regions if each.has_holes]
    assert len(regions) > 1
    for region in regions:
        parts = without_holes(region)
        assert len(parts) > 1
        assert not any(part.has_holes for part in parts)
        assert {part.class_index for part in parts} == {region.class_index}
        drawn = sum(part.image_mask((120, 90)).astype(int) for part in parts)
        np.testing.assert_array_equal(drawn, region.image_mask((120, 90)).astype(int))


@pytest.mark.parametrize("holes", [[(5, 5)], [(1, 1), (1, 3), (5, 3)], [(3, 4), (4, 5), (5, 6)]])
def test_holes_of_one_pixel_are_cut_beside_their_center(holes):
    label_HW = np.zeros((9, 11), np.uint8)
    for row, column in holes:
        label_HW[row, column] = 1
    around = next(each for each in trace(label_HW).regions if each.class_index == 0)
    parts = without_holes(around)
    assert not any(part.has_holes for part in parts)
    drawn = sum(part.image_mask((11, 9)).astype(int) for part in parts)
    np.testing.assert_array_equal(drawn, label_HW == 0)


def test_simplified_regions_are_cut_too():
    regions = trace(blobs(1, sigma=1.2), tolerance=2.0).regions
    for region in (each for each in regions if each.has_holes):
        parts = without_holes(region)
        assert not any(part.has_holes for part in parts)
        drawn = sum(part.image_mask((120, 90)).astype(int) for part in parts)
        assert drawn.max() == 1
        assert np.abs(drawn - region.image_mask((120, 90))).sum() <= 2  # centers on a border


def test_confidence_is_the_mean_probability_of_the_class():
    label_HW = np.zeros((4, 6), np.uint8)
    label_HW[:, 3:] = 2
    random = np.random.default_rng(0)
    probabilities_KHW = random.dirichlet(np.ones(4), (4, 6)).transpose(2, 0, 1).astype(np.float32)
    scores = {
        each.class_index: confidence(each, probabilities_KHW, SPACE)
        for each in trace(label_HW).regions
    }
    assert scores == {
        0: pytest.approx(probabilities_KHW[0, :, :3].mean()),
        2: pytest.approx(probabilities_KHW[2, :, 3:].mean()),
    }
    probabilities_KHW[:, :, 5] = np.nan  # no data there
    region = next(each for each in trace(label_HW).regions if each.class_index == 2)
    assert confidence(region, probabilities_KHW, SPACE) == pytest.approx(
        probabilities_KHW[2, :, 3:5].mean()
    )
    assert image_confidence(probabilities_KHW, SPACE) == pytest.approx(
        probabilities_KHW[:, :, :5].max(0).mean()
    )


def test_confidence_of_what_is_in_no_output_is_that_of_none():
    names = ("background", "house")
    labels = LabelSpace(names, COLORS[:2], ((0, 0), (1, 1)), outputs=binary_outputs(names))
    label_HW = np.repeat([[0, 1]], 4, 0).astype(np.uint8)
    probabilities_KHW = np.repeat([[[0.2, 0.9]]], 4, 1).astype(np.float32)
    scores = [
        confidence(each, probabilities_KHW, labels)
        for each in trace_classes(label_HW, labels, tolerance_px=0, min_area_px=0).regions
    ]
    assert sorted(scores) == pytest.approx([0.8, 0.9])
    assert image_confidence(probabilities_KHW, labels) == pytest.approx(0.85)


def test_overlapping_classes_are_traced_one_by_one():
    labels = LabelSpace.overlapping(NAMES, COLORS)
    code_HW = np.full((6, 6), 1, np.uint8)
    code_HW[2:4, 2:4] = 1 | 4
    regions = trace_classes(code_HW, labels, tolerance_px=0, min_area_px=0).regions
    assert [(each.class_index, each.area) for each in regions] == [(0, 36), (2, 4)]


def test_classes_that_are_drawn():
    assert drawn_classes(("background", "cat", "dog")) == {1: "cat", 2: "dog"}
    assert drawn_classes(("background", "cat"), ["background"]) == {0: "background"}
    with pytest.raises(ConfigError, match="no class 'cow'; allowed: cat, dog"):
        drawn_classes(("cat", "dog"), ["cow"])
