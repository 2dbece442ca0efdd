"""Pixels of CVAT's shapes, as its server draws them in "Segmentation mask 1.1"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import chain
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.readers.cvat_xml import CvatShape
from seg.errors import DataError, brief

INSTALL = "pip install 'seg-xception[coco]'"
Precision = Literal["double", "single"]

_DIGITS = 2
_REACH = 10  # a corner may lie so many times the longer side away from the image's own corner
_SMALL_PX = 100
_STEPS_A_PX = 5  # pycocotools walks along an edge in fifths of a pixel, and stores each step
_MAX_STEPS = 2**24
_FEWEST_CORNERS = 3
_MAX_RUNS = 2**22
_LONGEST_NUMBER = 40


@dataclass(frozen=True)
class Region:
    """The pixels of a shape.

    Attributes:
        left, top: of the mask in the image, in px.
        mask: bool, H x W, inside the image.
        id: that its pixels get.
        z_order: higher ones cover lower ones.
        group: shapes of one number are one object; 0: of none.
        is_turned: whether it is a rotated box.
    """

    left: int
    top: int
    mask: NDArray[np.bool_]
    id: int
    z_order: int
    group: int
    is_turned: bool

    @property
    def area(self) -> int:
        """Return the number of pixels."""
        return int(np.count_nonzero(self.mask))

    def paint(self, label_HW: NDArray[np.int32]) -> None:
        """Give its pixels its id."""
        height, width = self.mask.shape
        place = label_HW[self.top : self.top + height, self.left : self.left + width]
        place[self.mask] = self.id


def has_pycocotools() -> bool:
    """Return whether the extra `coco` is installed, which draws polygons and boxes."""
    return find_spec("pycocotools") is not None


def ordered(regions: Sequence[Region], *, merge_groups: bool) -> list[Region]:
    """Return the regions in the order in which CVAT draws them; later ones cover earlier ones.

    Its server puts rotated boxes behind the other shapes, then groups behind shapes of none, by
    their number, and sorts by `z_order` last; each step keeps the order of what is equal. All
    shapes of a group get the label and the `z_order` of its largest.

    Args:
        regions: in the order of the file.
        merge_groups: whether groups count; else only `z_order` and the order of the file do.
    """
    if merge_groups:
        turned_last = sorted(regions, key=lambda region: region.is_turned)
        groups: dict[int, list[Region]] = {0: []}
        for region in turned_last:
            groups.setdefault(region.group, []).append(region)
        alone = groups.pop(0)
        merged = (_merged(groups[number]) for number in sorted(groups))
        regions = [*alone, *chain.from_iterable(merged)]
    return sorted(regions, key=lambda region: region.z_order)


def _merged(group: Sequence[Region]) -> list[Region]:
    largest = max(group, key=lambda region: region.area)
    return [replace(each, id=largest.id, z_order=largest.z_order) for each in group]


def draw_shape(
    shape: CvatShape, size: tuple[int, int], id_: int, where: str, precision: Precision
) -> Region:
    """Draw a shape of an area.

    Args:
        shape: a polygon, box, ellipse or mask.
        size: width and height of the image, in px.
        id_: that its pixels get.
        where: the shape, for messages.
        precision: of the corners of polygons and boxes.

    Raises:
        DataError: an attribute is missing or no number, or the shape lies far outside the image.
    """
    reader = _Attributes(shape, size, where)
    rotation = reader.number("rotation", "0")
    if shape.kind == "mask":
        left, top, mask = _decode(reader)
    elif shape.kind == "ellipse":
        left, top, mask = _draw_ellipse(reader, rotation)
    else:
        if shape.kind == "box":
            corners_N2 = _box_corners(reader, rotation, precision)
        else:
            corners_N2 = _rounded(reader.points(), precision)
        left, top, mask = _fill(corners_N2, size, where)
    turned = shape.kind == "box" and rotation != 0
    z_order, group = reader.whole("z_order", "0"), reader.whole("group_id", "0")
    return Region(left, top, mask, id_, z_order, group, turned)


Piece = tuple[int, int, NDArray[np.bool_]]


class _Attributes:
    """The attributes of a shape as numbers, within reach of the image."""

    def __init__(self, shape: CvatShape, size: tuple[int, int], where: str) -> None:
        self._shape = shape
        self._where = where
        self.size = size
        self._reach = _REACH * max(*size, _SMALL_PX)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._shape.attributes.get(key, default)
        if value is None:
            raise self.error(f"has no {key}")
        return value

    def number(self, key: str, default: str | None = None) -> float:
        return self._number(key, self.text(key, default))

    def whole(self, key: str, default: str | None = None) -> int:
        text = self.text(key, default).strip()
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
            raise self.error(f"{key} is {brief(text)}; a whole number is needed")
        return int(text)

    def points(self) -> NDArray[np.float64]:
        pairs = [pair.split(",") for pair in self.text("points").split(";")]
        if len(pairs) < _FEWEST_CORNERS or any(len(pair) != 2 for pair in pairs):
            raise self.error(
                f"points is {brief(self.text('points'))}; three points or more are needed, each x,y"
            )
        return np.array([[self._number("points", each) for each in pair] for pair in pairs])

    def error(self, why: str, fault: str = "damaged") -> DataError:
        return DataError(f"{self._where}: {why}", fault=fault)

    def _number(self, key: str, text: str) -> float:
        try:
            plain = text.isascii() and "_" not in text and len(text) <= _LONGEST_NUMBER
            value = float(text) if plain else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{key} holds {brief(text)}; a number is needed")
        if abs(value) > self._reach:
            width, height = self.size
            raise self.error(
                f"{key} holds {value:.6g}, far outside the image of {width} x {height}\n"
                "  correct or remove the shape; is it of an image of another size?"
            )
        return value


def _rounded(corners_N2: NDArray[np.float64], precision: Precision) -> NDArray[np.float64]:
    """Round coordinates to hundredths, as the library does that CVAT draws with."""
    kind = np.float32 if precision == "single" else np.float64
    return np.around(corners_N2.astype(kind), _DIGITS).astype(np.float64)


def _box_corners(reader: _Attributes, rotation: float, precision: Precision) -> NDArray[np.float64]:
    """Return the corners of a box, turned about its centre, clockwise in the image."""
    near, far = np.array([[reader.number(f"{x}{end}") for x in "xy"] for end in ("tl", "br")])
    x0, y0, x1, y1 = _rounded(np.array([*near, *(near + (far - near))]), precision).tolist()
    if not rotation:
        x1, y1 = x0 + (x1 - x0), y0 + (y1 - y0)
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    angle = math.radians(rotation)
    cosine, sine = math.cos(angle), math.sin(angle)
    centre_x, centre_y = x0 + (x1 - x0) / 2, y0 + (y1 - y0) / 2
    turned = [
        (
            centre_x + cosine * (x - centre_x) - sine * (y - centre_y),
            centre_y + sine * (x - centre_x) + cosine * (y - centre_y),
        )
        for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    ]
    return _rounded(np.array(turned), precision)


def _fill(corners_N2: NDArray[np.float64], size: tuple[int, int], where: str) -> Piece:
    """Fill a polygon as pycocotools does.

    What lies right of it or below is left out of the canvas. What lies left of it or above is not:
    moved corners would be rounded otherwise.
    """
    from pycocotools import mask

    edges_N2 = np.abs(corners_N2 - np.roll(corners_N2, 1, axis=0))
    if _STEPS_A_PX * edges_N2.max(axis=1).sum() > _MAX_STEPS:
        raise DataError(f"{where}: its edges are too long to be drawn", fault="too_large")
    first = np.clip(np.floor(corners_N2.min(axis=0)) - 1, 0, size).astype(int)
    last = np.clip(np.ceil(corners_N2.max(axis=0)) + 1, first, size).astype(int)
    left, top = first.tolist()
    right, bottom = last.tolist()
    if left == right or top == bottom:
        return left, top, np.zeros((0, 0), np.bool_)
    runs = mask.frPyObjects([corners_N2.ravel().tolist()], bottom, right)[0]["counts"]
    lengths = _run_lengths(runs)
    pixels_WH = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(right, bottom)
    return left, top, pixels_WH[left:, top:].T


def _run_lengths(text: bytes) -> list[int]:
    """Return the lengths in COCO's compressed text, which `decode` reads with a warning of NumPy's.

    Each is in characters of five bits, the lowest first; from the fourth on it is the difference
    to the one before the last.
    """
    lengths: list[int] = []
    value = shift = 0
    for byte in text:
        part = byte - 48
        value |= (part & 31) << shift
        shift += 5
        if not part & 32:
            value -= 1 << shift if part & 16 else 0  # the highest bit is the sign
            value += lengths[-2] if len(lengths) > 2 else 0
            lengths.append(value)
            value = shift = 0
    return lengths


def _draw_ellipse(reader: _Attributes, rotation: float) -> Piece:
    """Draw an ellipse with OpenCV, centre and radii rounded, half to even.

    CVAT holds an ellipse as its centre and the ends of two radii; its XML has the radii.
    """
    radii = [reader.number(key) for key in ("rx", "ry")]
    if min(radii) < 0:
        raise reader.error(f"its radii are {radii[0]:g} and {radii[1]:g}; below 0 is no radius")
    x, y = reader.number("cx"), reader.number("cy")
    right, above = (float(f"{end:.2f}") for end in (x + radii[0], y - radii[1]))
    centre, axes = (round(x), round(y)), (round(right - x), round(y - above))
    width, height = reader.size
    canvas = np.zeros((height, width), np.uint8)
    cv2.ellipse(canvas, centre, axes, rotation, 0, 360, (255,), thickness=-1)
    reach = max(axes) + 2
    left, top = (max(each - reach, 0) for each in centre)
    piece = canvas[top : max(centre[1] + reach, 0), left : max(centre[0] + reach, 0)]
    return left, top, piece > 0


def _decode(reader: _Attributes) -> Piece:
    """Decode runs along the rows of a rectangle, in turn outside and inside."""
    left, top, width, height = map(reader.whole, ("left", "top", "width", "height"))
    image_width, image_height = reader.size
    if not (0 <= left < left + width <= image_width and 0 <= top < top + height <= image_height):
        raise reader.error(
            f"its rectangle of {width} x {height} at {left}, {top} is not within the image of"
            f" {image_width} x {image_height}",
            "size_mismatch",
        )
    text = reader.text("rle")
    if text.count(",") >= _MAX_RUNS:
        raise reader.error(f"has more than {_MAX_RUNS} runs", "too_large")
    runs = [each.strip() for each in text.split(",")]
    if not all(each.isascii() and each.isdigit() and len(each) < 10 for each in runs):
        raise reader.error(f"rle is {brief(text)}; whole numbers with commas are needed")
    lengths = np.array([int(each) for each in runs], np.int64)
    if lengths.sum() != width * height:
        raise reader.error(
            f"its rle has {lengths.sum()} pixels, its rectangle {width * height}", "size_mismatch"
        )
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return left, top, inside.reshape(height, width)
