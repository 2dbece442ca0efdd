"""Output formats that hold regions as polygons, so that label tools and maps open them."""

import logging
import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.urls import is_remote
from seg.errors import ConfigError, DataError
from seg.inference.image_source import Raster
from seg.prediction.items import Item
from seg.prediction.polygons import (
    INSTALL,
    UNCUT,
    Cuts,
    Region,
    Regions,
    has_polygons,
)
from seg.prediction.regions import drawn_classes, trace_classes
from seg.prediction.writer import BufferedWriter, Format, ManifestEntry, Settings, Writer

Size = tuple[int, int]
"""Width and height, in px."""

_SMALL, _SMALL_PX = "small_regions", "small_pixels"
# Production Char of the XML 1.0 specification.
_IN_XML = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_log = logging.getLogger(__name__)


class PolygonFormat(Format):
    """Regions of classes, simplified together (`seg.prediction.polygons`).

    A class called `background` is left out unless `classes` names it: label tools mean by it what
    has no shape.

    Attributes:
        classes: the names of the classes that are written, by position.

    Raises:
        ConfigError: the extra `polygons` is missing, or the network has no such class.
    """

    draws_polygons = True
    takes_overlaps = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        check_library(self.name)
        self.classes = drawn_classes(settings.labels.names, settings.options.classes)

    def log_summary(self, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
        """Log how many small regions there are no more."""
        log_small(self, done)


class ShapeFormat(PolygonFormat):
    """Shapes for a label tool, of one image after the other.

    Raises:
        ConfigError: see `PolygonFormat`.
    """

    def open(self, item: Item, raster: Raster) -> Writer:
        """Start to collect a label map.

        Raises:
            DataError: it is too large to be simplified as a whole.
        """
        check_size(self.name, item, raster)
        size = (raster.width, raster.height)
        return BufferedWriter(
            raster.height,
            lambda piece: piece.label_HW,
            lambda label_HW: self._save(item, size, label_HW),
        )

    @abstractmethod
    def save(self, item: Item, size: Size, regions: Sequence[Region]) -> None:
        """Write the regions of an item; they are of `classes`."""

    def _save(self, item: Item, size: Size, label_HW: NDArray[Any]) -> dict[str, int]:
        """Trace and write an item; return the part for the manifest."""
        regions = trace(self.settings, label_HW)
        self.save(
            item, size, [each for each in regions.regions if each.class_index in self.classes]
        )
        return small_part(regions)


def trace(settings: Settings, label_HW: NDArray[Any], cuts: Cuts = UNCUT) -> Regions:
    """Trace the regions of a label map by the options of the command."""
    options = settings.options
    return trace_classes(
        label_HW,
        settings.labels,
        tolerance_px=options.simplify_tolerance_px,
        min_area_px=options.min_area_px,
        cuts=cuts,
    )


def small_part(*regions: Regions) -> dict[str, int]:
    """Return what the manifest records of an item: its regions that were too small."""
    return {
        _SMALL: sum(each.num_small for each in regions),
        _SMALL_PX: sum(each.small_px for each in regions),
    }


def log_small(of: Format, done: Sequence[tuple[Item, ManifestEntry]]) -> None:
    """Log how many regions of all items were too small."""
    parts = [record["parts"][of.name] for _, record in done]
    if num_small := sum(part[_SMALL] for part in parts):
        _log.info(
            "%s: %d regions below min_area_px=%d joined a neighbor (%d pixels)",
            of.name,
            num_small,
            of.settings.options.min_area_px,
            sum(part[_SMALL_PX] for part in parts),
        )


def check_library(format_name: str) -> None:
    """Check that the extra `polygons` is installed.

    Raises:
        ConfigError: it is not.
    """
    if not has_polygons():
        raise ConfigError(f"formats={format_name}: needs the extra `polygons`: {INSTALL}")


def check_size(format_name: str, item: Item, raster: Raster) -> None:
    """Check that a label map is small enough to be simplified as a whole.

    Raises:
        DataError: it is not.
    """
    if raster.height * raster.width > MAX_PIXELS:
        raise DataError(
            f"{item.source}: {raster.width} x {raster.height} pixels are too many for"
            f" formats={format_name}, which simplifies an image as a whole (up to {MAX_PIXELS})\n"
            "  cut it into tiles, or leave that format out",
            fault="too_large",
        )


def check_xml(text: str, what: str, format_name: str) -> None:
    """Check that XML can hold a text.

    Raises:
        ConfigError: it has control characters, or bytes that are no text.
    """
    if not _IN_XML.fullmatch(text):
        raise ConfigError(
            f"formats={format_name}: {what} {text!r}: has characters that XML cannot hold\n"
            "  rename it, or leave that format out"
        )


def local_image(format_name: str, item: Item) -> Path:
    """Return the image file of an item, which the written file names.

    Raises:
        ConfigError: the item is a page, a frame, or lies at an address.
    """
    if item.kind not in ("image", "raster") or is_remote(item.source):
        what = {"page": "pages of a TIFF", "frame": "frames of a video"}.get(item.kind, "addresses")
        raise ConfigError(
            f"formats={format_name}: {item.source}: its files name image files, and {what} are none"
            "\n  save the images as files on this machine first"
        )
    return Path(item.source)


def image_name(item: Item) -> str:
    """Return the name of an item's image below the input, with its suffix if it is a file."""
    suffix = Path(item.source).suffix if item.kind in ("image", "raster") else ""
    return item.name + suffix


def in_percent(corners: Any, size: Size) -> list[list[float]]:
    """Return corners in percent of the image's sides."""
    values_N2 = np.asarray(corners, np.float64) * 100 / size
    percent: list[list[float]] = values_N2.round(6).tolist()
    return percent
