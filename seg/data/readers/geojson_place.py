"""From the coordinates of GeoJSON files to the pixels of an image (extra `rasters`: rasterio)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.gdal import gdal_errors, lies_on_a_map, open_file
from seg.data.readers.geojson_file import NO_CRS, WGS84, GeoJsonFile
from seg.data.readers.map_place import placed_beside
from seg.data.readers.readers import read_size
from seg.errors import ConfigError, DataError, brief

Coordinates = Literal["auto", "map", "pixels"]
"""The meaning of coordinates."""

RASTER = "raster"
"""The value of `crs` of coordinates in the reference system of each raster."""

_RASTERS = (".tif", ".tiff", ".jp2", ".j2k")
_LARGEST_LATITUDE, _LARGEST_LONGITUDE = 90, 180
_ROUNDING = 1e-6  # degrees


@dataclass(frozen=True)
class Place:
    """Where the pixels of an image lie.

    Attributes:
        size: width and height in px.
        crs: of the map; None: coordinates are those of the transform.
        transform: from pixels to coordinates, as rasterio has it; None: coordinates are pixels.
    """

    size: tuple[int, int]
    crs: Any = None
    transform: Any = None

    def pixels(self, corners_N2: NDArray[np.float64], crs: Any) -> NDArray[np.float64]:
        """Return columns and rows of coordinates; the first pixel's centre is (0.5, 0.5).

        Args:
            corners_N2: x and y, or longitude and latitude.
            crs: of the coordinates; None: as the image.

        Returns:
            N x 2; not finite where the map has no such place.
        """
        if self.transform is None:
            return corners_N2
        x_N, y_N = corners_N2.T
        if crs is not None and crs != self.crs:
            from rasterio.warp import transform

            x_N, y_N = map(np.asarray, transform(crs, self.crs, x_N.tolist(), y_N.tolist()))
        return _moved(np.stack([x_N, y_N], axis=1), ~self.transform)

    def bounds(self, crs: Any) -> tuple[float, float, float, float] | None:
        """Return least x and y, largest x and y of the image; None: they are not known."""
        width, height = self.size
        if self.transform is None:
            return 0, 0, width, height
        corners_42 = np.array([(0, 0), (width, 0), (0, height), (width, height)])
        x_4, y_4 = _moved(corners_42, self.transform).T
        bounds = float(x_4.min()), float(y_4.min()), float(x_4.max()), float(y_4.max())
        if crs is None or crs == self.crs:
            return bounds
        from rasterio.warp import transform_bounds

        with gdal_errors("bounds"):
            left, low, right, high = transform_bounds(self.crs, crs, *bounds)
        if not np.isfinite((left, low, right, high)).all() or left > right:
            return None  # it lies on the 180th meridian
        return left, low, right, high


def _moved(points_N2: NDArray[Any], transform: Any) -> NDArray[np.float64]:
    """Apply a transform of rasterio's to points."""
    matrix_23 = np.array(transform[:6], np.float64).reshape(2, 3)
    return np.asarray(points_N2 @ matrix_23[:, :2].T + matrix_23[:, 2])


def place_in_pixels(path: Path) -> Place:
    """Return the place of an image on which coordinates are pixels."""
    height, width = read_size(path)
    return Place((width, height))


def place_on_map(path: Path, is_crs_needed: bool) -> Place:
    """Return the place of a raster on the map.

    Raises:
        DataError: it has none, or one that is no transform.
    """
    if path.suffix.lower() not in _RASTERS:
        beside = " (its world file is not used)" if placed_beside(path) else ""
        raise DataError(
            f"{path}: has no place on the map{beside}, and the coordinates of its polygons are of a"
            " map\n  convert it to GeoTIFF (gdal_translate); if they are pixels:"
            " dataset.coordinates=pixels",
            fault="image_kind",
        )
    with gdal_errors(path), open_file(path) as raster:
        size, crs, transform = (raster.width, raster.height), raster.crs, raster.transform
        points = bool(raster.gcps[0] or raster.rpcs)
    if transform.is_identity:
        lacks = "control points and no transform" if points else "no place on the map"
        remedy = "gdalwarp IN.tif OUT.tif" if points else "gdal_edit.py -a_ullr ... -a_srs ..."
        raise DataError(
            f"{path}: has {lacks}, which the coordinates of its polygons need: {remedy}\n"
            "  if they are pixels: dataset.coordinates=pixels",
            fault="image_kind",
        )
    if is_crs_needed and not crs:
        raise DataError(
            f"{path}: names no reference system: gdal_edit.py -a_srs EPSG:<number> FILE\n"
            "  if its polygons are in the same one: dataset.crs=raster",
            fault="image_kind",
        )
    return Place(size, crs, transform)


def is_on_map(file: GeoJsonFile, image: Path, coordinates: Coordinates) -> bool:
    """Return whether the coordinates of a file are of the map; else they are pixels of an image.

    Raises:
        DataError: nothing says which.
    """
    if coordinates != "auto":
        return coordinates == "map"
    if file.crs:
        return True
    if file.is_of_qupath:
        return False
    is_raster = image.suffix.lower() in _RASTERS
    if (is_raster and lies_on_a_map(image)) or (not is_raster and placed_beside(image)):
        return True
    raise DataError(
        f"{file.path}: nothing says whether its coordinates are pixels: QuPath did not write it, it"
        f" names no reference system, and {image} does not lie on a map\n"
        "  if they are pixels: dataset.coordinates=pixels",
        fault="annotation",
    )


def crs_of(file: GeoJsonFile, declared: str | None) -> Any:
    """Return the reference system of the map coordinates of a file; None: that of each raster.

    Raises:
        ConfigError: the declared one is none.
        DataError: the file's own is none.
    """
    from rasterio.errors import CRSError

    name = file.crs or declared or (WGS84 if file.crs is None else NO_CRS)
    if name == RASTER:
        return None
    if name == NO_CRS:
        raise DataError(
            f"{file.path}: says that it has no reference system (crs is null)\n"
            "  give dataset.crs=raster, dataset.crs=EPSG:<number> or dataset.coordinates=pixels",
            fault="annotation",
        )
    number = name.upper().removeprefix("EPSG:")
    try:
        if not number.isdecimal():
            raise ConfigError(
                f"dataset.crs={name}: allowed: EPSG:<number>, raster; without it files are in"
                " WGS84, as GeoJSON has it, unless they name another"
            )
        return _system(int(number))
    except CRSError as error:
        kind = DataError if file.crs else ConfigError
        raise kind(f"{file.path if file.crs else 'dataset.crs'}: no such system: {name}") from error


@cache
def _system(number: int) -> Any:
    from rasterio.crs import CRS

    return CRS.from_epsg(number)


def check_degrees(file: GeoJsonFile, crs: Any) -> None:
    """Check that coordinates in degrees are some.

    Raises:
        DataError: a feature lies outside of the world.
    """
    if crs is None or not crs.is_geographic:
        return
    most = np.array([_LARGEST_LONGITUDE, _LARGEST_LATITUDE] * 2) + _ROUNDING
    outside = np.flatnonzero((np.abs(file.boxes) > most).any(axis=1))
    if len(outside):
        box = [float(f"{value:.9g}") for value in file.boxes[outside[0]]]
        raise DataError(
            f"{file.path}: feature {outside[0]} reaches from {brief(box[:2])} to {brief(box[2:])},"
            " which are no degrees of longitude and latitude\n"
            "  name their reference system: dataset.crs=EPSG:<number>, or dataset.crs=raster",
            fault="annotation",
        )
