"""Labels of Ultralytics YOLO: text files of one polygon a line, in shares of width and height."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.readers.readers import read_size
from seg.data.readers.urls import Location
from seg.errors import DataError, brief, first_of
from seg.io.source import Source

OverlapOrder = Literal["area", "file"]
Boxes = Literal["error", "draw"]

_MAX_LABEL_BYTES = 2**26
_BOX_NUMBERS, _FEWEST = 4, 6
_TOLERANCE = 0.01  # Ultralytics takes centers and sizes of up to 1.01 and centers down to -0.01
_CORNER_COST = 16  # pixels that are filled in the time of one row of an edge
_MAX_COST = 6_000_000_000  # pixels; some seconds
_LISTED = 8
_RANGE = "numbers are shares of width and height, 0 to 1, not pixels"


@dataclass(frozen=True)
class _Shape:
    class_number: int
    points_N2: NDArray[np.float32]
    line: int


class YoloLabels:
    """A `ReadLabel` of YOLO's text files, and of images that stand for no shape.

    Corners are cut to whole pixels and the edge is filled, as Ultralytics draws them (its semantic
    task, in the size of the image). An empty file has no shape.

    Args:
        images: the image of each label file, which has the size; an image without one stands for
            itself.
        names: the classes by their number.
        ids: file id of each class.
        unlabelled: file id of the pixels of no shape.
        overlap_order: which shape covers the other: the one with fewer pixels (`area`; of equal
            ones the later), or the later one (`file`).
        boxes: lines of a box are an `error`, or filled (`draw`).
    """

    def __init__(
        self,
        images: Mapping[str, Path],
        *,
        names: Sequence[str],
        ids: Sequence[int],
        unlabelled: int,
        overlap_order: OverlapOrder,
        boxes: Boxes,
    ) -> None:
        self._images = dict(images)
        self._names = tuple(names)
        self._ids = tuple(ids)
        self._unlabelled = unlabelled
        self._order = overlap_order
        self._boxes = boxes

    @property
    def settings(self) -> str:
        """Return the settings beside the classes that decide what is read."""
        ids = ",".join(map(str, self._ids))
        return f"({ids}, {self._unlabelled}, {self._order}, {self._boxes})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the shapes of a file as file ids, int32, H x W.

        Raises:
            DataError: the file or its image cannot be read, a line is no shape or of no class, or
                nothing of it is in the image.
        """
        image = self._images[str(path)]
        shapes = [] if str(path) == str(image) else self._shapes(path)
        size = read_size(image)
        unknown = {each.class_number for each in shapes if each.class_number >= len(self._ids)}
        ids = dict(enumerate(self._ids))
        ids |= {number: -at for at, number in enumerate(sorted(unknown), start=1)}
        label_HW = _Canvas(size, self._unlabelled, self._order, str(path)).draw(shapes, ids)
        if unknown:
            pixels = {str(number): int((label_HW == ids[number]).sum()) for number in unknown}
            first = next(each for each in shapes if each.class_number in unknown)
            classes = [f"{at} {name}" for at, name in enumerate(self._names)]
            raise DataError(
                f"{path}, line {first.line}: class {first.class_number} is none of the"
                f" {len(self._names)} classes: {brief(first_of(classes, _LISTED), 400)}\n"
                "  correct the line, or add the class to names in the YAML file",
                fault="unknown_values",
                values=pixels,
            )
        return label_HW

    def _shapes(self, path: Location) -> list[_Shape]:
        source = Source(path, "label", "export it again as UTF-8 text", _MAX_LABEL_BYTES)
        try:
            text = source.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise source.damaged(f"not UTF-8 ({error})") from error
        lines = enumerate(text.splitlines(), start=1)
        return [self._shape(line, f"{path}, line {at}", at) for at, line in lines if line.strip()]

    def _shape(self, line: str, where: str, at: int) -> _Shape:
        number, *rest = (_number(word, where) for word in line.split())
        if number < 0 or number % 1:
            raise DataError(
                f"{where}: begins with {number:g}; a line is the number of a class (0, 1, ...) and"
                " the corners of a polygon",
                fault="damaged",
            )
        points_N2 = self._corners(rest, where)
        low, high = points_N2.min(axis=0), points_N2.max(axis=0)
        middle, extent = (low + high) / 2, high - low
        if max(*middle, *extent) > 1 + _TOLERANCE or min(middle) < -_TOLERANCE:
            furthest = max(rest, key=lambda value: abs(value - 0.5))
            raise DataError(
                f"{where}: {furthest:g} lies far outside the image; {_RANGE}", fault="damaged"
            )
        return _Shape(int(number), points_N2, at)

    def _corners(self, numbers: Sequence[float], where: str) -> NDArray[np.float32]:
        if len(numbers) == _BOX_NUMBERS:
            if self._boxes == "error":
                raise DataError(
                    f"{where}: a box, not a polygon: which of its pixels are of the class is"
                    " unknown\n  dataset.boxes=draw fills boxes; or export polygons",
                    fault="label_kind",
                )
            x, y, width, height = numbers
            if min(width, height) < 0:
                raise DataError(f"{where}: a box of negative size", fault="damaged")
            left, right, top, bottom = (
                *(x - width / 2, x + width / 2),
                *(y - height / 2, y + height / 2),
            )
            numbers = (left, top, right, top, right, bottom, left, bottom)
        if len(numbers) < _FEWEST or len(numbers) % 2:
            raise DataError(
                f"{where}: {len(numbers)} numbers behind the class; a polygon has an x and a y for"
                " each of three corners or more\n"
                "  are there confidences at the ends of lines? Export them without",
                fault="damaged",
            )
        return np.array(numbers, np.float32).reshape(-1, 2)


