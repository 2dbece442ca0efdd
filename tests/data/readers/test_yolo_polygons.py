"""Polygons of YOLO's text files; the maps are those that Ultralytics 8.4.190 draws."""

import pytest
from PIL import Image

from seg.data.readers.yolo_polygons import YoloLabels
from seg.errors import DataError

NAMES = ("road", "car")
REST = 2


@pytest.fixture
def draw(tmp_path):
    def write_and_draw(text, size=(6, 4), **options):
        Image.new("RGB", size).save(tmp_path / "a.png")
        path = tmp_path / "a.txt"
        path.write_text(text)
        options = {"overlap_order": "area", "boxes": "error", **options}
        images = {str(path): tmp_path / "a.png"}
        reader = YoloLabels(images, names=NAMES, ids=(0, 1), unlabelled=REST, **options)
        return ["".join(map(str, row)).replace("2", ".") for row in reader(path).tolist()]

    return write_and_draw


CASES = {
    "a fraction is cut": (
        "1 0.3 0.3 0.6 0.3 0.6 0.7 0.3 0.7", ["......", ".111..", ".111..", "......"]
    ),
    "over the border": ("0 -0.2 0.5 0.5 0.5 0.5 1.2", ["......", "......", "0000..", ".000.."]),
    "a point": ("1 0.5 0.5 0.5 0.5 0.5 0.5", ["......", "......", "...1..", "......"]),
    "a class as 1.0": ("1.0 0 0 0 0 0 0", ["1.....", "......", "......", "......"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_pixels_are_those_of_ultralytics(draw, text, expected):
    assert draw(text) == expected


def test_the_smaller_polygon_lies_on_top_and_of_equal_ones_the_later(draw):
    small, large = "1 0 0 0.2 0 0.2 0.3 0 0.3\n", "0 0 0 0.5 0 0.5 0.6 0 0.6\n"
    assert draw(small + large) == draw(large + small) == ["1100..", "1100..", "0000..", "......"]
    assert draw(small + large, overlap_order="file") == ["0000..", "0000..", "0000..", "......"]
    equal = "1 0 0 0 0 0 0\n0 0 0 0 0 0 0\n"
    assert draw(equal)[0] == "0....."


def test_an_empty_file_has_no_shape(draw):
    assert draw("") == draw(" \n\n") == ["......"] * 4


def test_boxes_are_an_error_or_filled(draw):
    box = "0 0.5 0.5 0.4 0.5\n"
    with pytest.raises(DataError, match=r"line 1: a box, not a polygon.*\n.*dataset.boxes=draw"):
        draw(box)
    assert draw(box, boxes="draw") == ["......", ".0000.", ".0000.", ".0000."]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 0 1 0 1 1\n\n0 0 0 1 0 x 1\n", r"a\.txt, line 3: 'x' is no number"),
        ("0 0 0 1 0 nan 1\n", "line 1: 'nan' is no number"),
        ("0.5 0 0 1 0 1 1\n", r"line 1: begins with 0\.5; a line is the number of a class"),
        ("-1 0 0 1 0 1 1\n", "line 1: begins with -1"),
        ("0 0 0 1 0 1\n", "line 1: 5 numbers behind the class"),
        ("0 0 0 1 0 1 1 0.9\n", "line 1: 7 numbers behind the class.*\n.*confidences"),
        ("0\n", "line 1: 0 numbers behind the class"),
        ("0 3 1 40 1 40 30\n", "line 1: 40 lies far outside the image; numbers are shares"),
        ("0 1 0 1 0.5 1 1\n", "line 1: no pixel of the polygon is in the image of 6 x 4"),
    ],
)
def test_what_is_wrong_with_which_line_is_named(draw, text, message):
    with pytest.raises(DataError, match=message):
        draw(text)


def test_numbers_of_no_class_are_counted(draw):
    with pytest.raises(DataError, match="line 2: class 7 is none of the 2 classes") as caught:
        draw("0 0 0 0.5 0 0.5 0.5\n7 0 0 0.2 0 0.2 0.3 0 0.3\n")
    assert caught.value.values == {"7": 4}


def test_many_corners_end_in_an_error(draw):
    row = "0 " + "0 0 1 1 " * 100_000 + "\n"
    with pytest.raises(DataError, match="too many corners"):
        draw(row, size=(16, 3000))
