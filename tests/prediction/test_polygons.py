"""Label maps as polygons: exact, or simplified together."""

import numpy as np
import pytest

from seg.prediction.polygons import Cuts
from tests.prediction.traced_maps import IGNORED, blobs, trace

shapely = pytest.importorskip("shapely")
features = pytest.importorskip("rasterio.features")


def burnt(traced, shape):
    shapes = [(each.polygon, each.class_index) for each in traced.regions]
    return features.rasterize(shapes, out_shape=shape, fill=IGNORED, dtype="uint8")


@pytest.mark.parametrize("tolerance", [0.0, 0.5])
def test_without_tolerance_no_pixel_differs(tolerance):
    for seed in range(3):
        label_HW = blobs(seed)
        np.testing.assert_array_equal(burnt(trace(label_HW, tolerance), label_HW.shape), label_HW)


def test_masks_are_the_pixels_of_the_regions():
    label_HW = blobs()
    drawn = np.full_like(label_HW, IGNORED)
    for region in trace(label_HW).regions:
        mask_HW = region.image_mask(label_HW.shape[::-1])
        assert (drawn[mask_HW] == IGNORED).all()
        assert region.area == mask_HW.sum()
        drawn[mask_HW] = region.class_index
    np.testing.assert_array_equal(drawn, label_HW)


@pytest.mark.parametrize("tolerance", [1.0, 2.0, 5.0])
def test_neighbors_keep_one_border_within_the_tolerance(tolerance):
    label_HW = blobs()
    exact, simple = trace(label_HW), trace(label_HW, tolerance)
    assert [each.class_index for each in simple.regions] == [
        each.class_index for each in exact.regions
    ]
    before, after = (np.array([each.polygon for each in one.regions]) for one in (exact, simple))
    assert shapely.is_valid(after).all()
    assert shapely.coverage_is_valid(after)
    assert (
        shapely.get_num_coordinates(after).sum() < 0.8 * shapely.get_num_coordinates(before).sum()
    )
    borders = shapely.union_all(shapely.boundary(after))
    corners = shapely.points(shapely.get_coordinates(shapely.segmentize(before, 1.0)))
    assert shapely.distance(corners, borders).max() <= tolerance
    filled = shapely.area(after).sum()
    whole = shapely.union_all(after)  # what covers the image stays whole, edges and corners too
    assert filled == pytest.approx(whole.area)
    assert whole.bounds == (0, 0, 120, 90)
    assert shapely.Polygon(whole.exterior).equals(shapely.box(0, 0, 120, 90))


def test_plain_simplification_would_break_the_borders():
    """Why corners are added first: without them no border of a T is shared."""
    polygons = [each.polygon for each in trace(blobs()).regions]
    assert not shapely.coverage_is_valid(polygons)
    assert shapely.coverage_is_valid(shapely.segmentize(polygons, 1.0))


def test_small_regions_join_their_largest_neighbor():
    label_HW = np.zeros((20, 20), np.uint8)
    label_HW[:, 12:] = 1
    label_HW[5:7, 5:7] = 2  # in 0
    label_HW[10, 11:13] = 3  # on the border
    label_HW[0:2, 17:20] = IGNORED
    label_HW[0, 18] = 2  # between pixels of no class
    traced = trace(label_HW, smallest=5)
    assert (traced.num_small, traced.small_px) == (3, 7)
    expected = label_HW.copy()
    expected[5:7, 5:7] = 0
    expected[10, 11:13] = 0
    expected[0, 18] = IGNORED
    np.testing.assert_array_equal(burnt(traced, label_HW.shape), expected)
    same = trace(label_HW, smallest=1)
    assert (same.num_small, same.small_px) == (0, 0)
    np.testing.assert_array_equal(burnt(same, label_HW.shape), label_HW)


def test_regions_at_a_cut_are_not_small():
    label_HW = np.zeros((20, 20), np.uint8)
    label_HW[0, 3:5] = label_HW[19, 7:9] = label_HW[9, 9] = 1
    assert trace(label_HW, smallest=5).num_small == 3
    for cuts, num_small in ((Cuts(top=True), 2), (Cuts(top=True, bottom=True), 1)):
        traced = trace(label_HW, smallest=5, cuts=cuts)
        assert traced.num_small == num_small
        assert burnt(traced, label_HW.shape)[0, 3] == 1


def test_without_classes_there_are_no_regions():
    assert trace(np.full((4, 5), IGNORED, np.uint8)).regions == []
