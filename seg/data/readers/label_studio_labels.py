"""Label maps of the annotations of Label Studio."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.brush_rle import MAX_RUNS, decode_brush
from seg.data.readers.drawn_pairs import NotedLabels
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.label_studio_export import Annotation, Export
from seg.data.readers.label_studio_regions import KINDS, Region
from seg.data.readers.pixel_centers import (
    Part,
    Size,
    fill_ellipse,
    fill_polygon,
    polygon_cost,
)
from seg.data.readers.polygons import no_class_error
from seg.data.readers.readers import read_size
from seg.data.readers.urls import Location
from seg.errors import DataError, brief, first_of

_REACH = 1000  # percent of the side that a corner may lie away from the image's own corner
_MAX_COST = 4_000_000_000  # some seconds
_ELLIPSE_COST = 8  # of a pixel, of which one of a polygon costs 1
_SHOWN = 80
_MIN_CORNERS = 3


@dataclass(frozen=True)
class Drawing:
    """What is drawn on an image.

    Attributes:
        task: its name, for messages.
        annotation: None: it has none.
        fault: why none can be chosen.
    """

    task: str
    annotation: Annotation | None = None
    fault: DataError | None = None


class LabelStudioLabels(NotedLabels):
    """A `ReadLabel` that draws the annotation of an image; the image stands for its label.

    Brush strokes are decoded as label-studio-sdk 2.1.2 does; other shapes cover the pixels whose
    centres they contain. Later results cover earlier ones.

    Args:
        export: the file.
        drawings: of each image file.
        ids: file id of each label.
        unlabelled: file id of pixels of no shape.
        brush_threshold: alpha, 1 to 255, from which a pixel belongs to a brush stroke.
        excluded: types of results that are not drawn.
    """

    def __init__(
        self,
        export: Export,
        drawings: Mapping[str, Drawing],
        ids: Mapping[str, int],
        *,
        unlabelled: int,
        brush_threshold: int,
        excluded: tuple[str, ...],
    ) -> None:
        self._path, self._state = export.path, export.state
        self._drawings = dict(drawings)
        self._ids = dict(ids)
        self._unlabelled = unlabelled
        self._threshold = brush_threshold
        self._excluded = excluded
        super().__init__()

    @property
    def settings(self) -> str:
        """Return what beside the classes and the images decides what is read."""
        options = (self._unlabelled, self._threshold, self._excluded)
        tasks = [drawing.task for drawing in self._drawings.values()]
        return f"({self._path}, {self._state}, {self._ids}, {options}, {tasks})"

    @property
    def source(self) -> object:
        """Return the export, for messages."""
        return self._path

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the annotation of an image as file ids, int32, H x W.

        Raises:
            DataError: what is wrong with which result.
        """
        drawing = self._drawings[str(path)]
        if drawing.fault is not None:
            raise drawing.fault
        where = f"{self._path}: {drawing.task}"
        regions = drawing.annotation.regions if drawing.annotation else ()
        regions = tuple(each for each in regions if each.kind not in self._excluded)
        names = [_label(region, where) for region in regions]
        unknown = sorted(set(names) - set(self._ids))
        ids = self._ids | {name: -number for number, name in enumerate(unknown, start=1)}
        width, height = _size(regions, where) or read_size(path)[::-1]
        label_HW = np.full((height, width), self._unlabelled, np.int32)
        painter = _Painter(label_HW, self._threshold)
        empty = []
        for region, name in zip(regions, names, strict=True):
            place = f"result {region.at} ({name[:_SHOWN]!r})"
            if not painter.paint(region, ids[name], f"{where}: {place}"):
                empty.append(place)
        self._note(path, empty)
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise no_class_error(where, pixels, list(self._ids))
        return label_HW


class _Painter:
    """Draws regions into a label map, within limits for all of them."""

    def __init__(self, label_HW: NDArray[np.int32], threshold: int) -> None:
        self._label_HW = label_HW
        self._size: Size = (label_HW.shape[1], label_HW.shape[0])
        self._threshold = threshold
        self._runs_left = MAX_RUNS
        self._cost_left = _MAX_COST

    def paint(self, region: Region, id_: int, where: str) -> bool:
        """Draw a region; return whether it covers a pixel."""
        part = self._part(region, where)
        part.paint(self._label_HW, id_)
        return bool(part.mask_HW.any())

    def _part(self, region: Region, where: str) -> Part:
        value = region.value
        if region.kind == "brush":
            return self._stroke(value, where)
        if region.kind == "ellipse":
            return self._ellipse(value, where)
        points = _points(value, where) if region.kind == "polygon" else None
        if points is None:
            corners_N2 = _rectangle(_numbers(value, "x y width height", where), self._size)
        else:
            corners_N2 = np.array(points) / 100 * self._size
        self._pay(polygon_cost(corners_N2, self._size), where)
        return fill_polygon(corners_N2, self._size)

    def _stroke(self, value: Mapping[str, Any], where: str) -> Part:
        rle = value.get("rle")
        if not isinstance(rle, bytes):
            raise DataError(f"{where}: its rle is no list of bytes", fault="annotation")
        self._pay(self._size[0] * self._size[1], where)
        alpha_HW, runs = decode_brush(rle, self._size, where, max_runs=self._runs_left)
        self._runs_left -= runs
        return Part(0, 0, alpha_HW >= self._threshold)

    def _ellipse(self, value: Mapping[str, Any], where: str) -> Part:
        x, y, radius_x, radius_y, angle = _numbers(value, "x y radiusX radiusY", where)
        width, height = (side / 100 for side in self._size)
        if not min(radius_x, radius_y) > 0:
            return Part(0, 0, np.zeros((0, 0), np.bool_))
        self._pay(_ELLIPSE_COST * self._size[0] * self._size[1], where)
        center, radii = (x * width, y * height), (radius_x * width, radius_y * height)
        return fill_ellipse(center, radii, math.radians(angle), self._size)

    def _pay(self, cost: int, where: str) -> None:
        self._cost_left -= cost
        if self._cost_left < 0:
            raise DataError(
                f"{where}: the shapes of its image are too many or too large to be drawn;"
                " cut it into tiles",
                fault="too_large",
            )


