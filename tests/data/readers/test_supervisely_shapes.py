"""Shapes of Supervisely: the pixels that its package (6.74.51) draws, and what is refused."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from seg.data.readers import supervisely_shapes
from seg.data.readers.supervisely_bitmaps import decode_alpha, decode_bitmap
from seg.data.readers.supervisely_shapes import ShapePainter
from seg.errors import ConfigError, DataError

SIZE = (10, 6)
MASK = np.array([[1, 1, 0], [1, 0, 1]], np.uint8)
# What the package wrote for this mask, and for one with the alphas 1, 128, 0 and 1, 0, 255.
BITMAP = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMQMzECCKX7/oSCaTYAnxCXIH0////l96cfxfIYiwJ8gtmcHh2Iw3I4fF0cQypmJNs"
    "ceALULMG4+Kest5yoDiDp6ufyzqnhCYAnCka6w=="
)
ALPHA = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMQMzEASQYdshbHgNxSoL8ghkYyiaftQDyBDxdHEMq5iQn5CQkJKT84GdgEWRsmhuX"
    "Pgukw9PVz2WdU0ITAMxBE74="
)
needs_shapely = pytest.mark.skipif(
    supervisely_shapes.find_spec("shapely") is None, reason="shapely is not installed"
)


def drawn(kind, **shape):
    label_HW = np.zeros(SIZE[::-1], np.int32)
    for part in ShapePainter(SIZE).draw(kind, shape, "object 0"):
        part.paint(label_HW, 1)
    return " ".join("".join(".#"[value] for value in row) for row in label_HW)


def polygon(exterior, *interior):
    return {"points": {"exterior": exterior, "interior": list(interior)}}


@pytest.mark.parametrize(
    ("kind", "shape", "pixels"),
    [
        ("polygon", polygon([[1, 0], [8, 0], [8, 5], [1, 5]], [[3, 2], [5, 2], [5, 3], [3, 3]]),
         ".########. .########. .##...###. .##...###. .########. .########."),
        ("polygon", polygon([[1.9, 0.9], [7.2, 1.4], [4.6, 4.99]]),
         ".####..... ..######.. ..#####... ...###.... ....#..... .........."),
        ("polygon", polygon([[1, 0], [8, 5], [8, 0], [1, 5]]),
         ".#......#. .###..###. .########. .########. .###..###. .#......#."),
        ("rectangle", polygon([[13.5, 4.9], [6.9, -2.5]]),
         "......#### ......#### ......#### ......#### ......#### .........."),
        ("rectangle", polygon([[20, 1], [30, 2]]), " ".join([".........."] * 6)),
        ("oriented_bbox", {"points": [[2, 1], [7, 3]], "angle": 0.6},
         "..##...... .#####.... ..######.. ....###... .....#.... .........."),
        ("bitmap", {"bitmap": {"origin": [4, 3], "data": BITMAP}},
         ".......... .......... .......... ....##.... ....#.#... .........."),
        ("bitmap", {"bitmap": {"origin": [-1, 5], "data": BITMAP}},
         ".......... .......... .......... .......... .......... #........."),
        ("bitmap", {"bitmap": {"origin": [-5, 0], "data": BITMAP}}, " ".join([".........."] * 6)),
        ("alpha_mask", {"bitmap": {"origin": [1, 4], "data": ALPHA}},
         ".......... .......... .......... .......... .##....... .#.#......"),
        ("cuboid", {"points": [[1, 1], [5, 1], [5, 4], [1, 4], [7, 0], [3, 0], [7, 3]],
                    "faces": [[0, 1, 2, 3], [0, 1, 4, 5], [1, 4, 6, 2]]},
         "...#####.. .#######.. .#######.. .#######.. .######... .........."),
    ],
)  # fmt: skip
def test_pixels_are_those_of_the_package(kind, shape, pixels):
    assert drawn(kind, **shape) == pixels


@needs_shapely
@pytest.mark.parametrize(
    ("kind", "shape", "pixels"),
    [
        ("polygon", polygon([[-7, 3], [5, -4], [17, 4], [6, 3]]),
         "########## ########## ########## ########## .......... .........."),
        ("polygon", polygon([[-4, -4], [14, -4], [14, 10], [-4, 10]],
                            [[2, 1], [6, 1], [6, 4], [2, 4]]),
         "########## ##.....### ##.....### ##.....### ##.....### ##########"),
        ("multipolygon", {"parts": [{"exterior": [[0, 0], [3, 0], [3, 3], [0, 3]]},
                                    {"exterior": [[5, 2], [12, 2], [8, 9]], "interior": []}]},
         "####...... ####...... ####.##### ####.##### ......#### ......####"),
        ("polygon", polygon([[20, 1], [30, 1], [25, 4]]), " ".join([".........."] * 6)),
    ],
)  # fmt: skip
def test_polygons_are_cut_at_the_border_as_the_package_cuts_them(kind, shape, pixels):
    assert drawn(kind, **shape) == pixels


def test_cutting_needs_shapely(monkeypatch):
    monkeypatch.setattr(supervisely_shapes, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'seg-xception\[shapes\]'"):
        drawn("polygon", **polygon([[0, 0], [10, 0], [5, 5]]))


@needs_shapely
def test_a_crossing_polygon_over_the_border_is_refused():
    # The package keeps one half of it without a word.
    with pytest.raises(DataError, match="its edges cross or touch"):
        drawn("polygon", **polygon([[-3, 0], [8, 5], [8, 0], [-3, 5]]))


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        ("polygon", polygon([[0, 0], [5, 5]]), "3 points or more are needed"),
        ("polygon", polygon([[0, 0], [5, 5], [1, True]]), "3 points or more"),
        ("polygon", polygon([[0, 0], [5, 5], [1, float("nan")]]), "3 points or more"),
        ("polygon", polygon([[0, 0], [5, 5], [1, 1e9]]), r"\[1, 1000000000\.0\] lies far outside"),
        ("polygon", polygon([[0, 0], [5, 5], [1, 10**400]]), "lies far outside"),
        ("polygon", {"points": []}, r"points is \[\]; an object is needed"),
        ("polygon", polygon([[0, 0], [5, 5], [1, 4]], 3), "3 points or more"),
        ("multipolygon", {"parts": 7}, "parts is 7; a list is needed"),
        ("rectangle", polygon([[0, 0], [5, 5], [1, 4]]), "2 points are needed"),
        ("oriented_bbox", {"points": [[0, 0], [5, 5]]}, "angle is None"),
        ("cuboid", {"points": [[0, 0], [5, 5], [1, 4]], "faces": [[0, 1, 2, 3]]}, "three faces"),
        ("cuboid", {"points": [[0, 0], [5, 5], [1, 40]], "faces": [[0, 1, 2, 0]] * 3},
         "reaches over the border"),
        ("bitmap", {"bitmap": {"data": BITMAP}}, "1 points or more are needed"),
        ("bitmap", {"bitmap": {"origin": [0, 0], "data": "%"}}, "its bitmap is no base64"),
        ("bitmap", {"bitmap": {"origin": [0, 0]}}, "its bitmap is no base64"),
        ("bitmap", {"bitmap": {"origin": [0, 0], "data": "AAAA"}}, "not compressed by zlib"),
        ("bitmap", {"bitmap": {"origin": [0, 0], "data": BITMAP[:80]}}, "its bitmap is truncated"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_named(kind, shape, message):
    with pytest.raises(DataError, match=f"object 0: .*{message}"):
        drawn(kind, **shape)


def encoded(image, *, packed=True, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    content = zlib.compress(file.getvalue()) if packed else file.getvalue()
    return base64.b64encode(content).decode()


def palette(values):
    image = Image.fromarray(values)
    image.putpalette([0, 0, 0, 255, 255, 255])
    return image


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(MASK)),
        encoded(Image.fromarray(MASK > 0)),
        encoded(Image.fromarray(MASK.astype(np.uint16) * 300)),
        encoded(palette(MASK), transparency=0),
        encoded(palette(1 - MASK), transparency=1),
        encoded(Image.fromarray(MASK * 255), transparency=255),
        encoded(Image.fromarray(np.dstack([MASK * 0 + 7] * 3 + [MASK * 9]))),
        encoded(Image.fromarray(np.dstack([MASK] * 3)), packed=False),
    ],
)
def test_bitmaps_in_all_forms_that_the_package_reads(data):
    assert decode_bitmap(data, SIZE, "").tolist() == MASK.tolist()


@pytest.mark.parametrize(
    ("decode", "data", "message"),
    [
        (decode_bitmap, encoded(palette(MASK)), "a PNG file of P pixels"),
        (decode_bitmap, encoded(Image.fromarray(MASK), packed=False), "a PNG file of L pixels"),
        (decode_alpha, encoded(palette(MASK)), "a PNG file of P pixels"),
        (decode_bitmap, encoded(Image.new("L", (11, 1))), "larger than the image: 11 x 1, and"),
        (decode_bitmap, base64.b64encode(zlib.compress(bytes(2**21))).decode(), "too many for"),
        (decode_bitmap, base64.b64encode(zlib.compress(b"GIF89a")).decode(), "no PNG file"),
    ],
)
def test_other_bitmaps_are_refused(decode, data, message):
    with pytest.raises(DataError, match=message):
        decode(data, SIZE, "object 0")


def test_shapes_cost_no_minutes(monkeypatch):
    monkeypatch.setattr(supervisely_shapes, "_MAX_COST", 1000)
    painter = ShapePainter(SIZE)
    shape = polygon([[0, 0], [9, 0], [9, 5], [0, 5]])
    with pytest.raises(DataError, match="too many or too large to be drawn"):
        for _ in range(10):
            painter.draw("rectangle", polygon([[0, 0], [9, 5]]), "")
            painter.draw("polygon", shape, "")
