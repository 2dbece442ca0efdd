"""Labels drawn as shapes: the JSON files of LabelMe (github.com/wkentaro/labelme)."""

import base64
import binascii
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.readers import read_label
from seg.data.readers.urls import Location, in_memory_file, read_json
from seg.errors import DataError, brief

Point = tuple[float, float]
# What LabelMe's own conversion draws lines and points with (labelme.utils.shape_to_mask).
_LINE_WIDTH_PX = 10
_POINT_RADIUS_PX = 5
_MANY = 1_000_000
_REACH = 10  # a corner may lie so many times the longer side away from the image's own corner
_SMALL_PX = 100
_MAX_RADIUS_PX = 100_000  # Pillow 13 draws an ellipse of ten times that for a minute
_MAX_COST = 400_000_000  # corners times rows; some seconds
_SHAPE_COST = 1_000
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_LISTED, _SHOWN = 8, 80
_POINTS = {  # fewest and most points of each kind of shape
    "polygon": (3, _MANY),
    "rectangle": (2, 2),
    "oriented_rectangle": (4, 4),
    "circle": (2, 2),
    "line": (2, 2),
    "linestrip": (2, _MANY),
    "point": (1, 1),
    "mask": (2, 2),
    "rotation": (4, 4),
    "quadrilateral": (4, 4),
}
# X-AnyLabeling (github.com/CVHub520/X-AnyLabeling) writes these with their four corners, and
# rectangles too.
_CORNERS = ("rectangle", "rotation", "quadrilateral")


@dataclass(frozen=True)
class _Shape:
    kind: str
    points: Sequence[Point]
    mask: Any
    id: int
    where: str


class PolygonLabels:
    """A `ReadLabel` of LabelMe files; later shapes cover earlier ones.

    Args:
        ids: file id of each label.
        unlabelled: file id of the pixels of no shape.
    """

    def __init__(self, ids: Mapping[str, int], *, unlabelled: int) -> None:
        self._ids = dict(ids)
        self._unlabelled = unlabelled

    @property
    def settings(self) -> str:
        """Return the settings beside the classes that decide what is read."""
        return f"(unlabelled={self._unlabelled})"

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the shapes of a file as file ids, int32, H x W.

        Raises:
            DataError: the file cannot be read, has a shape that cannot be drawn, or a label that is
                no class.
        """
        content = read_annotation(path)
        names = [_label(shape, f"{path}: shape {at}") for at, shape in enumerate(content["shapes"])]
        unknown = sorted(set(names) - set(self._ids))
        ids = self._ids | {name: -number for number, name in enumerate(unknown, start=1)}
        size = _size(content, path)
        drawn, cost = [], 0
        for at, (shape, name) in enumerate(zip(content["shapes"], names, strict=True)):
            where = f"{path}: shape {at} ({name[:_SHOWN]!r})"
            kind = shape.get("shape_type") or "polygon"
            points = _points(shape.get("points"), kind, where)
            cost += _cost(points, kind, size, where)
            drawn.append(_Shape(kind, points, shape.get("mask"), ids[name], where))
        if cost > _MAX_COST:
            raise DataError(
                f"{path}: its shapes have too many corners to be drawn; simplify them, or save"
                " label maps instead",
                fault="too_large",
            )
        canvas = Image.new("I", size, self._unlabelled)
        for each in drawn:
            _draw(canvas, each)
        label_HW = np.array(canvas, np.int32)
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise no_class_error(path, pixels, list(self._ids))
        return label_HW


def read_annotation(path: Location) -> dict[str, Any]:
    """Read a LabelMe file.

    Raises:
        DataError: it cannot be read or has no list of shapes.
    """
    content = read_json(path, "label")
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise DataError(f"{path}: no list 'shapes': not a LabelMe file", fault="label_kind")
    return content


def label_names(path: Location) -> set[str]:
    """Return the labels that occur in a LabelMe file.

    Raises:
        DataError: as for `read_annotation`; also a shape without a label.
    """
    shapes = read_annotation(path)["shapes"]
    return {_label(shape, f"{path}: shape {at}") for at, shape in enumerate(shapes)}


def _label(shape: Any, where: str) -> str:
    label = shape.get("label") if isinstance(shape, dict) else None
    if not isinstance(label, str) or not label:
        raise DataError(f"{where} has no label", fault="damaged")
    return label


def _size(content: Mapping[str, Any], path: Location) -> tuple[int, int]:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        raise DataError(
            f"{path}: imageWidth is {brief(width)}, imageHeight {brief(height)}:"
            " save it again with LabelMe",
            fault="damaged",
        )
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path}: label has more than {MAX_PIXELS} pixels; cut the image into tiles",
            fault="too_large",
        )
    return width, height


def _cost(points: Sequence[Point], kind: str, size: tuple[int, int], where: str) -> int:
    """Return the corners times the rows that they span, which drawing time is proportional to.

    Raises:
        DataError: a corner lies so far outside that drawing may never end.
    """
    reach = _REACH * max(*size, _SMALL_PX)
    far = next((point for point in points if max(map(abs, point)) > reach), None)
    if far is not None or (kind == "circle" and math.dist(*points) > _MAX_RADIUS_PX):
        x, y = far or points[1]
        raise DataError(
            f"{where}: ({x:.6g}, {y:.6g}) lies far outside the image of {size[0]} x {size[1]}\n"
            "  correct or remove the shape; is it of an image of another size?",
            fault="damaged",
        )
    rows = [min(max(y, 0), size[1]) for _, y in points]
    return len(points) * (1 + round(max(rows) - min(rows))) + _SHAPE_COST


def _draw(canvas: Image.Image, shape: _Shape) -> None:
    kind, points, id_ = shape.kind, shape.points, shape.id
    draw = ImageDraw.Draw(canvas)
    if kind in _CORNERS and len(points) == 4:
        _fill_corners(canvas, points, id_)
    elif kind == "mask":
        _paste_mask(canvas, shape)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = points
        corners = ((min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1)))
        draw.rectangle(corners, fill=id_, outline=id_)
    elif kind == "circle":  # its centre and a point on it
        (x, y), (on_x, on_y) = points
        # Not math.dist, whose last bit is another than LabelMe's.
        _draw_disc(draw, points[0], math.sqrt((x - on_x) ** 2 + (y - on_y) ** 2), id_)
    elif kind == "point":
        _draw_disc(draw, points[0], _POINT_RADIUS_PX, id_)
    elif kind in ("line", "linestrip"):
        joint = "curve" if kind == "linestrip" else None
        draw.line(points, fill=id_, width=_LINE_WIDTH_PX, joint=joint)
    else:
        draw.polygon(points, fill=id_, outline=id_)


def _fill_corners(canvas: Image.Image, points: Sequence[Point], id_: int) -> None:
    """Fill as X-AnyLabeling's own conversion: corners cut to whole pixels, the edge included."""
    corners = np.array([[int(x), int(y)] for x, y in points], np.int32)
    left, top = np.maximum(corners.min(axis=0), 0).tolist()
    right, bottom = np.minimum(corners.max(axis=0), np.array(canvas.size) - 1).tolist()
    if right < left or bottom < top:
        return
    mask_HW = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask_HW, [corners - (left, top)], (255,))
    canvas.paste(id_, (left, top), Image.fromarray(mask_HW))


