"""Polygons of GeoJSON geometries (RFC 7946, section 3.1)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError, brief
from seg.io.source import MAX_DEPTH

Polygon = tuple[NDArray[np.float64], ...]
"""The rings of a polygon, each N x 2 of x and y, closed: the outline, then the holes."""

NO_GEOMETRY = "no geometry"

_FEWEST = 4  # positions of a ring; the last is the first
_WITHOUT_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
_KINDS = ("Polygon", "MultiPolygon", "GeometryCollection", *_WITHOUT_AREA)


@dataclass(frozen=True)
class Geometry:
    """The polygons of a feature, and the number of its parts that have no area, by kind."""

    polygons: tuple[Polygon, ...]
    others: Counter[str]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return the least and the largest x and y; NaN without polygons."""
        if not self.polygons:
            return (np.nan,) * 4
        outlines = [polygon[0] for polygon in self.polygons]
        corners_N2 = np.concatenate(outlines) if len(outlines) > 1 else outlines[0]
        (left, low), (right, high) = corners_N2.min(axis=0), corners_N2.max(axis=0)
        return float(left), float(low), float(right), float(high)


def read_geometry(content: Any, where: str) -> Geometry:
    """Return the polygons of a geometry, those in collections too.

    Args:
        content: the member `geometry` of a feature.
        where: the feature, for messages.

    Raises:
        DataError: it is of an unknown kind, or a ring is damaged.
    """
    others: Counter[str] = Counter()
    polygons = tuple(_polygons(content, where, others, MAX_DEPTH))
    return Geometry(polygons, +others)


def area(polygons: Sequence[Polygon]) -> float:
    """Return the area of polygons without their holes, in squares of their unit."""
    total = 0.0
    for outline, *holes in polygons:
        total += _ring_area(outline) - sum(map(_ring_area, holes))
    return total


def _polygons(content: Any, where: str, others: Counter[str], levels: int) -> Iterator[Polygon]:
    if levels == 0:
        raise DataError(
            f"{where}: its collections are nested deeper than {MAX_DEPTH} levels",
            fault="annotation",
        )
    if content is None:
        others[NO_GEOMETRY] += 1
        return
    kind = content.get("type") if isinstance(content, dict) else None
    if kind not in _KINDS:
        raise DataError(
            f"{where}: the type of its geometry is {brief(kind)}; allowed: {', '.join(_KINDS)}",
            fault="annotation",
        )
    if kind in _WITHOUT_AREA:
        others[kind] += 1
        return
    key = "geometries" if kind == "GeometryCollection" else "coordinates"
    parts = content.get(key)
    if not isinstance(parts, list):
        raise DataError(f"{where}: a {kind} without a list {key!r}", fault="annotation")
    others[NO_GEOMETRY] += not parts
    for part in parts if kind != "Polygon" else [parts] * bool(parts):
        if kind == "GeometryCollection":
            yield from _polygons(part, where, others, levels - 1)
        else:
            yield _rings(part, where)


def _rings(content: Any, where: str) -> Polygon:
    if not isinstance(content, list) or not content:
        raise DataError(f"{where}: a polygon without rings", fault="annotation")
    return tuple(_ring(ring, where) for ring in content)


def _ring(content: Any, where: str) -> NDArray[np.float64]:
    positions = content if isinstance(content, list) else []
    if len(positions) < _FEWEST or not all(map(_is_position, positions)):
        raise DataError(
            f"{where}: a ring needs {_FEWEST} positions or more, each [x, y]: {brief(content)}",
            fault="annotation",
        )
    if {*map(len, positions)} != {2}:  # heights are no part of the shape
        positions = [each[:2] for each in positions]
    is_numeric = {*map(type, chain.from_iterable(positions))} <= {int, float}
    try:
        corners_N2 = np.array(positions if is_numeric else [np.nan], np.float64)
    except OverflowError:
        corners_N2 = np.array([np.nan])
    if not np.isfinite(corners_N2).all():
        raise DataError(
            f"{where}: a ring has coordinates that are no finite numbers: {brief(content)}",
            fault="annotation",
        )
    if (corners_N2[0] != corners_N2[-1]).any():
        raise DataError(
            f"{where}: a ring is not closed: its first position is {brief(positions[0])}, its last"
            f" {brief(positions[-1])}",
            fault="annotation",
        )
    return corners_N2


def _is_position(content: Any) -> bool:
    return isinstance(content, list) and len(content) > 1


def _ring_area(ring_N2: NDArray[np.float64]) -> float:
    x, y = (ring_N2 - ring_N2[0]).T  # from a corner near by: map coordinates are large
    return abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1])) / 2
