"""How polygons of GeoJSON files become label maps: the choices, and which features are drawn."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.geojson_file import GeoJsonFile
from seg.data.readers.geojson_place import (
    Coordinates,
    Place,
    check_degrees,
    crs_of,
    is_on_map,
    place_in_pixels,
    place_on_map,
)
from seg.errors import DataError

OverlapOrder = Literal["file", "area"]
Unclassified = Literal["error", "exclude"]
Undrawn = Literal["error", "exclude"]


@dataclass(frozen=True)
class GeoJsonDrawing:
    """How polygons become a label map.

    Attributes:
        rest: file id of the pixels of no polygon.
        coordinates: what they mean.
        crs: of map coordinates in files that name none; None: WGS84.
        object_types: what is drawn of QuPath's objects; empty: all.
        unclassified: whether polygons without a class are an `error` or left out (`exclude`).
        undrawn: whether points and lines are.
        overlap_order: the later in the file lies on top (`file`), or the smaller one (`area`).
        is_shared: whether one file holds the polygons of all images.
        is_empty_allowed: whether a shared file may have no polygon on an image.
    """

    rest: int
    coordinates: Coordinates = "auto"
    crs: str | None = None
    object_types: tuple[str, ...] = ()
    unclassified: Unclassified = "error"
    undrawn: Undrawn = "error"
    overlap_order: OverlapOrder = "file"
    is_shared: bool = False
    is_empty_allowed: bool = False

    def place(self, file: GeoJsonFile, image: Path) -> tuple[Place, Any]:
        """Return where an image lies, and the reference system of a file's coordinates."""
        if not is_on_map(file, image, self.coordinates):
            if self.is_shared:
                raise DataError(
                    f"{file.path}: its coordinates are pixels, and it is the only file of several"
                    " images\n  give each image a file of its name; a.geojson belongs to a.tif",
                    fault="annotation",
                )
            return place_in_pixels(image), None
        crs = crs_of(file, self.crs)
        check_degrees(file, crs)
        return place_on_map(image, crs is not None), crs

    def chosen(self, file: GeoJsonFile) -> NDArray[np.bool_]:
        """Return which features are of a type that is drawn."""
        if not self.object_types:
            return np.ones(len(file.kinds), np.bool_)
        return np.isin(np.array(file.kinds, str), self.object_types)

    def touching(self, file: GeoJsonFile, image: Path, *, slack: float) -> NDArray[np.bool_]:
        """Return which features of a shared file have polygons whose extent meets an image's.

        Args:
            file: the features.
            image: the raster.
            slack: share of each extent that it is enlarged by, since edges that are straight on
                one map are bent on another.
        """
        place, crs = self.place(file, image)
        chosen = self.chosen(file) & ~np.isnan(file.boxes).any(axis=1)
        bounds = place.bounds(crs)
        if bounds is None:
            return chosen
        left, low, right, high = np.array(bounds)
        wide_N, tall_N = slack * (file.boxes[:, 2:] - file.boxes[:, :2]).T
        wide_N, tall_N = wide_N + slack * (right - left), tall_N + slack * (high - low)
        apart = (file.boxes[:, 0] - wide_N > right) | (file.boxes[:, 2] + wide_N < left)
        apart |= (file.boxes[:, 1] - tall_N > high) | (file.boxes[:, 3] + tall_N < low)
        touches: NDArray[np.bool_] = chosen & ~apart
        return touches


def check_drawn(file: GeoJsonFile, drawing: GeoJsonDrawing) -> None:
    """Check that all parts of a file have an area.

    Raises:
        DataError: there are points, lines, or features without geometry.
    """
    others: Counter[str] = Counter()
    for kind, counts in file.others.items():
        if not drawing.object_types or kind in drawing.object_types:
            others.update(counts)
    if others:
        listed = ", ".join(f"{count} {kind}" for kind, count in others.items())
        raise DataError(
            f"{file.path}: holds what has no area: {listed}\n"
            "  give them an area, or leave them out: dataset.undrawn=exclude",
            fault="annotation",
        )
