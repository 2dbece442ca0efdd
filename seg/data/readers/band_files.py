"""Images whose bands lie in several files: `a_{b2,b3,b8}.tif` stands for three."""

import re
from pathlib import Path

from seg.data.readers.urls import Location, is_remote

BAND_LIST = re.compile(r"\{([^{}/,]+(?:,[^{}/,]+)+)\}")
"""The names of the bands, as they stand in the files' names."""


def band_files(location: Location) -> dict[str, Location]:
    """Return the files that a location stands for by the names of their bands; empty: it is one.

    A local file of that very name is one.
    """
    text = str(location)
    if "{" not in text:
        return {}
    lists = BAND_LIST.findall(text)
    if len(lists) != 1 or (not is_remote(location) and Path(location).exists()):
        return {}
    files = {name: BAND_LIST.sub(lambda _, name=name: name, text) for name in lists[0].split(",")}  # type: ignore[misc]
    if is_remote(location):
        return dict(files)
    return {name: Path(file) for name, file in files.items()}


def files_of(location: Location) -> tuple[Location, ...]:
    """Return the files of an image: several, or the location itself."""
    return tuple(band_files(location).values()) or (location,)
