"""Rasters of any size, read and written window by window (extra `rasters`: rasterio)."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from seg.data.label_values import LabelValues
from seg.data.readers.gdal import (
    BandReader,
    Masked,
    gdal_errors,
    has_place,
    open_dataset,
    open_file,
    without_place,
)
from seg.data.readers.image_pixels import check_colors
from seg.data.readers.readers import read_filled
from seg.data.readers.tiff_pages import TiffPage, is_tiff, read_pages
from seg.data.readers.value_range import PLAIN, ImageDecoding
from seg.data.readers.value_scaling import fill_no_data
from seg.errors import DataError, error_summary
from seg.inference.image_source import Raster
from seg.io.atomic import staged_path
from seg.prediction.writer import ItemRows, Staged, Writer

_BLOCK_PX = 256


class WindowedRaster:
    """A TIFF or JPEG 2000 file, of which bands are read as `decoding` declares them.

    Raises:
        DataError: it is missing, damaged, or its values are of another kind.
    """

    def __init__(self, path: str, decoding: ImageDecoding = PLAIN) -> None:
        self._path = path
        with gdal_errors(path):
            self._dataset: Any = open_file(Path(path))
            self.height: int = self._dataset.height
            self.width: int = self._dataset.width
            on_map = has_place(self._dataset)
        self._decoding = decoding
        page = _first_page(path)
        if page is not None:
            check_colors(page, path, decoding)
        self._reader = None
        if page is None or not page.is_converted:
            self._reader = BandReader(self._dataset, path, decoding, lambda: on_map)
            self._reader.check_range()

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Read a window, h x w x channels; pixels without data are filled.

        Raises:
            DataError: its part of the file is damaged, or holds values that are not declared.
        """
        if self._reader is None:
            return self._converted[0][rows, columns]
        image_HWC = self._reader.read(_window(rows, columns))
        if image_HWC.dtype != np.uint8:
            fill_no_data(image_HWC)
        return image_HWC

    @cached_property
    def _converted(self) -> Masked:
        """Read the whole image, if GDAL computes RGB in another way than training does."""
        size = self.height * self.width
        return read_filled(self._path, self._decoding, max_pixels=size)

    def without_data(self, rows: slice) -> NDArray[np.bool_] | None:
        """Return which pixels of some rows lack data, by the file or as declared; None: none."""
        if self._reader is None:
            lacks_data_HW = self._converted[1]
            return None if lacks_data_HW is None else lacks_data_HW[rows]
        window = _window(rows, slice(0, self.width))
        if self._decoding.nodata is None:
            return self._reader.lacking_data(window)
        return np.asarray(np.isnan(self._reader.read(window)[..., 0]))

    @property
    def place(self) -> dict[str, Any]:
        """Return the place on the map as `rasterio.open` takes it: a transform, points or RPCs."""
        dataset = self._dataset
        points, of_points = dataset.gcps
        if points and dataset.transform.is_identity:
            return {"crs": of_points, "gcps": points}
        rpcs = {"rpcs": dataset.rpcs} if dataset.rpcs else {}
        return {"crs": dataset.crs, "transform": dataset.transform, **rpcs}


class GeoTiff(Writer):
    """Writes what it takes of each piece into a tiled, compressed GeoTIFF in the raster's place.

    `take` returns h x w, or h x w x 3, of a piece; `values` are those of a label map.
    """

    def __init__(
        self,
        path: Path,
        raster: Raster,
        take: Callable[[ItemRows], NDArray[Any]],
        *,
        values: LabelValues | None = None,
        num_bands: int = 3,
    ) -> None:
        assert isinstance(raster, WindowedRaster)
        self._take = take
        self._staged = Staged(staged_path(path))
        dtype = np.dtype(values.dtype if values else np.uint8)
        options = {
            **{"dtype": dtype.name, "compress": "deflate", "BIGTIFF": "IF_SAFER"},
            **{"tiled": True, "blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX},
            **{"height": raster.height, "width": raster.width, "count": 1 if values else num_bands},
            **({"nodata": values.ignored} if values else {}),
            **({"photometric": "RGB"} if num_bands == 3 and not values else {}),
            **raster.place,
        }
        self._dataset: Any = open_dataset(self._staged.target, "w", **options)
        if values is not None and dtype == np.uint8:
            table = {value: tuple(map(int, rgb)) for value, rgb in enumerate(values.palette())}
            self._dataset.write_colormap(1, table)
        self._width = raster.width

    def write(self, piece: ItemRows) -> None:
        """Write the next rows."""
        taken = self._take(piece)
        values_CHW = taken[None] if taken.ndim == 2 else taken.transpose(2, 0, 1)
        self._dataset.write(values_CHW, window=_window(piece.rows, slice(0, self._width)))

    def close(self) -> None:
        """Put the file in place."""
        with without_place():
            self._dataset.close()
        self._staged.place()

    def discard(self) -> None:
        """Remove the file."""
        with without_place():
            self._dataset.close()
        self._staged.discard()


def _window(rows: slice, columns: slice) -> Window:
    """Return a window as rasterio takes it."""
    return Window.from_slices((rows.start, rows.stop), (columns.start, columns.stop))


def _first_page(path: str) -> TiffPage | None:
    """Return the directory that GDAL opens; None if the file is no TIFF."""
    with Path(path).open("rb") as file:
        start = file.read(4)
        file.seek(0)
        try:
            return read_pages(file)[0] if is_tiff(start) else None
        except Exception as error:  # whatever a damaged directory provokes
            raise DataError(
                f"{path}: raster is damaged ({error_summary(error)})\n  copy it again",
                fault="damaged",
            ) from error
