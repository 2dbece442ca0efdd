"""Shapes cover the pixels whose centres they contain."""

import math

import numpy as np
import pytest

from seg.data.readers.pixel_centers import fill_ellipse, fill_polygon

DRAW = np.random.default_rng(0)


def painted(part, size):
    label_HW = np.zeros(size[::-1], np.int32)
    part.paint(label_HW, 1)
    return label_HW.tolist()


def polygon(*corners, size=(5, 4)):
    return painted(fill_polygon(np.array(corners, float), size), size)


def test_edges_through_centres_belong_to_one_side():
    left = polygon((0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5))
    assert left == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0] * 5, [0] * 5]
    right = polygon((2.5, 0.5), (4.5, 0.5), (4.5, 2.5), (2.5, 2.5))
    assert right == [[0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0] * 5, [0] * 5]


def test_a_polygon_that_crosses_itself_has_a_hole():
    corners = [(0, 0), (5, 0), (5, 4), (0, 4), (0, 0), (1, 1), (1, 3), (4, 3), (4, 1), (1, 1)]
    assert polygon(*corners) == [[1] * 5, [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1] * 5]


def test_windings_fill_what_is_wound_around_in_either_direction():
    pentagram = np.array([(10, 0), (16, 19), (0, 7), (20, 7), (4, 19)], float)
    odd, whole = (
        np.array(painted(fill_polygon(pentagram, (20, 20), nonzero=nonzero), (20, 20)))
        for nonzero in (False, True)
    )
    assert (odd[11, 10], whole[11, 10]) == (0, 1)  # the middle is wound around twice
    assert not (odd > whole).any()
    turned = painted(fill_polygon(pentagram[::-1], (20, 20), nonzero=True), (20, 20))
    assert turned == whole.tolist()


@pytest.mark.parametrize(
    "corners", [[(1, 1)] * 3, [(9, 9), (12, 9), (9, 12)], [(0, -9), (1, -8), (2, -9)]]
)
def test_nothing_may_be_covered(corners):
    assert not np.any(polygon(*corners))


def test_polygons_over_the_border_are_those_of_gdal():
    features = pytest.importorskip("rasterio.features")
    affine = pytest.importorskip("rasterio").Affine
    for _ in range(20):
        corners = DRAW.uniform(-8, 24, (DRAW.integers(3, 9), 2))
        ring = [*corners.tolist(), corners[0].tolist()]
        shape = {"type": "Polygon", "coordinates": [ring]}
        burnt = features.rasterize([(shape, 1)], (12, 16), transform=affine.identity())
        assert polygon(*corners, size=(16, 12)) == burnt.tolist()


def test_an_ellipse_turns_clockwise_around_its_centre():
    part = fill_ellipse((2.5, 2), (3, 0.8), math.pi / 4, (5, 4))
    assert painted(part, (5, 4)) == [
        [1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 1],
    ]
