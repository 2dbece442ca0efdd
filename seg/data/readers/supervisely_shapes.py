"""Pixels of the shapes of Supervisely, as its Python package draws them."""

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.readers.pixel_centers import Part, Size
from seg.data.readers.supervisely_bitmaps import decode_alpha, decode_bitmap
from seg.errors import ConfigError, DataError, brief

_FEWEST_CORNERS = 3
_REACH = 10  # a corner may lie so many times the longer side away from the image's own corner
_SMALL_PX = 100
_MAX_COST = 4_000_000_000  # some seconds
_CORNER_COST = 8  # of a corner in a row, where a pixel costs 1
_BITMAP_COST = 8  # of a pixel that is decoded
_MAX_ANGLE = 1_000  # radians
_CUBOID_FACES = 3
_CUBOID_CORNERS = 4
Ring = NDArray[np.int32]
"""N x 2, column and row of each corner."""


class ShapePainter:
    """Finds the pixels of shapes in one image, within a limit for all of them.

    Args:
        size: of the image.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._cost_left = _MAX_COST

    def draw(self, kind: str, shape: Mapping[str, Any], where: str) -> list[Part]:
        """Return the pixels of a shape, in parts that lie inside the image.

        Args:
            kind: one of `DRAWN_KINDS`.
            shape: the object, as the annotation has it.
            where: the object, for messages.

        Raises:
            DataError: the shape is damaged, lies far outside, or costs too much.
            ConfigError: it has to be cut at the border, and the extra `shapes` is missing.
        """
        return _DRAWN[kind](self, shape, where)

    def _polygon(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        return self._polygons([shape.get("points")], where)

    def _multipolygon(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        return self._polygons(_list(shape.get("parts"), "parts", where), where)

    def _polygons(self, contents: list[Any], where: str) -> list[Part]:
        """Fill polygons; where one reaches over the border, all of them are cut there."""
        polygons = []
        for content in contents:
            points = _mapping(content, "points", where)
            exterior = self._ring(points.get("exterior"), _FEWEST_CORNERS, where)
            holes = _list(points.get("interior", []), "interior", where)
            polygons.append((exterior, [self._ring(h, _FEWEST_CORNERS, where) for h in holes]))
        if not all(_is_inside(exterior, self._size) for exterior, _ in polygons):
            polygons = [cut for each in polygons for cut in _cut(*each, self._size, where)]
        return [self._fill(*polygon, where) for polygon in polygons]

    def _rectangle(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        points = _mapping(shape.get("points"), "points", where)
        corners = self._ring(points.get("exterior"), 2, where, most=2)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        box = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)
        limits = np.array(self._size) - 1
        if (box[2] < 0).any() or (box[0] > limits).any():
            return []
        return [self._fill(np.clip(box, 0, limits).astype(np.int32), [], where)]

    def _oriented_box(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        corners = self._ring(shape.get("points"), 2, where, most=2)
        angle = shape.get("angle")
        if not isinstance(angle, int | float) or not abs(angle) <= _MAX_ANGLE:
            raise _damaged(where, f"angle is {brief(angle)}; a number is needed, in radians")
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        center_x, center_y = (left + right) // 2, (top + bottom) // 2
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = []
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom)):
            across, down = x - center_x, y - center_y
            turned.append(
                (
                    math.floor(across * cosine - down * sine + center_x),
                    math.floor(across * sine + down * cosine + center_y),
                )
            )
        return [self._fill(np.array(turned, np.int32), [], where)]

    def _cuboid(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        corners = self._ring(shape.get("points"), _FEWEST_CORNERS, where)
        faces = _list(shape.get("faces"), "faces", where)
        rings = []
        for face in faces:
            at = _list(face, "faces", where)
            is_face = len(at) == _CUBOID_CORNERS and all(
                type(each) is int and 0 <= each < len(corners) for each in at
            )
            if not is_face or len(faces) != _CUBOID_FACES:
                raise _damaged(where, "a cuboid has three faces of four corners, by their numbers")
            rings.append(corners[at])
        if not all(_is_inside(ring, self._size) for ring in rings):
            raise _damaged(
                where,
                "it reaches over the border of the image, and Supervisely drops such cuboids\n"
                "  move its corners into the image, or remove it",
            )
        return [self._fill(ring, [], where) for ring in rings]

    def _bitmap(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        content = _mapping(shape.get("bitmap"), "bitmap", where)
        return self._paste(content, decode_bitmap, where)

    def _alpha_mask(self, shape: Mapping[str, Any], where: str) -> list[Part]:
        content = _mapping(shape.get("bitmap"), "bitmap", where)
        return self._paste(content, decode_alpha, where)

    def _paste(
        self,
        content: Mapping[str, Any],
        decode: Callable[[Any, Size, str], NDArray[np.bool_]],
        where: str,
    ) -> list[Part]:
        ((left, top),) = self._ring([content.get("origin")], 1, where).tolist()
        self._pay(_BITMAP_COST * self._size[0] * self._size[1], where)
        mask_HW = decode(content.get("data"), self._size, where)
        inside_HW = mask_HW[
            max(-top, 0) : max(self._size[1] - top, 0), max(-left, 0) : max(self._size[0] - left, 0)
        ]
        return [Part(max(top, 0), max(left, 0), inside_HW)] if inside_HW.size else []

    def _fill(self, exterior: Ring, interiors: list[Ring], where: str) -> Part:
        """Fill a polygon with its edges; holes take away their edges, too."""
        corners = np.concatenate([exterior, *interiors])
        left, top = np.maximum(corners.min(axis=0), 0).tolist()
        right, bottom = np.minimum(corners.max(axis=0) + 1, self._size).tolist()
        height, width = max(bottom - top, 0), max(right - left, 0)
        self._pay(height * (width + _CORNER_COST * len(corners)) + len(corners), where)
        mask_HW = np.zeros((height, width), np.uint8)
        if mask_HW.size:
            cv2.fillPoly(mask_HW, [exterior - (left, top)], (1,))
            if interiors:
                cv2.fillPoly(mask_HW, [ring - (left, top) for ring in interiors], (0,))
        return Part(max(top, 0), max(left, 0), mask_HW.astype(np.bool_))

    def _ring(self, points: Any, fewest: int, where: str, most: int | None = None) -> Ring:
        """Return corners, whose fractions are cut off downwards."""
        listed = points if isinstance(points, list) else []
        is_counted = fewest <= len(listed) <= (most or len(listed))
        if not is_counted or not all(map(_is_point, listed)):
            needed = f"{fewest} points" if most == fewest else f"{fewest} points or more"
            raise _damaged(where, f"{needed} are needed, each [x, y]: {brief(points)}")
        reach = _REACH * max(*self._size, _SMALL_PX)
        far = next((point for point in listed if max(map(abs, point)) > reach), None)
        if far is not None:
            raise _damaged(
                where,
                f"{brief(far)} lies far outside the image of"
                f" {self._size[0]} x {self._size[1]}; is it of an image of another size?",
            )
        return np.floor(np.array(listed, np.float64)).astype(np.int32)

    def _pay(self, cost: int, where: str) -> None:
        self._cost_left -= cost
        if self._cost_left < 0:
            raise DataError(
                f"{where}: the shapes of its image are too many or too large to be drawn;"
                " cut it into tiles",
                fault="too_large",
            )


_DRAWN: Mapping[str, Callable[[ShapePainter, Mapping[str, Any], str], list[Part]]] = {
    "polygon": ShapePainter._polygon,
    "multipolygon": ShapePainter._multipolygon,
    "bitmap": ShapePainter._bitmap,
    "alpha_mask": ShapePainter._alpha_mask,
    "rectangle": ShapePainter._rectangle,
    "oriented_bbox": ShapePainter._oriented_box,
    "cuboid": ShapePainter._cuboid,
}
DRAWN_KINDS = tuple(_DRAWN)
"""Shapes that have an area."""


def _is_inside(ring: Ring, size: Size) -> bool:
    return bool((ring >= 0).all() and (ring < size).all())


def _cut(
    exterior: Ring, interiors: list[Ring], size: Size, where: str
) -> list[tuple[Ring, list[Ring]]]:
    """Cut a polygon at the border of the image; corners of the cut are rounded."""
    if find_spec("shapely") is None:
        raise ConfigError(
            f"{where}: it reaches over the border of the image, where Supervisely cuts it with"
            " shapely: pip install 'seg-xception[shapes]'"
        )
    import shapely

    # As (row, column): the package hands them to shapely in this order.
    polygon = shapely.Polygon(exterior[:, ::-1], [ring[:, ::-1] for ring in interiors])
    if not polygon.is_valid:
        raise _damaged(
            where,
            "it reaches over the border of the image and its edges cross or touch, of which"
            " Supervisely cuts away parts\n  correct it, or move its corners into the image",
        )
    bottom, right = size[1] - 1, size[0] - 1
    window = shapely.Polygon([(0, 0), (0, right), (bottom, right), (bottom, 0)])
    try:
        pieces = shapely.get_parts(polygon.buffer(0).intersection(window))
    except shapely.errors.GEOSException as error:
        raise _damaged(where, f"it cannot be cut at the border of the image: {error}") from error
    return [
        (_rounded(piece.exterior), [_rounded(ring) for ring in piece.interiors])
        for piece in pieces
        if piece.geom_type == "Polygon" and not piece.is_empty
    ]


def _rounded(ring: Any) -> Ring:
    corners: NDArray[np.float64] = np.array(ring.coords)[:-1, ::-1]
    return np.rint(corners).astype(np.int32)


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(part) in (int, float) and abs(part) < math.inf for part in value)
    )


def _mapping(value: Any, key: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _damaged(where, f"{key} is {brief(value)}; an object is needed")
    return value


def _list(value: Any, key: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _damaged(where, f"{key} is {brief(value)}; a list is needed")
    return value


def _damaged(where: str, why: str) -> DataError:
    return DataError(f"{where}: {why}", fault="annotation")