def _rectangle(numbers: list[float], size: Size) -> NDArray[np.float64]:
    """Return the corners in px of a rectangle that is turned around its first corner."""
    x, y, width, height, angle = numbers
    side_x, side_y = (side / 100 for side in size)
    turn = math.radians(angle)
    along = np.array([math.cos(turn), math.sin(turn)]) * width * side_x
    down = np.array([-math.sin(turn), math.cos(turn)]) * height * side_y
    first = np.array([x * side_x, y * side_y])
    return np.array([first, first + along, first + along + down, first + down])


def _label(region: Region, where: str) -> str:
    """Return the label of a region that can be drawn.

    Raises:
        DataError: it is of another kind, has no label or several, or its image was turned.
    """
    place = f"{where}: result {region.at}"
    if region.kind not in KINDS:
        raise DataError(
            f"{place}: type is {brief(region.kind)}, which is not drawn; allowed:"
            f" {', '.join(KINDS)}\n  leave such results out: 'dataset.exclude_types=[TYPE]'",
            fault="annotation",
        )
    labels = region.labels
    if len(labels) != 1 or not isinstance(labels[0], str) or not labels[0]:
        number = f"{len(labels)} labels" if labels else "no label"
        raise DataError(
            f"{place} ({region.kind}) has {number} where one is needed: {brief(list(labels))}\n"
            "  give it one label in Label Studio, or delete it",
            fault="annotation",
        )
    if region.image_rotation not in (0, None):
        raise DataError(
            f"{place}: the image was turned by {brief(region.image_rotation)} degrees in Label"
            " Studio, and nothing says what the shape refers to\n"
            "  turn it back there and export again",
            fault="annotation",
        )
    return labels[0]


def _size(regions: tuple[Region, ...], where: str) -> Size | None:
    sizes: dict[Size, None] = {}
    for region in regions:
        if region.size is None:
            continue
        width, height = region.size
        place = f"{where}: result {region.at}"
        if type(width) is not int or type(height) is not int or min(width, height) < 1:
            raise DataError(
                f"{place}: original_width is {brief(width)}, original_height {brief(height)};"
                " whole numbers above 0 are needed",
                fault="annotation",
            )
        if width * height > MAX_PIXELS:
            raise DataError(
                f"{place}: the image has more than {MAX_PIXELS} pixels; cut it into tiles",
                fault="too_large",
            )
        sizes[width, height] = None
    if len(sizes) > 1:
        listed = first_of([f"{width} x {height}" for width, height in sizes])
        raise DataError(
            f"{where}: its results are of images of several sizes: {listed}", fault="annotation"
        )
    return next(iter(sizes), None)


def _points(value: Mapping[str, Any], where: str) -> list[Any]:
    points = value.get("points")
    fits = isinstance(points, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_near, point))
        for point in points
    )
    if not isinstance(points, list) or not fits or len(points) < _MIN_CORNERS:
        raise DataError(
            f"{where}: a polygon needs {_MIN_CORNERS} points or more, each [x, y] in percent of the"
            f" image: {brief(points)}",
            fault="annotation",
        )
    if value.get("closed") is False:
        raise DataError(
            f"{where}: the polygon is not closed; finish or delete it", fault="annotation"
        )
    return points


def _numbers(value: Mapping[str, Any], keys: str, where: str) -> list[float]:
    """Return numbers by their keys, in percent, and the rotation in degrees."""
    numbers = {key: value.get(key) for key in keys.split()}
    numbers["rotation"] = value.get("rotation", 0)
    wrong = next((key for key, number in numbers.items() if not _is_near(number)), None)
    if wrong is not None:
        raise DataError(
            f"{where}: {wrong} is {brief(numbers[wrong])}; a number is needed, in percent of the"
            " image (rotation: degrees)",
            fault="annotation",
        )
    return [float(number) for number in numbers.values() if number is not None]


def _is_near(number: Any) -> bool:
    return type(number) in (int, float) and abs(number) <= _REACH
