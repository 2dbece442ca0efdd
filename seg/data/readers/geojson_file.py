"""An index of a GeoJSON file (RFC 7946): where its features lie, what they are called."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.geojson_polygons import Geometry, read_geometry
from seg.data.readers.json_arrays import Element, iter_elements, read_element
from seg.data.readers.urls import MAX_JSON_BYTES, read_json
from seg.errors import DataError, brief
from seg.io.source import Source

KIND = "GeoJSON file"
CLASS_PROPERTIES = ("classification", "class", "label", "category", "class_name")
"""Properties that hold the class where none is configured, in any case of letters."""

NO_CRS = ""
WGS84 = "EPSG:4326"

_NOT_GEOJSON = "not a FeatureCollection of GeoJSON, nor a list of its features"
_QUPATH_KINDS = ("annotation", "detection", "cell", "tile", "tmaCore", "root")
# QuPath writes objectType: "tmaCore", its Python package qubalab object_type: "TMA_CORE".
_PLAIN_KINDS = {kind.lower(): kind for kind in _QUPATH_KINDS}
# The member `id` of QuPath before 0.3.
_QUPATH_IDS = {
    "PathAnnotationObject": "annotation",
    "PathDetectionObject": "detection",
    "PathCellObject": "cell",
    "PathTileObject": "tile",
    "TMACoreObject": "tmaCore",
    "PathRootObject": "root",
}
_CRS84 = re.compile(
    r"urn:ogc:def:crs:OGC:[\d.]*:CRS84|OGC:CRS84|https?://[\w.]+/.*/OGC/[\d.]+/CRS84"
)
_EPSG = re.compile(
    r"(?:urn:(?:ogc|x-ogc):def:crs:EPSG:[\d.]*:|EPSG::?|https?://[\w.]+/def/crs/EPSG/[\d.]+/)"
    r"(\d{1,7})",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class GeoJsonFile:
    """The N features of a file, without their shapes.

    Attributes:
        path: the file.
        state: its size in bytes and its time of change in ns.
        crs: `EPSG:<number>`; None: the file names none; empty: it says that there is none.
        places: int64, N x 2: first byte of each feature, and the one behind its last.
        boxes: float64, N x 4: least x and y, largest x and y of its polygons; NaN without any.
        kinds: of each feature, what it is to QuPath (`annotation`, `cell`); empty: not of QuPath.
        properties: the number of features that have a property, by its name.
        values: of each property that may be the class, the values of the features; None: none.
        others: the number of parts that have no area, by kind; by the kind of the feature.
        num_nuclei: cells of QuPath with a nucleus of its own.
    """

    path: Path
    state: tuple[int, int]
    crs: str | None
    places: NDArray[np.int64]
    boxes: NDArray[np.float64]
    kinds: tuple[str, ...]
    properties: Mapping[str, int]
    values: Mapping[str, tuple[Any, ...]]
    others: Mapping[str, Counter[str]]
    num_nuclei: int

    @property
    def source(self) -> Source:
        """Return the file, for messages."""
        return _source(self.path)

    @property
    def is_of_qupath(self) -> bool:
        """Return whether QuPath (qupath.github.io) wrote it; its coordinates are pixels."""
        return any(self.kinds)

    def geometries(self, features: NDArray[np.intp]) -> list[Geometry]:
        """Read the shapes of features.

        Raises:
            DataError: the file has changed.
        """
        if _state(self.path) != self.state:
            raise DataError(f"{self.path}: has changed since it was opened", fault="damaged")
        read = []
        with self.source.errors(), self.path.open("rb") as file:
            for at in features.tolist():
                start, end = self.places[at].tolist()
                content = read_element(file, start, end, self.source)
                read.append(read_geometry(content["geometry"], f"{self.path}: feature {at}"))
        return read


def read_file(path: Path, class_property: str | None) -> GeoJsonFile:
    """Read a file through, once a process while it does not change; its shapes are left there.

    Args:
        path: a FeatureCollection, or a list of features as QuPath writes it.
        class_property: the property that holds the class; None: one of `CLASS_PROPERTIES`, or the
            only one.

    Raises:
        DataError: it is missing or no GeoJSON, or which feature is damaged.
    """
    return _read(path, class_property, _state(path))


@dataclass
class _Features:
    """Collects the features of a file."""

    path: Path
    class_property: str | None
    places: list[tuple[int, int]] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    properties: Counter[str] = field(default_factory=Counter)
    values: dict[str, dict[int, Any]] = field(default_factory=dict)
    others: dict[str, Counter[str]] = field(default_factory=dict)
    num_nuclei: int = 0

    def add(self, element: Element) -> None:
        """Add a feature.

        Raises:
            DataError: it is none, or its shape is damaged.
        """
        content, where = element.value, f"{self.path}: feature {element.at}"
        is_feature = isinstance(content, dict) and content.get("type") == "Feature"
        properties = content.get("properties") if is_feature else None
        if not is_feature or "geometry" not in content or not isinstance(properties or {}, dict):
            raise DataError(
                f"{where}: no Feature with geometry and properties: {_NOT_GEOJSON}",
                fault="label_kind",
            )
        properties = properties or {}
        geometry = read_geometry(content["geometry"], where)
        kind = _qupath_kind(content, properties)
        self.places.append((element.start, element.end))
        self.boxes.append(geometry.box)
        self.kinds.append(kind)
        self.properties.update(properties.keys())
        self.num_nuclei += isinstance(content.get("nucleusGeometry"), dict)
        _check_plane(content["geometry"], where)
        if geometry.others:
            self.others.setdefault(kind, Counter()).update(geometry.others)
        for key in self._class_keys(properties):
            self.values.setdefault(key, {})[element.at] = _lookup(properties, key)

    def _class_keys(self, properties: Mapping[str, Any]) -> list[str]:
        if self.class_property is not None:
            return [self.class_property]
        known = [key for key in properties if key.lower() in CLASS_PROPERTIES]
        return known or (list(properties) if len(properties) == 1 else [])

    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Return the values of properties, one a feature; equal ones are one object."""
        shared: dict[str, Any] = {}
        columns = {}
        for key, values in self.values.items():
            one = {
                at: shared.setdefault(json.dumps(each), each)
                for at, each in values.items()
                if each is not None
            }
            columns[key] = tuple(one.get(at) for at in range(len(self.places)))
        return columns


