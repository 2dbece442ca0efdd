"""Label maps as polygons of connected regions (extra `polygons`: shapely, rasterio).

Corners are corners of pixels: x to the right and y down; (0, 0) is the upper left corner of the
first pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

INSTALL = "pip install 'seg-xception[polygons]'"

_CONNECTIVITY = 4  # with 8, polygons would cross themselves where pixels meet at a corner
# Half a pixel is the smallest corner of a border; its square root ends the search.
_FINEST_PX = 0.7
_WEAKER = 0.75
_FRAME_PX = 1.0


def has_polygons() -> bool:
    """Return whether the extra `polygons` is installed."""
    return all(find_spec(name) is not None for name in ("shapely", "rasterio"))


@dataclass(frozen=True, eq=False)
class Region:
    """Connected pixels of one class.

    Attributes:
        class_index: position in the class list.
        polygon: `shapely.Polygon`, with holes.
    """

    class_index: int
    polygon: Any

    @cached_property
    def shell(self) -> list[list[float]]:
        """Return the corners of the outer border, each once."""
        return _corners(self.polygon.exterior)

    @property
    def has_holes(self) -> bool:
        """Return whether other regions lie inside."""
        return len(self.polygon.interiors) > 0

    @property
    def area(self) -> float:
        """Return the area in pixels."""
        return float(self.polygon.area)

    def mask(self) -> tuple[int, int, NDArray[np.bool_]]:
        """Return left, top and the pixels whose centers lie inside, H x W, of the bounding box."""
        from rasterio import Affine
        from rasterio.features import rasterize

        left, top, right, bottom = (round(value) for value in self.polygon.bounds)
        mask_HW = rasterize(
            [self.polygon],
            out_shape=(bottom - top, right - left),
            transform=Affine.translation(left, top),
            dtype="uint8",
        )
        return left, top, mask_HW.astype(np.bool_)

    def image_mask(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the mask in the whole image of this width and height."""
        mask_HW = np.zeros(size[::-1], np.bool_)
        left, top, part_HW = self.mask()
        mask_HW[top : top + part_HW.shape[0], left : left + part_HW.shape[1]] = part_HW
        return mask_HW


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a label map.

    Attributes:
        regions: from the top, in a stable order.
        num_small: how many smaller ones joined a neighbor, or were dropped where they have none.
        small_px: their pixels.
    """

    regions: list[Region]
    num_small: int
    small_px: int


@dataclass(frozen=True)
class Cuts:
    """Which edges of a label map are no edges of the image, so that regions may go on there."""

    top: bool = False
    bottom: bool = False


UNCUT = Cuts()


def trace_regions(
    label_HW: NDArray[Any],
    *,
    num_classes: int,
    tolerance_px: float,
    min_area_px: int,
    cuts: Cuts = UNCUT,
) -> Regions:
    """Trace the borders of a label map.

    All regions are simplified together, so that neighbors keep one border. No point of a border
    moves by more than the tolerance; corners stay corners of pixels, and the edges of the label map
    stay where they are. With a tolerance of 0, or one below 0.7, the polygons are exact.

    Args:
        label_HW: positions in the class list; what is not below `num_classes` has no region.
        num_classes: the number of classes.
        tolerance_px: how far a border may move.
        min_area_px: smaller regions join their largest neighbor.
        cuts: regions that touch a cut are never too small.
    """
    from rasterio.features import rasterize, sieve

    if not (label_HW < num_classes).any():
        return Regions([], 0, 0)
    polygons, values = _trace(label_HW)
    is_tiny = _are_tiny(polygons, values, num_classes, min_area_px)
    is_cut = _are_cut(polygons, label_HW.shape[0], cuts)
    small = polygons[is_tiny & ~is_cut]
    if len(small):
        may_change_HW = label_HW < num_classes
        if (is_tiny & is_cut).any():
            cut = polygons[is_tiny & is_cut]
            may_change_HW &= rasterize(cut, out_shape=label_HW.shape, dtype="uint8") == 0
        joined_HW = sieve(label_HW, min_area_px, mask=may_change_HW, connectivity=_CONNECTIVITY)
        polygons, values = _trace(np.where(may_change_HW, joined_HW, label_HW))
        is_isolated = _are_tiny(polygons, values, num_classes, min_area_px)
        is_isolated &= ~_are_cut(polygons, label_HW.shape[0], cuts)
        values = np.where(is_isolated, num_classes, values)
    if tolerance_px > 0:
        polygons = _simplify(polygons, label_HW.shape, tolerance_px)
    regions = [
        Region(int(value), polygon)
        for polygon, value in zip(polygons, values, strict=True)
        if value < num_classes
    ]
    return Regions(regions, len(small), round(sum(each.area for each in small)))


def _trace(label_HW: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the polygons of all regions, those of no class too, and their values."""
    import shapely
    from rasterio.features import shapes

    polygons, values = [], []
    for shape, value in shapes(label_HW, connectivity=_CONNECTIVITY):
        shell, *holes = shape["coordinates"]
        polygons.append(shapely.Polygon(shell, holes))
        values.append(int(value))
    return np.array(polygons, object), np.array(values, np.int64)


