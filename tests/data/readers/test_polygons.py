"""LabelMe's shapes, drawn."""

import base64
import json
import time
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from seg.data.readers.polygons import PolygonLabels
from seg.errors import DataError

IDS = {"road": 1, "car": 2}
READ = PolygonLabels(IDS, unlabelled=0)


@pytest.fixture
def draw(tmp_path):
    def draw(*shapes, size=(30, 20), **others):
        path = tmp_path / "a.json"
        told = {"shapes": shapes, "imageWidth": size[0], "imageHeight": size[1], **others}
        path.write_text(json.dumps(told))
        return READ(path)

    return draw


def shape(label, points, kind="polygon", **others):
    return {"label": label, "points": points, "shape_type": kind, **others}


def box(x0, y0, x1, y1):
    label_HW = np.zeros((20, 30), int)
    label_HW[y0 : y1 + 1, x0 : x1 + 1] = 1
    return label_HW


def test_polygons_and_rectangles_hold_their_borders(draw):
    expected = box(2, 3, 10, 8)
    corners = [[2, 3], [10, 3], [10, 8], [2, 8]]
    for points, kind in (
        (corners, "polygon"),
        (corners, "oriented_rectangle"),
        (corners, None),
        ([[2, 3], [10, 8]], "rectangle"),
        ([[10, 8], [2, 3]], "rectangle"),
    ):
        np.testing.assert_array_equal(draw(shape("road", points, kind)), expected)


def test_later_shapes_lie_over_earlier_ones(draw):
    below, above = [[0, 0], [9, 9]], [[5, 5], [14, 14]]
    label_HW = draw(shape("car", below, "rectangle"), shape("road", above, "rectangle"))
    assert label_HW[5, 5] == 1
    assert label_HW[4, 4] == 2
    label_HW = draw(shape("road", above, "rectangle"), shape("car", below, "rectangle"))
    assert label_HW[5, 5] == 2


def test_round_shapes(draw):
    label_HW = draw(shape("car", [[15, 10], [15, 4]], "circle"))
    rows, columns = np.mgrid[:20, :30]
    distance = np.hypot(rows - 10, columns - 15)
    assert (label_HW[distance < 5.5] == 2).all()
    assert (label_HW[distance > 6.5] == 0).all()
    label_HW = draw(shape("car", [[15, 10]], "point"))
    assert (label_HW[distance < 4.5] == 2).all()
    assert (label_HW[distance > 5.6] == 0).all()


def test_lines_have_a_width(draw):
    label_HW = draw(shape("road", [[-5, 10], [35, 10]], "line"))
    assert (label_HW == 1).sum(axis=0).tolist() == [10] * 30
    bent = draw(shape("road", [[-5, 10], [15, 10], [15, 40]], "linestrip"))
    assert bent[10, 2] == bent[18, 15] == 1
    assert bent[18, 2] == 0


@pytest.mark.parametrize("top", [255, 1])
def test_masks_are_pasted_at_their_corner(draw, top):
    mask = np.array([[0, top, top], [top, 0, 0]], np.uint8)
    buffer = BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    coded = base64.b64encode(buffer.getvalue()).decode()
    label_HW = draw(shape("car", [[4, 6], [6, 7]], "mask", mask=coded))
    expected = np.zeros((20, 30), int)
    expected[6:8, 4:7] = 2 * (mask > 0)
    np.testing.assert_array_equal(label_HW, expected)


def test_a_mask_of_another_size_than_its_corners_is_refused(draw):
    content = BytesIO()
    Image.new("1", (3, 2), 1).save(content, "PNG")
    mask = base64.b64encode(content.getvalue()).decode()
    with pytest.raises(DataError, match="its mask is 3 x 2, its points are the corners of 4 x 2"):
        draw(shape("car", [[5, 4], [8, 5]], "mask", mask=mask))


ROWS = ["##..#", "#.##.", ".####"]


