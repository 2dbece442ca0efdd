"""Images with a place on the map, and the warnings or errors if results lose it."""

import logging
from collections.abc import Sequence
from pathlib import PurePosixPath

from seg.data.readers.gdal import INSTALL, has_gdal
from seg.data.readers.urls import is_remote
from seg.errors import ConfigError, first_of
from seg.prediction.items import Item
from seg.prediction.writer import Format

RASTERS = (".jp2", ".tif", ".tiff")
"""Suffixes of the files that GDAL reads here."""

_log = logging.getLogger(__name__)


def report_lost_places(
    items: Sequence[Item], formats: Sequence[Format], *, keep: bool = True
) -> None:
    """Warn at the start of results without the place on the map of their images.

    Raises:
        ConfigError: a format promises a place that it cannot keep, and `keep` is set.
    """
    lost = [item for item in items if item.placed and item.kind != "raster"]
    promised = [item for item in lost if item.kind == "image" and _suffix(item) in RASTERS]
    named = [each.name for each in formats if each.keeps_place]
    if promised and named and keep and not has_gdal():
        raise ConfigError(
            f"{len(promised)} images lie on the map ({_names(promised)}), and"
            f" formats={','.join(named)} keep that place with the extra `rasters` alone\n"
            f"  {INSTALL}, or give place=drop to do without the place"
        )
    if lost:
        _log.warning(
            "%d images lie on the map, and their results will not: %s\n"
            "  single TIFF and JPEG 2000 images alone keep their place and pixels without data"
            " (extra `rasters`)",
            len(lost), _names(lost),
        )  # fmt: skip
    remote = [item for item in items if is_remote(item.source) and _suffix(item) in RASTERS]
    if remote:
        _log.warning(
            "%d TIFF or JPEG 2000 images are read from addresses; if they lie on the map, their"
            " results will not: %s\n  copy them to this machine first",
            len(remote), _names(remote),
        )  # fmt: skip


def _names(items: Sequence[Item]) -> str:
    """Return the names of the first items."""
    return first_of([PurePosixPath(item.source).name for item in items])


def _suffix(item: Item) -> str:
    """Return the suffix of an item's source in lower case."""
    return PurePosixPath(item.source).suffix.lower()
