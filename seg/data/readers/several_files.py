"""Images whose bands lie in several files of one band each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seg.data.readers.bands import chosen_bands, further_bands_error, repeated_grey
from seg.data.readers.file_masks import MASKED_SUFFIXES
from seg.data.readers.gdal import Masked, gdal_errors, has_gdal, open_file
from seg.data.readers.stored_decoding import StoredDecoding, StoredValues
from seg.data.readers.urls import Location, is_remote
from seg.data.readers.value_range import RGB_CHANNELS, ImageDecoding
from seg.errors import DataError

_UPRIGHT = 1
ReadFile = Callable[[Location, ImageDecoding], tuple[Any, Any, int]]
"""Reads an image file; returns also the orientation that it had."""


def read_band_files(
    files: Mapping[str, Location], path: Location, decoding: ImageDecoding, read: ReadFile
) -> Masked:
    """Read the declared bands of an image, each from its file, as one image.

    Args:
        files: by the names of their bands.
        path: which stands for all, for messages.
        decoding: what is declared of the image; bands by number or name, in the order of `files`.
        read: reads a file.

    Raises:
        DataError: a file cannot be read, or files do not fit together.
    """
    names, count = list(files), len(files)
    if decoding.bands is not None:
        names = [names[band - 1] for band in chosen_bands(decoding, path, count, (names,))]
    elif count != RGB_CHANNELS:
        raise further_bands_error(decoding, path, count)
    chosen = [files[name] for name in names]
    stored = [_read_band(file, decoding, read) for file in chosen]
    for file, each in zip(chosen[1:], stored[1:], strict=True):
        _check_same(chosen[0], stored[0], file, each)
    _check_grids(chosen)
    lacks_data_HW = None
    for each in stored:
        if each.lacks_data_HW is not None:
            before = False if lacks_data_HW is None else lacks_data_HW
            lacks_data_HW = each.lacks_data_HW | before
    values_HWC = np.stack([each.values for each in stored], 2)
    scaled_HWC = decoding.scale(values_HWC, stored[0].bits, path, lacks_data_HW)
    return repeated_grey(scaled_HWC), lacks_data_HW


def _read_band(file: Location, decoding: ImageDecoding, read: ReadFile) -> StoredValues:
    watched = StoredDecoding.of(decoding, bands=None, value_range=None, composite=None)
    *_, orientation = read(file, watched)
    if not watched.captured:
        raise _no_band(file, "colors of a palette")
    values, bits, lacks_data_HW = watched.captured[0]
    bands = 1 if values.ndim == 2 else values.shape[2]
    if bands != 1:
        raise _no_band(file, f"{bands} bands")
    if orientation != _UPRIGHT:
        raise _no_band(file, f"an image that its EXIF orientation {orientation} turns")
    return StoredValues(values.reshape(values.shape[:2]), bits, lacks_data_HW)


def _no_band(file: Location, what: str) -> DataError:
    return DataError(
        f"{file}: holds {what}, and it is one of several files of an image\n"
        "  each holds one band, upright, as numbers",
        fault="bands",
    )


def _check_same(first: Location, stored: StoredValues, file: Location, other: StoredValues) -> None:
    facts = [
        f"{each.values.dtype}, {each.values.shape[1]} x {each.values.shape[0]}"
        for each in (stored, other)
    ]
    if facts[0] != facts[1]:
        size = stored.values.shape != other.values.shape
        raise DataError(
            f"files of one image differ: {first} is {facts[0]}, {file} is {facts[1]}\n"
            "  give all bands one type and one size (gdalwarp resamples)",
            fault="size_mismatch" if size else "image_kind",
        )


def _check_grids(files: Sequence[Location]) -> None:
    """Refuse files that lie at different places on the map."""
    if not has_gdal():
        return
    places = []
    for file in files:
        if not is_remote(file) and Path(file).suffix.lower() in MASKED_SUFFIXES:
            with gdal_errors(file), open_file(Path(file)) as dataset:
                places.append((file, dataset.transform, dataset.crs))
    for file, transform, crs in places[1:]:
        first, of_first, crs_of_first = places[0]
        if not transform.almost_equals(of_first, 1e-6) or crs != crs_of_first:
            raise DataError(
                f"files of one image lie at different places on the map: {first} and {file}\n"
                "  warp them to one grid (gdalwarp)",
                fault="size_mismatch",
            )
