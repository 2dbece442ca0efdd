"""Label maps of the regions of the VGG Image Annotator."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seg.data.readers.drawn_pairs import ImageLabels
from seg.data.readers.image_decoding import MAX_PIXELS
from seg.data.readers.pixel_centers import Size
from seg.data.readers.polygons import no_class_error
from seg.data.readers.readers import read_size
from seg.data.readers.urls import Location
from seg.data.readers.via_file import ViaFile
from seg.data.readers.via_regions import RegionClasses, ViaImage, ViaRegion
from seg.data.readers.via_shapes import DRAWN_KINDS, RegionPainter
from seg.errors import DataError, brief, first_of

Undrawn = Literal["error", "exclude"]
"""What happens to regions without an area."""

OverlapOrder = Literal["file", "area"]
"""Which region lies on top: the later in the file, or the smaller; of equal ones the later."""

_SHOWN = 80


@dataclass(frozen=True)
class ViaDrawing:
    """Choices that decide what is drawn.

    Attributes:
        classes: of the regions.
        unlabelled: file id of the pixels of no region.
        undrawn: regions without an area are an error, or left out.
        overlap_order: which region lies on top.
    """

    classes: RegionClasses
    unlabelled: int
    undrawn: Undrawn
    overlap_order: OverlapOrder


class ViaLabels(ImageLabels[ViaFile, ViaImage, ViaDrawing]):
    """A `ReadLabel` that draws the regions of an image, which stands for its label.

    Regions cover the pixels whose centres lie in the path that the tool draws on its canvas.

    Args:
        images: of each image file, the annotation file and its entry.
        ids: file id of each label.
        drawing: the other choices.
    """

    def __call__(self, path: Location) -> NDArray[Any]:
        """Draw the regions of an image as file ids, int32, H x W.

        Raises:
            DataError: what is wrong with which region, or a label is no class.
        """
        file, image = self._images[str(path)]
        regions = list(drawn_regions(image.regions))
        if self._drawing.undrawn == "error":
            _check_kinds(image.regions, f"{file.path}: {image.place}")
        names = [self._drawing.classes.label(region, file.path) for region in regions]
        unknown = sorted(set(names) - set(self._ids))
        ids = self._ids | {name: -number for number, name in enumerate(unknown, start=1)}
        height, width = read_size(path)
        size = (width, height)
        if height * width > MAX_PIXELS:
            raise DataError(
                f"{path}: the image has more than {MAX_PIXELS} pixels; cut it into tiles",
                fault="too_large",
            )
        label_HW = np.full((height, width), self._drawing.unlabelled, np.int32)
        painter = RegionPainter(size)
        places = [
            f"{region.place} ({name[:_SHOWN]!r}, {region.kind})"
            for region, name in zip(regions, names, strict=True)
        ]
        areas: dict[int, int] = {}
        for at in self._order(regions, size, file.path):
            part = painter.draw(regions[at], f"{file.path}: {places[at]}")
            part.paint(label_HW, ids[names[at]])
            areas[at] = int(np.count_nonzero(part.mask_HW))
        self._note(path, [place for at, place in enumerate(places) if not areas[at]])
        if unknown:
            pixels = {name: int((label_HW == ids[name]).sum()) for name in unknown}
            raise no_class_error(f"{file.path}: {image.place}", pixels, list(self._ids))
        return label_HW

    def _order(self, regions: Sequence[ViaRegion], size: Size, where: object) -> list[int]:
        """Return the positions of regions from the lowest to the topmost.

        For the areas all regions are drawn and forgotten: together they may need much memory.
        """
        order = list(range(len(regions)))
        if self._drawing.overlap_order == "file":
            return order
        painter = RegionPainter(size)
        areas = [
            np.count_nonzero(painter.draw(region, f"{where}: {region.place}").mask_HW)
            for region in regions
        ]
        return sorted(order, key=lambda at: -areas[at])


def drawn_regions(regions: Iterable[ViaRegion]) -> Iterable[ViaRegion]:
    """Return the regions that have an area."""
    return (region for region in regions if region.kind in DRAWN_KINDS)


def _check_kinds(regions: Iterable[ViaRegion], where: str) -> None:
    others = Counter(region.kind for region in regions if region.kind not in DRAWN_KINDS)
    if others:
        listed = first_of([f"{count} {brief(kind)}" for kind, count in others.items()])
        raise DataError(
            f"{where}: regions without an area: {listed}; allowed: {', '.join(DRAWN_KINDS)}\n"
            "  draw them as polygons, or leave them out: dataset.undrawn=exclude",
            fault="label_kind",
        )
