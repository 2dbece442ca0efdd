"""Pixels of the regions of the VGG Image Annotator: those whose centres lie in them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.pixel_centers import (
    Part,
    Size,
    fill_ellipse,
    fill_polygon,
    polygon_cost,
)
from seg.data.readers.via_regions import ViaRegion
from seg.errors import DataError, brief

_REACH = 10  # a number may be so many times the longer side
_SMALL_PX = 100
_MAX_COST = 4_000_000_000  # some seconds
_ELLIPSE_COST = 8  # of a pixel, of which one of a polygon costs 1
_FEWEST_CORNERS = 3
_CIRCLE_POINTS = 3


class RegionPainter:
    """Finds the pixels of regions in one image, within a limit for all of them.

    Args:
        size: of the image.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._reach = _REACH * max(*size, _SMALL_PX)
        self._cost_left = _MAX_COST

    def draw(self, region: ViaRegion, where: str) -> Part:
        """Return the pixels of a region of one of `DRAWN_KINDS`.

        Raises:
            DataError: a number is missing or far too large, or the region costs too much.
        """
        return _DRAWN[region.kind](self, region.shape, where)

    def _polygon(self, shape: Mapping[str, Any], where: str) -> Part:
        corners_N2 = self._points(shape, where)
        if len(corners_N2) < _FEWEST_CORNERS:
            raise _damaged(where, f"a polygon needs {_FEWEST_CORNERS} points or more")
        return self._fill(corners_N2, where)

    def _rectangle(self, shape: Mapping[str, Any], where: str) -> Part:
        x, y, width, height = self._numbers(shape, ("x", "y", "width", "height"), where)
        return self._fill(_box(x, y, x + width, y + height), where)

    def _extreme_rectangle(self, shape: Mapping[str, Any], where: str) -> Part:
        points_N2 = self._points(shape, where)
        return self._fill(_box(*points_N2.min(axis=0), *points_N2.max(axis=0)), where)

    def _circle(self, shape: Mapping[str, Any], where: str) -> Part:
        x, y, radius = self._numbers(shape, ("cx", "cy", "r"), where)
        return self._fill_ellipse((x, y), (radius, radius), 0, where)

    def _extreme_circle(self, shape: Mapping[str, Any], where: str) -> Part:
        """Fill the circle through three points."""
        points_N2 = self._points(shape, where)
        if len(points_N2) != _CIRCLE_POINTS:
            raise _damaged(where, "a circle on its edge has three points")
        first, sides_22 = points_N2[0], points_N2[1:] - points_N2[0]
        if np.linalg.matrix_rank(sides_22) < 2:
            raise _damaged(where, "its three points lie on a line")
        center = np.linalg.solve(2 * sides_22, (sides_22**2).sum(axis=1))
        radius = float(np.hypot(*center))
        x, y = (first + center).tolist()
        return self._fill_ellipse((x, y), (radius, radius), 0, where)

    def _ellipse(self, shape: Mapping[str, Any], where: str) -> Part:
        names = ("cx", "cy", "rx", "ry", "theta")  # older versions do not turn ellipses
        x, y, radius_x, radius_y, angle = self._numbers({"theta": 0, **shape}, names, where)
        return self._fill_ellipse((x, y), (radius_x, radius_y), angle, where)

    def _fill(self, corners_N2: NDArray[np.float64], where: str) -> Part:
        self._pay(polygon_cost(corners_N2, self._size), where)
        return fill_polygon(corners_N2, self._size, nonzero=True)

    def _fill_ellipse(
        self, center: tuple[float, float], radii: tuple[float, float], angle: float, where: str
    ) -> Part:
        if min(radii) <= 0:
            return Part(0, 0, np.zeros((0, 0), np.bool_))
        self._pay(_ELLIPSE_COST * self._size[0] * self._size[1], where)
        return fill_ellipse(center, radii, angle, self._size)

    def _numbers(self, shape: Mapping[str, Any], names: tuple[str, ...], where: str) -> list[float]:
        wrong = next((name for name in names if not self._is_near(shape.get(name))), None)
        if wrong is not None:
            raise _damaged(where, f"{wrong} is {brief(shape.get(wrong))}; {self._needed}")
        return [float(shape[name]) for name in names]

    def _points(self, shape: Mapping[str, Any], where: str) -> NDArray[np.float64]:
        columns = [shape.get("all_points_x"), shape.get("all_points_y")]
        for name, column in zip(("all_points_x", "all_points_y"), columns, strict=True):
            if not isinstance(column, list) or not column or not all(map(self._is_near, column)):
                raise _damaged(where, f"{name} is {brief(column)}; {self._needed}")
        xs, ys = columns
        if xs is None or ys is None or len(xs) != len(ys):
            raise _damaged(where, "all_points_x and all_points_y have not the same length")
        return np.array([xs, ys], np.float64).T

    @property
    def _needed(self) -> str:
        width, height = self._size
        return f"numbers near the image of {width} x {height} are needed, in px"

    def _is_near(self, number: Any) -> bool:
        return type(number) in (int, float) and abs(number) <= self._reach

    def _pay(self, cost: int, where: str) -> None:
        self._cost_left -= cost
        if self._cost_left < 0:
            raise DataError(
                f"{where}: the regions of its image are too many or too large to be drawn;"
                " cut it into tiles",
                fault="too_large",
            )


_DRAWN: Mapping[str, Callable[[RegionPainter, Mapping[str, Any], str], Part]] = {
    "polygon": RegionPainter._polygon,
    "rect": RegionPainter._rectangle,
    "circle": RegionPainter._circle,
    "ellipse": RegionPainter._ellipse,
    "extreme_rectangle": RegionPainter._extreme_rectangle,
    "extreme_circle": RegionPainter._extreme_circle,
}
DRAWN_KINDS = tuple(_DRAWN)
"""Regions that have an area."""


def _box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def _damaged(where: str, why: str) -> DataError:
    return DataError(f"{where}: {why}", fault="annotation")
