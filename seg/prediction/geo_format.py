"""Output formats of maps: regions as polygons in the place of their image."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.polygon_format import PolygonFormat, small_part, trace
from seg.prediction.polygons import Cuts, Regions
from seg.prediction.writer import ItemRows, Settings, Writer

BLOCK_PIXELS = 2**24
"""Pixels of a block of rows that is simplified at once; so larger rasters need no more memory."""

_TURN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Place:
    """The place of an image on the map.

    Attributes:
        crs: `rasterio.CRS`; None: pixels, or a map that the file does not name.
        matrix: a, b, c, d, e, f of x = a column + b row + c, y = d column + e row + f.
    """

    crs: Any = None
    matrix: tuple[float, ...] = _TURN

    @classmethod
    def of(cls, item: Item, raster: Raster) -> "Place":
        """Return the place of an item; pixels from its upper left corner if it has none.

        Raises:
            DataError: it lies by control points or RPCs alone, for which no matrix stands.
        """
        if item.kind != "raster":
            return cls()
        from seg.prediction.rasters import WindowedRaster

        assert isinstance(raster, WindowedRaster)
        place = raster.place
        if "gcps" in place or ("rpcs" in place and place["transform"].is_identity):
            raise DataError(
                f"{item.source}: lies on the map by control points or RPCs, which give polygons no"
                " place\n  rectify it first: gdalwarp IN.tif OUT.tif",
                fault="image_kind",
            )
        return cls(place["crs"], tuple(place["transform"])[:6])

    @property
    def pixel_area(self) -> float:
        """Return the area of a pixel in units of the map, squared."""
        a, b, _, d, e, _ = self.matrix
        return abs(a * e - b * d)

    def moved(self, polygon: Any, top: int) -> Any:
        """Return a polygon of a block that starts at row `top` on the map; its shell runs left."""
        import shapely

        a, b, c, d, e, f = self.matrix

        def transform(corners_N2: NDArray[np.float64]) -> NDArray[np.float64]:
            column, row = corners_N2[:, 0], corners_N2[:, 1] + top
            return np.stack((a * column + b * row + c, d * column + e * row + f), 1)

        return shapely.orient_polygons(shapely.transform(polygon, transform))


@dataclass(frozen=True)
class Feature:
    """A region on the map.

    Attributes:
        class_id: the number of the class, see `values`.
        class_name: the name of the class.
        area: in units of the map, squared.
        polygon: `shapely.Polygon`.
    """

    class_id: int
    class_name: str
    area: float
    polygon: Any


class FeatureFile(ABC):
    """A file of features; made by `GeoFormat.start`."""

    @abstractmethod
    def add(self, features: Sequence[Feature]) -> None:
        """Write the features of the next block."""

    @abstractmethod
    def place(self) -> None:
        """Put the file in place."""

    @abstractmethod
    def discard(self) -> None:
        """Remove the file."""


class GeoFormat(PolygonFormat):
    """A file an image, in the reference system of its raster; of other images in pixels.

    Rasters of more than `BLOCK_PIXELS` are written in blocks of rows, at whose edges regions are
    cut: neither side moves there, so that nothing lies between.
    """

    keeps_place = True
    holds_values = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._values = settings.label_values.classes

    @abstractmethod
    def start(self, item: Item, place: Place) -> FeatureFile:
        """Start the file of an item.

        Raises:
            DataError: the format cannot name the reference system.
        """

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to collect blocks of rows."""
        return _Blocks(self, item, raster)

    def features(self, regions: Regions, place: Place, top: int) -> list[Feature]:
        """Return the regions of a block that starts at row `top`."""
        return [
            Feature(
                self._values[region.class_index],
                self.classes[region.class_index],
                region.area * place.pixel_area,
                place.moved(region.polygon, top),
            )
            for region in regions.regions
            if region.class_index in self.classes
        ]


class _Blocks(Writer):
    """Collects rows, and writes the features of each block once it is full."""

    def __init__(self, owner: GeoFormat, item: Item, raster: Raster) -> None:
        self._owner = owner
        self._place = Place.of(item, raster)
        self._height = raster.height
        self._rows = max(1, BLOCK_PIXELS // raster.width)
        self._pending: list[NDArray[Any]] = []
        self._top = 0
        self._small: list[Regions] = []
        self._file = owner.start(item, self._place)

    def write(self, piece: ItemRows) -> None:
        """Store the next rows and write full blocks; the last one waits for `close`."""
        self._pending.append(piece.label_HW)
        while sum(map(len, self._pending)) >= self._rows and self._top + self._rows < self._height:
            label_HW = np.concatenate(self._pending)
            self._pending = [label_HW[self._rows :]]
            self._write(label_HW[: self._rows])

    def close(self) -> dict[str, int]:
        """Write the last block and put the file in place; return the part for the manifest."""
        self._write(np.concatenate(self._pending))
        self._file.place()
        return small_part(*self._small)

    def discard(self) -> None:
        """Remove the file."""
        self._file.discard()

    def _write(self, label_HW: NDArray[Any]) -> None:
        cuts = Cuts(top=self._top > 0, bottom=self._top + len(label_HW) < self._height)
        traced = trace(self._owner.settings, label_HW, cuts)
        self._file.add(self._owner.features(traced, self._place, self._top))
        self._small.append(Regions([], traced.num_small, traced.small_px))
        self._top += len(label_HW)