def _are_tiny(
    polygons: NDArray[Any], values: NDArray[np.int64], num_classes: int, min_area_px: int
) -> NDArray[np.bool_]:
    """Return which regions of classes have too few pixels."""
    import shapely

    return np.asarray((shapely.area(polygons) < min_area_px) & (values < num_classes))


def _are_cut(polygons: NDArray[Any], height: int, cuts: Cuts) -> NDArray[np.bool_]:
    """Return which regions touch a cut."""
    import shapely

    bounds_N4 = shapely.bounds(polygons)
    at_top, at_bottom = bounds_N4[:, 1] == 0, bounds_N4[:, 3] == height
    return np.asarray((at_top & cuts.top) | (at_bottom & cuts.bottom))


def _simplify(polygons: NDArray[Any], shape: Sequence[int], tolerance_px: float) -> NDArray[Any]:
    """Simplify a coverage as far as no point of a border moves by more than the tolerance.

    The method (Visvalingam and Whyatt 1993; `shapely.coverage_simplify`) removes corners by the
    area that they cut off, which bounds no distance: its strength is lowered until that fits.
    """
    import shapely

    # Polygons have no corner where only a neighbor has one; without it borders are not recognized
    # as shared.
    fine = shapely.segmentize(np.append(polygons, _frame(shape)), 1.0)
    corners = shapely.points(np.unique(shapely.get_coordinates(fine), axis=0))
    strength = tolerance_px
    while strength > _FINEST_PX:
        simple = shapely.coverage_simplify(fine, strength)
        if not shapely.is_empty(simple).any() and _lie_near(corners, simple, tolerance_px):
            return np.asarray(simple[: len(polygons)])
        strength *= _WEAKER
    return polygons


def _frame(shape: Sequence[int]) -> list[Any]:
    """Return four polygons around a label map, whose edges and corners stay in place so."""
    import shapely

    height, width = shape
    inner = [(0, 0), (width, 0), (width, height), (0, height)]
    edge = _FRAME_PX
    outer = [
        *((-edge, -edge), (width + edge, -edge)),
        *((width + edge, height + edge), (-edge, height + edge)),
    ]
    return [
        shapely.Polygon([inner[at], inner[(at + 1) % 4], outer[(at + 1) % 4], outer[at]])
        for at in range(4)
    ]


def _lie_near(points: NDArray[Any], polygons: NDArray[Any], distance: float) -> bool:
    """Return whether all points lie within a distance of the borders of polygons."""
    import shapely

    rings = shapely.get_parts(shapely.boundary(polygons))
    corners_M2, ring_M = shapely.get_coordinates(rings, return_index=True)
    is_edge = ring_M[1:] == ring_M[:-1]
    edges = shapely.linestrings(np.stack((corners_M2[:-1][is_edge], corners_M2[1:][is_edge]), 1))
    near = shapely.STRtree(edges).query(points, predicate="dwithin", distance=distance)[0]
    return len(np.unique(near)) == len(points)


def _corners(ring: Any) -> list[list[float]]:
    """Return the corners of a closed ring, each once."""
    import shapely

    corners: list[list[float]] = shapely.get_coordinates(ring)[:-1].tolist()
    return corners
