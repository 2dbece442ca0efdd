"""Which images have a place on the map, and what becomes of it."""

import logging
from collections.abc import Sequence
from pathlib import PurePosixPath

from seg.data.readers.gdal import INSTALL, has_gdal
from seg.data.readers.urls import is_remote
from seg.errors import ConfigError
from seg.prediction.items import Item
from seg.prediction.writer import Format

RASTERS = (".jp2", ".tif", ".tiff")
"""Suffixes of the files that GDAL reads here."""

_log = logging.getLogger(__name__)
_SHOWN = 3


def report_lost_places(
    items: Sequence[Item], formats: Sequence[Format], *, keep: bool = True
) -> None:
    """Say at the start which places on the map results will not have.

    Args:
        items: what is predicted.
        formats: what is written.
        keep: whether a place that a format promises and cannot keep is an error.

    Raises:
        ConfigError: it is.
    """
    lost = [item for item in items if item.placed and item.kind != "raster"]
    promised = [item for item in lost if item.kind == "picture" and _suffix(item) in RASTERS]
    named = [each.name for each in formats if each.keeps_place]
    if promised and named and keep and not has_gdal():
        raise ConfigError(
            f"{len(promised)} images lie on the map ({_named(promised)}), and"
            f" formats={','.join(named)} keep that place with the extra `rasters` alone\n"
            f"  {INSTALL}, or give place=drop to do without the place"
        )
    if lost:
        _log.warning(
            "%d images lie on the map, and their results will not: %s\n"
            "  single TIFF and JPEG 2000 images alone keep their place and pixels without data"
            " (extra `rasters`)",
            len(lost), _named(lost),
        )  # fmt: skip
    remote = [item for item in items if is_remote(item.source) and _suffix(item) in RASTERS]
    if remote:
        _log.warning(
            "%d TIFF or JPEG 2000 images are read from addresses; if they lie on the map, their"
            " results will not: %s\n  copy them to this machine first",
            len(remote), _named(remote),
        )  # fmt: skip


def _named(items: Sequence[Item]) -> str:
    more = ", ..." if len(items) > _SHOWN else ""
    return ", ".join(PurePosixPath(item.source).name for item in items[:_SHOWN]) + more


def _suffix(item: Item) -> str:
    return PurePosixPath(item.source).suffix.lower()
