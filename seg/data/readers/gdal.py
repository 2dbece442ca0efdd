"""TIFF and JPEG 2000 files as GDAL reads them (extra `rasters`: rasterio)."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.alpha import check_alpha
from seg.data.readers.bands import chosen_bands, further_bands_error, repeated_grey
from seg.data.readers.jpeg2000 import is_jpeg2000
from seg.data.readers.urls import Location
from seg.data.readers.value_range import ImageDecoding
from seg.data.readers.value_scaling import inverted, is_plain, mark_no_data
from seg.errors import DataError, error_summary

INSTALL = "pip install 'seg-xception[rasters]'"

Masked = tuple[NDArray[Any], NDArray[np.bool_] | None]
"""An image, H x W x channels, and which of its pixels lack data by the file itself."""

_COLORS = ("red", "green", "blue")
_MIDDLE_PX = 512  # side of the part that is looked at before any pixel is used


def has_gdal() -> bool:
    """Return whether the extra `rasters` is installed."""
    return find_spec("rasterio") is not None


def lies_on_a_map(path: Path) -> bool:
    """Return whether GDAL finds a place on the map: a transform, control points or RPCs."""
    try:
        with gdal_errors(path), open_file(path) as dataset:
            return has_place(dataset)
    except DataError:  # reading it reports the fault
        return False


def has_place(dataset: Any) -> bool:
    """Return whether an open dataset has a transform, control points or RPCs."""
    return bool(not dataset.transform.is_identity or dataset.gcps[0] or dataset.rpcs)


def open_dataset(place: Any, mode: str = "r", *, jpeg2000: bool = False, **options: Any) -> Any:
    """Open a dataset by the one driver that its format needs; no other is tried."""
    import rasterio

    # GDAL's default cache is a twentieth of the memory; it reads this at the first dataset.
    os.environ.setdefault("GDAL_CACHEMAX", "64MB")
    _silence_undecodable_messages()
    driver = "JP2OpenJPEG" if jpeg2000 else "GTiff"
    with without_place():
        return rasterio.open(place, mode, driver=driver, **options)


def open_file(path: Path) -> Any:
    """Open the dataset of a TIFF or JPEG 2000 file for reading."""
    with path.open("rb") as file:
        start = file.read(12)
    return open_dataset(path, jpeg2000=is_jpeg2000(start))


@cache
def _silence_undecodable_messages() -> None:
    """Silence tracebacks of rasterio for messages of GDAL that are no UTF-8."""
    usual = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        """Pass on all errors but undecodable messages of rasterio."""
        of_rasterio = "rasterio" in str(unraisable.object)
        if not (of_rasterio and isinstance(unraisable.exc_value, UnicodeDecodeError)):
            usual(unraisable)

    sys.unraisablehook = hook


@contextmanager
def without_place() -> Iterator[None]:
    """Silence the warning for rasters that do not lie on a map."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def gdal_errors(path: Location) -> Iterator[None]:
    """Turn errors of GDAL into a `DataError` that names the file."""
    from rasterio._err import CPLE_BaseError  # some of GDAL's errors come out as they are
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, CPLE_BaseError) as error:
        reason = error_summary(error.__cause__ or error)
        raise DataError(
            f"{path}: raster is damaged or truncated ({reason})\n  copy or download it again",
            fault="damaged",
        ) from error


@contextmanager
def opened_content(content: bytes, path: Location, position: int = 0) -> Iterator[Any]:
    """Open a dataset over a whole file in memory.

    Args:
        content: of the file.
        path: of the file, for messages.
        position: of the directory of a TIFF that is read, from 0.
    """
    from rasterio.io import MemoryFile

    jpeg2000 = is_jpeg2000(content)
    with gdal_errors(path), MemoryFile(content, ext=".jp2" if jpeg2000 else ".tif") as file:
        name = file.name if position == 0 else f"GTIFF_DIR:{position + 1}:{file.name}"
        with open_dataset(name, jpeg2000=jpeg2000) as dataset:
            yield dataset