def _draw_disc(draw: ImageDraw.ImageDraw, centre: Point, radius: float, id_: int) -> None:
    (x, y) = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=id_, outline=id_)


def _points(content: Any, kind: Any, where: str) -> list[Point]:
    if not isinstance(kind, str) or kind not in _POINTS:
        raise DataError(
            f"{where}: shape_type is {brief(kind)}; allowed: {', '.join(_POINTS)}",
            fault="label_kind",
        )
    fewest, most = _POINTS[kind]
    points = content if isinstance(content, list) else []
    if kind == "rectangle" and len(points) == 4:
        fewest = most = 4
    if not fewest <= len(points) <= most or not all(map(_is_point, points)):
        needed = f"{fewest} points or more" if most == _MANY else f"{fewest} points"
        raise DataError(f"{where}: a {kind} needs {needed}, each [x, y]", fault="damaged")
    return [(float(x), float(y)) for x, y in points]


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(
            isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part)
            for part in value
        )
    )


def _paste_mask(canvas: Image.Image, shape: _Shape) -> None:
    """Paste a mask as LabelMe does: its first pixel lies at the first corner, rounded.

    Corners at whole pixels, which may have been moved, cut the mask to their box. Between others
    lies the whole mask.

    Raises:
        DataError: the mask cannot be decoded, or the box holds no pixel or reaches beyond the mask.
    """
    mask_HW = _decode_mask(shape, canvas.size)
    left, top, right, bottom = (round(value) for corner in shape.points for value in corner)
    height, width = mask_HW.shape
    if all(value.is_integer() for corner in shape.points for value in corner):
        width, height = right - left + 1, bottom - top + 1
    columns = max(left, 0), min(left + width, canvas.size[0])
    rows = max(top, 0), min(top + height, canvas.size[1])
    beyond = columns[1] - left > mask_HW.shape[1] or rows[1] - top > mask_HW.shape[0]
    if min(width, height) < 1 or beyond:
        raise DataError(
            f"{shape.where}: its mask is {mask_HW.shape[1]} x {mask_HW.shape[0]}, its points are"
            f" the corners of {width} x {height} pixels",
            fault="size_mismatch",
        )
    if columns[0] < columns[1] and rows[0] < rows[1]:
        patch_HW = mask_HW[rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
        canvas.paste(shape.id, (columns[0], rows[0]), Image.fromarray(patch_HW))


def _decode_mask(shape: _Shape, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode a mask, a small PNG file; one larger than the image is refused before."""
    where = shape.where
    try:
        content = base64.b64decode(shape.mask, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise DataError(f"{where}: its mask is no base64: {error}", fault="damaged") from error
    announced = struct.unpack(">II", content[16:24]) if content.startswith(_PNG) else (0, 0)
    if announced[0] > size[0] or announced[1] > size[1]:
        raise DataError(
            f"{where}: its mask is larger than the image: {announced[0]} x {announced[1]}",
            fault="size_mismatch",
        )
    with in_memory_file(content, f"{where}: mask") as location:
        return read_label(location) > 0


def no_class_error(path: object, pixels: Mapping[str, int], allowed: Sequence[str]) -> DataError:
    """Return the error for shapes whose labels are no class, with the pixels of each label."""
    first = list(pixels.items())[:_LISTED]
    listed = ", ".join(f"{name[:_SHOWN]!r} ({count} pixels)" for name, count in first)
    listed += f" and {len(pixels) - _LISTED} more" if len(pixels) > _LISTED else ""
    return DataError(
        f"{path}: labels that are no class: {listed}\n"
        f"  the classes are: {', '.join(allowed)}\n"
        "  correct the labels, or add them to dataset.classes or dataset.ignored",
        fault="unknown_values",
        values=pixels,
    )