class _Canvas:
    """A label map that shapes are drawn on."""

    def __init__(self, size: tuple[int, int], rest: int, order: OverlapOrder, name: str) -> None:
        self._label_HW = np.full(size, rest, np.int32)
        largest = np.iinfo(np.int32).max
        self._area_HW = np.full(size, largest, np.int32) if order == "area" else None
        self._name = name

    def draw(self, shapes: Sequence[_Shape], ids: Mapping[int, int]) -> NDArray[np.int32]:
        """Return the label map with all shapes.

        Raises:
            DataError: nothing of a shape is in the image, or drawing takes too long.
        """
        size_2 = np.array(self._label_HW.shape[::-1], np.float32)
        placed = [(each.points_N2 * size_2).astype(np.int32) for each in shapes]
        if sum(map(self._cost, placed)) > _MAX_COST:
            raise DataError(
                f"{self._name}: its shapes have too many corners to be drawn; simplify them, or"
                " save label maps instead",
                fault="too_large",
            )
        for shape, corners_N2 in zip(shapes, placed, strict=True):
            if not self._fill(corners_N2, ids[shape.class_number]):
                raise DataError(
                    f"{self._name}, line {shape.line}: no pixel of the polygon is in the image of"
                    f" {size_2[0]:g} x {size_2[1]:g}\n  correct or remove the line",
                    fault="damaged",
                )
        return self._label_HW

    def _bounds(self, corners_N2: NDArray[np.int32]) -> tuple[int, int, int, int]:
        """Return the left, top, right and bottom of the corners within the image."""
        height, width = self._label_HW.shape
        left, top = np.maximum(corners_N2.min(axis=0), 0).tolist()
        right, bottom = np.minimum(corners_N2.max(axis=0) + 1, (width, height)).tolist()
        return left, top, max(right, left), max(bottom, top)

    def _cost(self, corners_N2: NDArray[np.int32]) -> int:
        left, top, right, bottom = self._bounds(corners_N2)
        rows = 1 + bottom - top
        return rows * (1 + right - left) + _CORNER_COST * len(corners_N2) * rows

    def _fill(self, corners_N2: NDArray[np.int32], id_: int) -> int:
        """Draw a polygon and return how many of its pixels are in the image."""
        left, top, right, bottom = self._bounds(corners_N2)
        if left == right or top == bottom:
            return 0
        mask_HW = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask_HW, [corners_N2 - (left, top)], (1,))
        area = cv2.countNonZero(mask_HW)
        covers_HW = mask_HW.view(np.bool_)
        if self._area_HW is not None:  # as if drawn in the order of falling areas
            area_HW = self._area_HW[top:bottom, left:right]
            covers_HW = covers_HW & (area_HW >= area)
            area_HW[covers_HW] = area
        self._label_HW[top:bottom, left:right][covers_HW] = id_
        return area


def _number(word: str, where: str) -> float:
    try:
        value = float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f"{where}: {brief(word)} is no number; a line is the number of a class and the corners"
            f" of a polygon; {_RANGE}",
            fault="damaged",
        )
    return value