@lru_cache(maxsize=1024)
def _read(path: Path, class_property: str | None, state: tuple[int, int]) -> GeoJsonFile:
    features = _Features(path, class_property)
    crs, has_features = None, False
    source = _source(path)
    for element in iter_elements(source, members=("crs",), takes_array=True):
        if element.at < 0:
            crs = _crs_name(element.value, path)
        elif element.array in ("features", ""):
            has_features = True
            features.add(element)
    if not has_features:
        _check_empty(path)
    return GeoJsonFile(
        path,
        state,
        crs,
        np.array(features.places, np.int64).reshape(-1, 2),
        np.array(features.boxes, np.float64).reshape(-1, 4),
        tuple(features.kinds),
        features.properties,
        features.columns(),
        features.others,
        features.num_nuclei,
    )


def _check_empty(path: Path) -> None:
    """Check that a file without features is one of GeoJSON: of an image without objects."""
    content = read_json(path, KIND)
    is_collection = isinstance(content, dict) and content.get("type") == "FeatureCollection"
    features = content.get("features") if is_collection else content
    if not isinstance(features, list):
        raise DataError(f"{path}: {_NOT_GEOJSON}", fault="label_kind")


def _source(path: Path) -> Source:
    return Source(path, KIND, max_bytes=MAX_JSON_BYTES)


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: {KIND} not found", fault="missing") from error
    return status.st_size, status.st_mtime_ns


def _lookup(properties: Mapping[str, Any], key: str) -> Any:
    """Return a property; `a.b` also means the member `b` of the property `a`."""
    if key in properties or "." not in key:
        return properties.get(key)
    first, _, rest = key.partition(".")
    inner = properties.get(first)
    return _lookup(inner, rest) if isinstance(inner, dict) else None


def _qupath_kind(content: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    kind = properties.get("objectType", properties.get("object_type"))
    if isinstance(kind, str) and (plain := kind.lower().replace("_", "")) in _PLAIN_KINDS:
        return _PLAIN_KINDS[plain]
    known = _QUPATH_IDS.get(str(content.get("id")), "")
    is_classified = isinstance(properties.get("classification"), dict)
    return known or ("annotation" if is_classified else "")


def _check_plane(geometry: Any, where: str) -> None:
    """Refuse shapes of another plane of a stack: an image file here is one plane."""
    plane = geometry.get("plane") if isinstance(geometry, dict) else None
    if isinstance(plane, dict) and any(plane.get(axis, 0) != 0 for axis in ("z", "t")):
        raise DataError(
            f"{where}: lies in the plane {brief(plane)} of a stack; export one plane alone, with"
            " its image",
            fault="annotation",
        )


def _crs_name(content: Any, path: Path) -> str:
    """Return `EPSG:<number>` of the member `crs` of GeoJSON 2008; empty: it is null.

    Raises:
        DataError: it is of another kind.
    """
    if content is None:
        return NO_CRS
    kind = content.get("type") if isinstance(content, dict) else None
    properties = content.get("properties") if isinstance(content, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    name = properties.get("name") if kind == "name" else None
    if kind == "EPSG":
        name = f"EPSG:{properties.get('code')}"
    if isinstance(name, str) and _CRS84.fullmatch(name):
        return WGS84
    match = _EPSG.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise DataError(
            f"{path}: crs is {brief(content)}; the name of a reference system is needed, as"
            " urn:ogc:def:crs:EPSG::25833\n"
            "  write it in WGS84: ogr2ogr -f GeoJSON -lco RFC7946=YES OUT.geojson IN.geojson",
            fault="annotation",
        )
    return f"EPSG:{int(match[1])}"
