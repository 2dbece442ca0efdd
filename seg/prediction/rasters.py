"""Rasters of any size, read and written window by window (extra `rasters`: rasterio)."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from seg.data.label_values import LabelValues
from seg.errors import DataError
from seg.inference.raster import Raster
from seg.outputs.files import staged_path
from seg.prediction.format import Piece, Staged, Writer

_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_BLOCK_PX = 256


class WindowedRaster:
    """A raster file, as RGB: its red, green and blue bands, its palette's colours, or grey.

    Of 16-bit bands the high byte is kept.

    Args:
        path: anything that GDAL reads.

    Raises:
        DataError: it is missing, damaged, or its values are of another kind.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        with _explained(path), _without_place():
            self._dataset: Any = _open(path)
            self.height: int = self._dataset.height
            self.width: int = self._dataset.width
            self._bands = self._rgb_bands()
            self._palette = self._read_palette()
            flags = self._dataset.mask_flag_enums
            self._complete = all(flag == [MaskFlags.all_valid] for flag in flags)
        kinds = {self._dataset.dtypes[band - 1] for band in self._bands}
        if not kinds <= {"uint8", "uint16"}:
            raise DataError(
                f"{path}: the raster holds {', '.join(sorted(kinds))}; allowed: uint8, uint16",
                fault="image_kind",
            )

    def read(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """A window, h x w x 3, uint8 RGB.

        Raises:
            DataError: its part of the file is damaged.
        """
        with _explained(self._path):
            values_CHW = self._dataset.read(self._bands, window=_window(rows, columns))
        if self._palette is not None:
            return np.asarray(self._palette[values_CHW[0]])
        if values_CHW.dtype != np.uint8:
            values_CHW = values_CHW >> 8
        if len(values_CHW) == 1:
            values_CHW = np.repeat(values_CHW, 3, 0)
        return np.ascontiguousarray(values_CHW.transpose(1, 2, 0), np.uint8)

    def without_data(self, rows: slice) -> NDArray[np.bool_] | None:
        """Which pixels of some rows have no data; None: the file has no such pixels."""
        if self._complete:
            return None
        with _explained(self._path):
            mask = self._dataset.dataset_mask(window=_window(rows, slice(0, self.width)))
        return np.asarray(mask == 0)

    @property
    def place(self) -> dict[str, Any]:
        """Where it lies on the map, as `rasterio.open` takes it."""
        return {"crs": self._dataset.crs, "transform": self._dataset.transform}

    def _rgb_bands(self) -> list[int]:
        meanings = list(self._dataset.colorinterp)
        if all(colour in meanings for colour in _COLOURS):
            return [meanings.index(colour) + 1 for colour in _COLOURS]
        return [1, 2, 3] if self._dataset.count >= 3 else [1]

    def _read_palette(self) -> NDArray[np.uint8] | None:
        if self._dataset.colorinterp[self._bands[0] - 1] != ColorInterp.palette:
            return None
        colours = self._dataset.colormap(self._bands[0])
        table = np.zeros((2**16, 3), np.uint8)
        for value, colour in colours.items():
            table[value] = colour[:3]
        return table


class GeoTiff(Writer):
    """Writes what it takes of each piece into a tiled, compressed GeoTIFF in the raster's place.

    Args:
        path: the file.
        raster: the source.
        take: h x w, or h x w x 3, of a piece.
        values: of a label map: its type, its colors and the value without data.
    """

    def __init__(
        self,
        path: Path,
        raster: Raster,
        take: Callable[[Piece], NDArray[Any]],
        *,
        values: LabelValues | None = None,
    ) -> None:
        assert isinstance(raster, WindowedRaster)
        self._take = take
        self._staged = Staged(staged_path(path))
        dtype = np.dtype(values.dtype if values else np.uint8)
        options = {
            **{"driver": "GTiff", "dtype": dtype.name, "compress": "deflate"},
            "BIGTIFF": "IF_SAFER",
            **{"tiled": True, "blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX},
            **{"height": raster.height, "width": raster.width, "count": 1 if values else 3},
            **({"nodata": values.ignored} if values else {"photometric": "RGB"}),
            **raster.place,
        }
        with _without_place():
            self._dataset: Any = _open(self._staged.target, "w", **options)
        if values is not None and dtype == np.uint8:
            table = {value: tuple(map(int, rgb)) for value, rgb in enumerate(values.palette())}
            self._dataset.write_colormap(1, table)
        self._width = raster.width

    def add(self, piece: Piece) -> None:
        taken = self._take(piece)
        values_CHW = taken[None] if taken.ndim == 2 else taken.transpose(2, 0, 1)
        self._dataset.write(values_CHW, window=_window(piece.rows, slice(0, self._width)))

    def finish(self) -> None:
        with _without_place():
            self._dataset.close()
        self._staged.place()

    def discard(self) -> None:
        with _without_place():
            self._dataset.close()
        self._staged.discard()


def _window(rows: slice, columns: slice) -> Window:
    return Window.from_slices((rows.start, rows.stop), (columns.start, columns.stop))


@contextmanager
def _without_place() -> Iterator[None]:
    """A raster need not lie on a map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except RasterioError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise DataError(
            f"{path}: raster is damaged or truncated ({reason})\n  copy or download it again",
            fault="damaged",
        ) from error


def _open(path: str | Path, mode: str = "r", **options: Any) -> Any:
    """A dataset; GDAL would hold decoded blocks in a twentieth of the machine's memory."""
    os.environ.setdefault("GDAL_CACHEMAX", "64MB")  # read by GDAL when it opens the first one
    return rasterio.open(path, mode, **options)