class BandReader:
    """The bands of a dataset that are its image, as RGB: colors, a palette's colors, or grey.

    Args:
        dataset: open.
        path: the file, for messages.
        decoding: the declared range and bands of its values.
        is_placed: whether the file lies on the map, where alpha may be a mask.

    Raises:
        DataError: its values are of another kind, their range is not declared, or further bands
            would be lost.
    """

    def __init__(
        self,
        dataset: Any,
        path: Location,
        decoding: ImageDecoding,
        is_placed: Callable[[], bool],
    ) -> None:
        self._dataset, self._path, self._decoding = dataset, path, decoding
        self._is_placed = is_placed
        meanings = [meaning.name for meaning in dataset.colorinterp]
        self._alpha = meanings.index("alpha") + 1 if meanings.count("alpha") == 1 else None
        if decoding.bands is not None:
            self._alpha = None
        self._bands = self._choose_bands(meanings)
        self._dtype = self._kind_of_values()
        structure = dataset.tags(self._bands[0], ns="IMAGE_STRUCTURE")
        whole = dataset.tags(ns="IMAGE_STRUCTURE")
        self._white_is_zero = whole.get("MINISWHITE") == "YES"
        self.bits = int(structure.get("NBITS", 8 * self._dtype.itemsize))
        self._palette = self._read_palette(meanings)
        flags = dataset.mask_flag_enums
        self._masked = [band for band in self._bands if _says_data(flags[band - 1])]

    def check_range(self) -> None:
        """Check that the range of values is declared, by the middle of a raster read by windows.

        Raises:
            DataError: the range of its values is not declared.
        """
        plain = is_plain(np.empty(0, self._dtype), self.bits)
        if self._palette is not None or plain or self._decoding.value_range is not None:
            return
        from rasterio.windows import Window

        height, width = self._dataset.height, self._dataset.width
        rows, columns = min(height, _MIDDLE_PX), min(width, _MIDDLE_PX)
        window = Window((width - columns) // 2, (height - rows) // 2, columns, rows)
        with gdal_errors(self._path):
            values = np.asarray(self._dataset.read(self._bands, window=window))
        raise self._decoding.undeclared(self._path, values, self.bits)

    def read(self, window: Any = None) -> NDArray[Any]:
        """Read a window as `ImageDecoding.scale` returns it, h x w x channels; None: the whole.

        Raises:
            DataError: its part of the file is damaged, or a band that is marked as alpha is none.
        """
        return self.read_masked(window)[0]

    def read_masked(self, window: Any = None) -> Masked:
        """Return what `read` and `lacking_data` return.

        Raises:
            DataError: its part of the file is damaged, or a band that is marked as alpha is none.
        """
        with gdal_errors(self._path):
            values_CHW = self._dataset.read(self._bands, window=window)
        lacks_data_HW = self.lacking_data(window)
        if self._palette is not None:
            image_HW3 = np.asarray(self._palette[values_CHW[0]], self._decoding.dtype)
            mark_no_data(image_HW3, lacks_data_HW)
            return image_HW3, lacks_data_HW
        if self._white_is_zero:
            values_CHW = inverted(values_CHW, self.bits, self._path)
        values_HWC = values_CHW.transpose(1, 2, 0)
        scaled_HWC = self._decoding.scale(values_HWC, self.bits, self._path, lacks_data_HW)
        return repeated_grey(scaled_HWC), lacks_data_HW

    def lacking_data(self, window: Any = None) -> NDArray[np.bool_] | None:
        """Return where the file itself says that there is no data, h x w; None: nowhere.

        By a mask, by alpha, or by a value that stands for it. Of 8 bits, where dark colors hold
        zeros, all bands must have this value, of others one of them.

        Raises:
            DataError: its part of the file is damaged, or a band that is marked as alpha is none.
        """
        lacks_data_HW = None
        with gdal_errors(self._path):
            if self._alpha is not None:
                lacks_data_HW = check_alpha(
                    self._dataset.read(self._alpha, window=window),
                    self._path,
                    is_mask=self._is_placed,
                    others=self._bands,
                    section=self._decoding.section,
                    whole=window is None,
                )
            if self._masked:
                masked_BHW = self._dataset.read_masks(self._masked, window=window) == 0
                is_byte = self._dtype == np.uint8
                masked_HW = masked_BHW.all(0) if is_byte else masked_BHW.any(0)
                if lacks_data_HW is not None:
                    masked_HW |= lacks_data_HW
                lacks_data_HW = masked_HW
        return lacks_data_HW if lacks_data_HW is not None and lacks_data_HW.any() else None

    def _choose_bands(self, meanings: list[str]) -> list[int]:
        count = len(meanings)
        if self._decoding.bands is not None:
            names = [name or "" for name in self._dataset.descriptions]
            return chosen_bands(self._decoding, self._path, count, (names, meanings))
        bands = [band for band in range(1, count + 1) if band != self._alpha]
        if len(bands) not in (1, 3):
            raise further_bands_error(self._decoding, self._path, count)
        if sorted(meanings[band - 1] for band in bands) == sorted(_COLORS):
            return [meanings.index(color) + 1 for color in _COLORS]
        return bands

    def _kind_of_values(self) -> np.dtype[Any]:
        kinds = {self._dataset.dtypes[band - 1] for band in self._bands}
        if len(kinds) > 1 or not all(kind.startswith(("int", "uint", "float")) for kind in kinds):
            raise DataError(
                f"{self._path}: the raster holds {', '.join(sorted(kinds))}\n"
                "  allowed: whole and floating-point numbers of one kind",
                fault="image_kind",
            )
        dtype: np.dtype[Any] = np.dtype(kinds.pop())
        return dtype

    def _read_palette(self, meanings: list[str]) -> NDArray[np.uint8] | None:
        # GDAL shows WhiteIsZero as a palette.
        if meanings[self._bands[0] - 1] != "palette" or self._white_is_zero:
            return None
        table = np.zeros((2**16, 3), np.uint8)
        for value, color in self._dataset.colormap(self._bands[0]).items():
            table[value] = color[:3]
        return table


def _says_data(flags: Sequence[Any]) -> bool:
    """Return whether a band has a mask of its own, or a value for pixels without data."""
    names = {flag.name for flag in flags}
    return "nodata" in names or ("per_dataset" in names and "alpha" not in names)


def needs_gdal(path: Location, kind: str, what: str) -> DataError:
    """Return the error for a file that only the extra `rasters` can read."""
    return DataError(
        f"{path}: {kind} is a {what}, which is read by GDAL\n"
        f"  {INSTALL}, or convert it to a plain TIFF or PNG",
        fault="image_kind",
    )
