"""`NAME.geojson`: regions on the map (RFC 7946), one file an image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.errors import DataError
from seg.io.atomic import staged_file
from seg.io.json_file import compact_json
from seg.prediction.geo_format import Feature, FeatureFile, GeoFormat, Place
from seg.prediction.items import Item
from seg.prediction.writer import Staged

_WGS84 = (("EPSG", "4326"), ("OGC", "CRS84"))


class GeoJson(GeoFormat):
    """Polygons with the properties `class`, `class_id` and `area`.

    Coordinates are those of the raster's reference system. RFC 7946 knows WGS84 alone, for which no
    name is written; others are named by the member `crs` of the format of 2008, as GDAL does.
    """

    name = "geojson"
    suffix = ".geojson"

    def start(self, item: Item, place: Place) -> FeatureFile:
        """Start a collection of features.

        Raises:
            DataError: no code names the reference system.
        """
        code = None if place.crs is None else place.crs.to_authority()
        if place.crs is not None and code is None:
            raise DataError(
                f"{item.source}: no authority has a code for its reference system, by which GeoJSON"
                " could name it\n  take gpkg, which holds its definition",
                fault="image_kind",
            )
        return _Collection(self.path(self.targets(item)[0]), code)


class _Collection(FeatureFile):
    """Writes a feature a line."""

    def __init__(self, path: Path, code: tuple[str, str] | None) -> None:
        self._staged = Staged(staged_file(path))
        self._start = b"\n"
        head: dict[str, Any] = {"type": "FeatureCollection"}
        if code is not None and code not in _WGS84:
            name = f"urn:ogc:def:crs:{code[0]}::{code[1]}"
            head["crs"] = {"type": "name", "properties": {"name": name}}
        self._staged.target.write(compact_json(head)[:-1] + b',"features":[')

    def add(self, features: Sequence[Feature]) -> None:
        """Write the features of the next block."""
        import shapely

        for each in features:
            properties = {
                "class": each.class_name,
                "class_id": each.class_id,
                "area": each.area,
            }
            feature = {
                "type": "Feature",
                "properties": properties,
                "geometry": shapely.geometry.mapping(each.polygon),
            }
            self._staged.target.write(self._start + compact_json(feature))
            self._start = b",\n"

    def place(self) -> None:
        """Write the end and put the file in place."""
        self._staged.target.write(b"\n]}\n")
        self._staged.place()

    def discard(self) -> None:
        """Remove the file."""
        self._staged.discard()


FORMAT = GeoJson