@pytest.mark.parametrize(
    ("corners", "drawn"),
    [  # what LabelMe 7.9.1 draws of this mask
        ([[2, 1], [6, 3]], {1: "..##..#", 2: "..#.##.", 3: "...####"}),
        ([[2, 1], [4, 2]], {1: "..##.", 2: "..#.#"}),  # the far corner moved: cut
        ([[3, 2], [6, 3]], {2: "...##..", 3: "...#.##"}),  # the near one: it moves the mask, too
        ([[-2, -1], [2, 1]], {0: "##.", 1: "###"}),  # over the border
        ([[27, 18], [31, 20]], {18: " " * 27 + "##.", 19: " " * 27 + "#.#"}),
        ([[2.5, 1.5], [6.0, 4.0]], {2: "..##..#", 3: "..#.##.", 4: "...####"}),  # rounded to even
        ([[2.4, 0.6], [3.0, 1.0]], {1: "..##..#", 2: "..#.##.", 3: "...####"}),  # fractions: whole
        ([[28, 18], [90, 90]], {18: " " * 28 + "##", 19: " " * 28 + "#."}),  # cut by the border
    ],
)
def test_masks_whose_corners_were_moved_are_cut_as_labelme_does(draw, corners, drawn):
    mask = np.array([[cell == "#" for cell in row] for row in ROWS], np.uint8)
    content = BytesIO()
    Image.fromarray(mask).save(content, "PNG")
    coded = base64.b64encode(content.getvalue()).decode()
    expected = np.zeros((20, 30), int)
    for row, cells in drawn.items():
        expected[row, : len(cells)] = [2 * (cell == "#") for cell in cells]
    np.testing.assert_array_equal(draw(shape("car", corners, "mask", mask=coded)), expected)


def test_a_mask_whose_corners_leave_nothing_is_refused(draw):
    content = BytesIO()
    Image.new("1", (3, 2), 1).save(content, "PNG")
    coded = base64.b64encode(content.getvalue()).decode()
    for corners in ([[5, 4], [4, 5]], [[9, 9], [5, 5]]):
        with pytest.raises(DataError, match="its points are the corners of") as caught:
            draw(shape("road", corners, "mask", mask=coded))
        assert caught.value.fault == "size_mismatch"


def test_flags_and_groups_change_no_pixel(draw):
    corners = [[2, 3], [10, 8]]
    others = {"flags": {"occluded": True}, "group_id": 7, "locked": True, "description": "x"}
    for more in ({}, others):
        label_HW = draw(shape("road", corners, "rectangle", **more), flags={"checked": True})
        np.testing.assert_array_equal(label_HW, box(2, 3, 10, 8))


def test_shapes_may_reach_over_the_border(draw):
    label_HW = draw(shape("road", [[-50, -50], [500, 4]], "rectangle"), imageData="never read")
    np.testing.assert_array_equal(label_HW, box(0, 0, 29, 4))


def test_a_label_that_is_no_class_is_told_with_its_pixels(draw):
    with pytest.raises(DataError, match=r"a\.json: labels that are no class: 'bus' \(4 pix") as bad:
        draw(shape("bus", [[0, 0], [1, 1]], "rectangle"))
    assert (bad.value.fault, bad.value.values) == ("unknown_values", {"bus": 4})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (shape("car", [[0, 0], [1, 1]]), r"shape 0 \('car'\): a polygon needs 3 points or more"),
        (shape("car", [[0, 0]], "circle"), "a circle needs 2 points"),
        (shape("car", [[0, 0], [1, None], [2, 2]]), "each \\[x, y\\]"),
        (shape("car", [[0, 0], [1, float("nan")], [2, 2]]), "each \\[x, y\\]"),
        (shape("car", [[0, 0], [1, True], [2, 2]]), "each \\[x, y\\]"),
        (shape("car", "here"), "a polygon needs"),
        (shape("car", [[0, 0], [1, 1]], "cube"), "shape_type is 'cube'; allowed: polygon"),
        (shape("car", [[0, 0], [1, 1]], "mask"), "its mask is no base64"),
        (shape("car", [[0, 0], [1, 1]], "mask", mask="QUJD"), "mask: not an image"),
        ({"points": []}, "shape 0 has no label"),
        ("car", "shape 0 has no label"),
    ],
)
def test_wrong_shapes_are_told(draw, wrong, told):
    with pytest.raises(DataError, match=told):
        draw(wrong)


