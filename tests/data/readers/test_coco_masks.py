"""Pixels of COCO annotations against pycocotools, and what is refused before it is called."""

import numpy as np
import pytest

from seg.data.readers.coco_masks import Runs, decode_runs, draw_polygons, polygon_steps
from seg.errors import DataError

pytest.importorskip("pycocotools", reason="needs the extra coco")
from pycocotools import mask

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def pixels(runs: Runs, size):
    label_WH = np.zeros(size, np.uint8)
    runs.paint(label_WH, 1)
    assert runs.area == label_WH.sum()
    return label_WH.T


def counts_of(mask_HW):
    """COCO's counts, by hand."""
    flat = mask_HW.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate((changes, [flat.size]))
    counts = np.diff(np.concatenate(([0], ends))).tolist()
    return [0, *counts] if flat[0] else counts


@pytest.mark.parametrize("seed", range(40))
def test_polygons_are_those_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in rng.integers(1, 40, 2))
    polygons = []
    for _ in range(rng.integers(1, 4)):
        corners = rng.uniform(-0.7, 1.7, (rng.integers(3, 9), 2)) * (width, height)
        corners = [corners, corners.round(), (corners * 2).round() / 2][seed % 3]
        corners[1] = corners[seed % 2]  # sometimes twice the same
        polygons.append(corners.ravel().tolist())
    expected = mask.decode(mask.merge(mask.frPyObjects(polygons, height, width)))
    size = width, height
    polygon_steps(polygons, size, "x")
    np.testing.assert_array_equal(pixels(draw_polygons(polygons, size), size), expected)


def test_a_square_covers_the_pixels_between_its_corners():
    drawn = pixels(draw_polygons([[2, 1, 5, 1, 5, 3, 2, 3]], (7, 4)), (7, 4))
    assert np.argwhere(drawn).tolist() == [[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [2, 4]]


def test_several_polygons_are_a_union_and_small_ones_may_cover_no_pixel():
    outer, inner = [0, 0, 6, 0, 6, 6, 0, 6], [2, 2, 4, 2, 4, 4, 2, 4]
    assert draw_polygons([outer, inner], (6, 6)).area == 36
    assert draw_polygons([[1.1, 1.1, 1.2, 1.1, 1.2, 1.2]], (6, 6)).area == 0


@pytest.mark.parametrize("seed", range(20))
def test_both_forms_of_counts_are_those_of_pycocotools(seed):
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 60, 2))
    mask_HW = (rng.random((height, width)) < rng.choice([0, 0.02, 0.5, 0.98, 1])).astype(np.uint8)
    encoded = mask.encode(np.asfortranarray(mask_HW))
    for counts in (encoded["counts"].decode(), counts_of(mask_HW)):
        stored = {"size": [height, width], "counts": counts}
        runs = decode_runs(stored, (width, height), "x")
        np.testing.assert_array_equal(pixels(runs, (width, height)), mask_HW)


def test_runs_of_no_pixel_are_read():
    stored = {"size": [2, 3], "counts": [1, 0, 1, 2, 0, 1, 1, 0]}
    runs = decode_runs(stored, (3, 2), "x")
    assert pixels(runs, (3, 2)).tolist() == [[0, 1, 1], [0, 1, 0]]
    assert decode_runs({"size": [1, 1], "counts": [1]}, (1, 1), "x").area == 0


@pytest.mark.parametrize(
    "polygon",
    [
        [1, 1, 3, 3],
        [1, 1, 3, 3, 3],
        [1, 1, 3, 3, 3, 1, 5],
        [],
        5,
        None,
        [[1, 1], [2, 2], [3, 3]],
        [1, 1, 3, 3, 3, "1"],
        [1, 1, 3, 3, 3, None],
        [1, 1, 3, 3, 3, True],
        [1, 1, 3, 3, 3, float("nan")],
        [1, 1, 3, 3, 3, float("inf")],
        [1, 1, 3, 3, 3, 1e9],
        [1, 1, 3, 3, 3, -(10**400)],
    ],
)
def test_polygons_that_pycocotools_would_misread_are_refused(polygon):
    good = [0, 0, 4, 0, 4, 4]
    with pytest.raises(DataError, match=r"x: polygon 1 (is|has)"):
        polygon_steps([good, polygon], (10, 8), "x")


def test_what_is_no_list_of_polygons_is_refused():
    with pytest.raises(DataError, match="polygons or a run-length encoding"):
        polygon_steps("0 0 4 0", (10, 8), "x")
    with pytest.raises(DataError, match="longer than can be drawn") as caught:
        polygon_steps([20_000 * [0, 0, 1000, 0]], (1000, 8), "x")
    assert caught.value.fault == "too_large"


@pytest.mark.parametrize(
    ("size", "counts", "message"),
    [
        ([6, 5], [30], r"size \[6, 5\], the image of the file \[5, 6\]"),
        (None, [30], "has the size None"),
        ([5, 6], [29], "has 29 pixels, the image 30"),
        ([5, 6], [20, 11], "has 31 pixels, the image 30"),
        ([5, 6], [31, -1], "damaged"),
        ([5, 6], [29.0, 1.0], "damaged"),
        ([5, 6], [True, 29], "damaged"),
        ([5, 6], [10**30], "damaged"),
        ([5, 6], [], "damaged"),
        ([5, 6], "", "damaged"),
        ([5, 6], None, "damaged"),
        ([5, 6], "<1a", "damaged"),  # cut off
        ([5, 6], "<1a ", "damaged"),  # no such character
        ([5, 6], "<1a\u00e9", "damaged"),
        ([5, 6], "a0O", "damaged"),  # negative
        ([5, 6], 8 * "o" + "0", "damaged"),  # more than 35 bits
        ([5, 6], 6 * "o" + "0", "damaged"),  # far more pixels
        ([5, 6], "<1`0", "has 29 pixels"),
    ],
)
def test_run_lengths_that_do_not_fit_are_refused(size, counts, message):
    with pytest.raises(DataError, match=message):
        decode_runs({"size": size, "counts": counts}, (6, 5), "x")
