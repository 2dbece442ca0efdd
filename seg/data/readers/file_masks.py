"""Image files that may say themselves which of their pixels have data."""

from pathlib import Path, PurePosixPath

from seg.data.readers.band_files import files_of
from seg.data.readers.tiff_pages import is_tiff, read_pages
from seg.data.readers.urls import Location, is_remote

MASKED_SUFFIXES = (".tif", ".tiff", ".jp2")
"""Suffixes of such files."""

_MAGIC_BYTES = 8


def may_lack_data(location: Location) -> bool:
    """Return whether an image file may have a mask, alpha or a value for pixels without data.

    Of a local TIFF its header says it; other files of these formats may, as long as they are not
    decoded.
    """
    files = files_of(location)
    if len(files) > 1:
        return any(map(may_lack_data, files))
    if PurePosixPath(str(location)).suffix.lower() not in MASKED_SUFFIXES:
        return False
    if is_remote(location):
        return True
    try:
        with Path(location).open("rb") as file:
            if not is_tiff(file.read(_MAGIC_BYTES)):
                return True
            file.seek(0)
            return any(page.masked or page.has_alpha for page in read_pages(file))
    except Exception:  # reading it reports the fault; damaged headers raise nearly anything
        return True