def test_the_size_must_be_told_and_possible(draw):
    with pytest.raises(DataError, match="imageWidth is None"):
        draw(size=(None, 3))
    with pytest.raises(DataError, match="cut the image into tiles") as caught:
        draw(size=(100_000, 100_000))
    assert caught.value.fault == "too_large"


def test_other_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(DataError, match="not a LabelMe file"):
        READ(tmp_path / "a.json")


def test_four_corners_are_filled_as_x_anylabeling_does(draw):
    corners = [[2.9, 3.9], [10.9, 3.2], [10.2, 8.9], [2.1, 8.1]]  # cut, not rounded
    for kind in ("rectangle", "rotation", "quadrilateral"):
        np.testing.assert_array_equal(draw(shape("road", corners, kind)), box(2, 3, 10, 8))
    turned = [[10, 2], [18, 10], [10, 18], [2, 10]]
    expected = np.zeros((20, 30), np.uint8)
    cv2.fillPoly(expected, [np.array(turned, np.int32)], (1,))
    label_HW = draw(shape("road", turned, "rotation"))
    np.testing.assert_array_equal(label_HW, expected)
    assert (label_HW == 1).sum() == 145  # the diamond |x - 10| + |y - 10| <= 8
    with pytest.raises(DataError, match="a rectangle needs 2 points"):
        draw(shape("road", turned[:3], "rectangle"))
    with pytest.raises(DataError, match="a rotation needs 4 points"):
        draw(shape("road", turned[:2], "rotation"))


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("polygon", [[0, 0], [9, 0], [9, 1e300]]),
        ("polygon", [[0, 0], [9, 0], [-1001, 3]]),
        ("rectangle", [[0, 0], [2**31, 5]]),
        ("rectangle", [[0, 0], [1e9, 0], [1e9, 5], [0, 5]]),
        ("circle", [[1, 1], [1, 1e9]]),
        ("linestrip", [[1, 1], [5, 5], [1e12, 5]]),
        ("point", [[-1e18, 1]]),
        ("mask", [[10**40, 1], [10**40, 3]]),
    ],
)
def test_corners_far_outside_are_told_before_anything_is_drawn(draw, kind, points):
    begun = time.perf_counter()
    with pytest.raises(DataError, match="far outside the image of 30 x 20") as raised:
        draw(shape("road", points, kind))
    assert "shape 0 ('road')" in str(raised.value)
    assert time.perf_counter() - begun < 2


def test_shapes_that_reach_out_of_the_image_are_cut(draw):
    out = [[-40, -30], [12.5, -30], [12.5, 70], [-40, 70]]
    for kind in ("polygon", "rotation"):
        label_HW = draw(shape("road", out, kind))
        assert (label_HW[:, :12] == 1).all()
        assert not label_HW[:, 14:].any()
    assert not draw(shape("road", [[40, 5], [60, 5], [60, 9], [40, 9]], "rotation")).any()


def test_a_circle_and_corners_have_limits(draw):
    with pytest.raises(DataError, match="far outside"):
        draw(shape("road", [[0, 0], [0, 150_000]], "circle"), size=(50_000, 2))
    corners = [[x % 30, 20_000 * (x % 2)] for x in range(30_000)]
    with pytest.raises(DataError, match="too many corners"):
        draw(shape("road", corners), size=(3, 20_000))


def test_a_mask_larger_than_the_image_is_not_decoded(draw):
    content = BytesIO()
    Image.new("1", (31, 20)).save(content, "PNG")
    coded = base64.b64encode(content.getvalue()).decode()
    with pytest.raises(DataError, match="its mask is larger than the image: 31 x 20"):
        draw(shape("road", [[0, 0], [30, 19]], "mask", mask=coded))


def test_messages_stay_short(draw):
    names = [f"{n} {'x' * 300}" for n in range(50)]
    with pytest.raises(DataError, match="and 42 more") as raised:
        draw(*(shape(name, [[0, 0], [1, 1]], "rectangle") for name in names))
    assert len(str(raised.value)) < 1500
    with pytest.raises(DataError, match="shape_type is") as raised:
        draw(shape("road", [[0, 0]], ["x" * 9999]))
    assert len(str(raised.value)) < 500
