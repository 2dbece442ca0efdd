"""`NAME.gpkg`: regions on the map as a GeoPackage, one file an image."""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seg.errors import ConfigError
from seg.io.atomic import staged_path
from seg.prediction.geo_format import Feature, FeatureFile, GeoFormat, Place
from seg.prediction.items import Item
from seg.prediction.polygons import INSTALL
from seg.prediction.writer import Settings, Staged

LAYER = "predictions"


class GeoPackage(GeoFormat):
    """The layer `predictions`: polygons with the columns `class`, `class_id` and `area`.

    Raises:
        ConfigError: see `PolygonFormat`; pyogrio is missing.
    """

    name = "gpkg"
    suffix = ".gpkg"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if find_spec("pyogrio") is None:
            raise ConfigError(f"formats=gpkg: needs the extra `polygons`: {INSTALL}")

    def targets(self, item: Item) -> tuple[str, ...]:
        """Return the file of an item.

        Raises:
            ConfigError: its name is no text, which GDAL needs.
        """
        (target,) = super().targets(item)
        try:
            str(self.path(target)).encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"formats=gpkg: {item.source!r}: its name is no UTF-8; rename it, or take geojson"
            ) from None
        return (target,)

    def start(self, item: Item, place: Place) -> FeatureFile:
        """Start a layer in the reference system of the raster."""
        return _Layer(self.path(self.targets(item)[0]), place.crs)


class _Layer(FeatureFile):
    """Adds the features of a block to the layer."""

    def __init__(self, path: Path, crs: Any) -> None:
        self._staged = Staged(staged_path(path))
        code = None if crs is None else crs.to_authority()
        self._crs = crs.to_wkt() if crs is not None and code is None else code and ":".join(code)
        self._is_new = True

    def add(self, features: Sequence[Feature]) -> None:
        """Write the features of the next block."""
        import pyogrio
        import shapely

        # The time of the last change is in the file: the same regions are to be the same bytes.
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1970-01-01T00:00:00Z"})
        columns = {
            "class": np.array([each.class_name for each in features], object),
            "class_id": np.array([each.class_id for each in features], np.int32),
            "area": np.array([each.area for each in features], np.float64),
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided")  # coordinates in pixels
            pyogrio.raw.write(
                self._staged.target,
                shapely.to_wkb(np.array([each.polygon for each in features], object)),
                list(columns.values()),
                list(columns),
                layer=LAYER,
                driver="GPKG",
                geometry_type="Polygon",
                crs=self._crs,
                append=not self._is_new,
            )
        self._is_new = False

    def place(self) -> None:
        """Put the file in place."""
        self._staged.place()

    def discard(self) -> None:
        """Remove the file."""
        self._staged.discard()


FORMAT = GeoPackage
