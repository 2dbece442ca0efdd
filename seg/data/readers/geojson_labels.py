"""Label maps of the polygons of GeoJSON files, burnt by rasterio (extra `rasters`)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.drawn_pairs import NotedLabels
from seg.data.readers.geojson_drawing import GeoJsonDrawing, check_drawn
from seg.data.readers.geojson_file import GeoJsonFile
from seg.data.readers.geojson_place import Place
from seg.data.readers.geojson_polygons import Geometry, Polygon, area
from seg.data.readers.image_decoding import opened
from seg.data.readers.image_pixels import orientation_of
from seg.data.readers.polygons import no_class_error
from seg.data.readers.readers import read_size
from seg.data.readers.urls import Location
from seg.errors import DataError, first_of

_MAX_COST = 2_000_000_000  # corners times the rows that they span; some seconds
_SHAPE_COST = 10_000
_MAX_LAYERS = 8  # of features that cover each other wholly
# rasterio 1.4 draws nothing of a polygon with a coordinate of 2**31 px, and says nothing.
_REACH_PX = 1e8


class GeoJsonLabels(NotedLabels):
    """A `ReadLabel` that burns the polygons of an image; the image stands for its label.

    A pixel belongs to a polygon that contains its centre, as `rasterio.features.rasterize` has it
    in the coordinates of pixels.

    Args:
        files: of each image file its GeoJSON file, or what is wrong with it.
        ids: file id of each class.
        class_names: gives the classes of the features of a file; None: unclassified.
        drawing: how polygons become a label map.
    """

    def __init__(
        self,
        files: Mapping[str, GeoJsonFile | DataError],
        ids: Mapping[str, int],
        class_names: Callable[[GeoJsonFile], Sequence[str | None]],
        drawing: GeoJsonDrawing,
    ) -> None:
        self._files = dict(files)
        self._ids = dict(ids)
        self._class_names = class_names
        self._drawing = drawing
        super().__init__()

    @property
    def settings(self) -> str:
        """Return what beside the classes and the images decides what is read."""
        read = [file for file in self._files.values() if isinstance(file, GeoJsonFile)]
        files = sorted({(str(file.path), file.state) for file in read})
        return f"({files}, {self._class_names}, {self._ids}, {self._drawing})"

    @property
    def source(self) -> str:
        """Return the GeoJSON files, for messages."""
        read = [file for file in self._files.values() if isinstance(file, GeoJsonFile)]
        return first_of(sorted({str(file.path) for file in read}))

    def __call__(self, path: Location) -> NDArray[Any]:
        """Burn the polygons of an image as file ids, int32, H x W.

        Raises:
            DataError: what is wrong with which feature.
        """
        file, image = self._files.get(str(path)), Path(path)
        if isinstance(file, DataError):
            raise file
        if file is None or not file.kinds:  # an image without annotation, or without shapes
            return np.full(read_size(path), self._drawing.rest, np.int32)
        _check_upright(image)
        place, crs = self._drawing.place(file, image)
        features, names = self._features(file, image)
        geometries = file.geometries(features)
        polygons = _in_pixels(geometries, place, crs, [_where(file, at) for at in features])
        if not self._drawing.is_shared:
            _check_extent(polygons, place, file, features)
        order = [at for at, each in enumerate(polygons) if each]
        if self._drawing.overlap_order == "area":
            order.sort(key=lambda at: -area(polygons[at]))  # stable: of equal ones the later
        burnt_HW = _burn([polygons[at] for at in order], place.size, f"{file.path} on {image}")
        unknown = sorted(set(names) - set(self._ids))
        ids = self._ids | {name: -number for number, name in enumerate(unknown, start=1)}
        values = [self._drawing.rest, *(ids[names[at]] for at in order)]
        label_HW = np.array(values, np.int32)[burnt_HW]
        counts = np.bincount(burnt_HW.ravel(), minlength=len(values))[1:]
        beside = [at for at, each in enumerate(polygons) if not each]
        hidden = [order[at] for at in np.flatnonzero(counts == 0)]
        empty = _without_pixels(hidden, polygons, place.size)
        if not self._drawing.is_shared:  # else they are on another image
            empty = sorted(empty + beside)
        self._note(path, [f"feature {features[at]}" for at in empty])
        if self._drawing.is_shared and not self._drawing.is_empty_allowed and not counts.any():
            raise _no_polygon(file, image)
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise no_class_error(f"{file.path} on {image.name}", pixels, list(self._ids))
        return label_HW

    def _features(self, file: GeoJsonFile, image: Path) -> tuple[NDArray[np.intp], list[str]]:
        """Return the features that are drawn on an image, in the order of the file, with classes.

        Raises:
            DataError: some have no class, or no area.
        """
        drawing = self._drawing
        if drawing.undrawn == "error":
            check_drawn(file, drawing)
        if drawing.is_shared:
            chosen = drawing.touching(file, image, slack=1.0)
        else:
            chosen = drawing.chosen(file) & ~np.isnan(file.boxes).any(axis=1)
        features = np.flatnonzero(chosen)
        names = self._class_names(file)
        bare = [at for at in features.tolist() if names[at] is None]
        if bare and drawing.unclassified == "error":
            raise DataError(
                f"{file.path}: {len(bare)} of {len(features)} polygons have no class: feature"
                f" {first_of(bare)}\n"
                "  give them one, or leave them out: dataset.unclassified=exclude",
                fault="annotation",
            )
        features = np.array([at for at in features.tolist() if names[at] is not None], np.intp)
        return features, [str(names[at]) for at in features.tolist()]


def _check_upright(image: Path) -> None:
    with opened(image, "image") as file:
        orientation = orientation_of(file)
    if orientation != 1:
        raise DataError(
            f"{image}: carries EXIF orientation {orientation}, and nothing says whether its"
            " polygons are of the image as stored or as turned\n"
            "  save it upright, without the tag",
            fault="orientation",
        )


def _in_pixels(
    geometries: Sequence[Geometry], place: Place, crs: Any, where: Sequence[str]
) -> list[tuple[Polygon, ...]]:
    """Return the polygons of features in pixels; none of those that lie beside the image.

    Raises:
        DataError: a feature has no place on the image's map, or is too large to be drawn.
    """
    rings = [ring for each in geometries for polygon in each.polygons for ring in polygon]
    if not rings:
        return [() for _ in geometries]
    pixels_N2 = place.pixels(np.concatenate(rings), crs)
    parts = iter(np.split(pixels_N2, np.cumsum([len(ring) for ring in rings])[:-1]))
    drawn = []
    for geometry, name in zip(geometries, where, strict=True):
        polygons = tuple(
            tuple(next(parts) for _ in polygon) for polygon in geometry.polygons
        )  # fmt: skip
        corners_N2 = np.concatenate([polygon[0] for polygon in polygons])
        if not np.isfinite(corners_N2).all():
            raise DataError(
                f"{name}: has no place in the reference system of the raster\n"
                "  cut or remove it; is it of another part of the world?",
                fault="annotation",
            )
        is_beside = (corners_N2.max(axis=0) <= 0) | (corners_N2.min(axis=0) >= place.size)
        if not is_beside.any() and np.abs(corners_N2).max() > _REACH_PX:
            raise DataError(
                f"{name}: reaches {np.abs(corners_N2).max():.3g} px far, more than can be drawn\n"
                "  cut it to the extent of the images",
                fault="too_large",
            )
        drawn.append(() if is_beside.any() else polygons)
    return drawn


def _check_extent(
    polygons: Sequence[tuple[Polygon, ...]],
    place: Place,
    file: GeoJsonFile,
    features: NDArray[np.intp],
) -> None:
    """Check that an image's own polygons lie on it.

    Raises:
        DataError: all lie beside it; where coordinates are pixels, one does.
    """
    beside = [int(features[at]) for at, each in enumerate(polygons) if not each]
    if beside and (place.transform is None or len(beside) == len(polygons)):
        width, height = place.size
        raise DataError(
            f"{file.path}: {len(beside)} of {len(polygons)} polygons lie beside the image of"
            f" {width} x {height} px: feature {first_of(beside)}\n"
            "  correct or remove them; is the file of another image, or of another size of it?",
            fault="size_mismatch",
        )


def _burn(
    polygons: Sequence[tuple[Polygon, ...]], size: tuple[int, int], where: str
) -> NDArray[np.int32]:
    """Return the number of the last polygons that contain the centre of a pixel, from 1; 0: none.

    Raises:
        DataError: they have too many corners.
    """
    from rasterio.features import rasterize

    width, height = size
    if not polygons:
        return np.zeros((height, width), np.int32)
    cost = 0
    for each in polygons:
        rows_N = np.clip(np.concatenate([polygon[0][:, 1] for polygon in each]), 0, height)
        corners = sum(len(ring) for polygon in each for ring in polygon)
        cost += corners * (1 + round(float(np.ptp(rows_N)))) + _SHAPE_COST
    if cost > _MAX_COST:
        raise DataError(
            f"{where}: the polygons have too many corners to be drawn; simplify them, or cut the"
            " image into tiles",
            fault="too_large",
        )
    shapes = [
        ({"type": "MultiPolygon", "coordinates": [[ring.tolist() for ring in polygon]
                                                  for polygon in each]}, number)
        for number, each in enumerate(polygons, start=1)
    ]  # fmt: skip
    burnt_HW: NDArray[np.int32] = rasterize(shapes, out_shape=(height, width), dtype="int32")
    return burnt_HW


def _without_pixels(
    hidden: list[int], polygons: Sequence[tuple[Polygon, ...]], size: tuple[int, int]
) -> list[int]:
    """Return which of the features that no pixel shows would cover none alone."""
    for _ in range(_MAX_LAYERS):
        burnt_HW = _burn([polygons[at] for at in hidden], size, "")
        counts = np.bincount(burnt_HW.ravel(), minlength=len(hidden) + 1)[1:]
        rest = [at for at, count in zip(hidden, counts, strict=True) if count == 0]
        if len(rest) == len(hidden):
            break
        hidden = rest
    return hidden


def _no_polygon(file: GeoJsonFile, image: Path) -> DataError:
    return DataError(
        f"{image}: no polygon of {file.path} covers a pixel of it\n"
        "  such images are background: dataset.unannotated=background",
        fault="no_annotation",
    )


def _where(file: GeoJsonFile, feature: int) -> str:
    return f"{file.path}: feature {feature}"
